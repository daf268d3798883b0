//! As much of JSON Schema as the schema of price files is written in. A keyword that it does not know is a fault too.

use regex::Regex;
use serde_json::Value;

pub(super) struct Validator<'s> {
    root: &'s Value,
}

impl<'s> Validator<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// Everything in `value` that the schema does not take.
    pub(super) fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(self.root, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, said) in keywords {
            let right = match keyword.as_str() {
                "$schema" | "title" | "description" | "definitions" | "format" | "additionalProperties" => {
                    true
                }
                "$ref" => {
                    let name = said.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.root.pointer(name).unwrap(), value, at, faults);
                    true
                }
                "type" => match said {
                    Value::Array(types) => types.iter().any(|one| is_of_type(value, one)),
                    one => is_of_type(value, one),
                },
                "enum" => said.as_array().unwrap().contains(value),
                "const" => said == value,
                "minimum" => value.as_f64().is_none_or(|number| number >= said.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= said.as_f64().unwrap()),
                "pattern" => {
                    let pattern = said.as_str().unwrap().replace(r"\d", "[0-9]").replace(r"\s", "[ ]");
                    value.as_str().is_none_or(|text| Regex::new(&pattern).unwrap().is_match(text))
                }
                "anyOf" | "oneOf" => {
                    let fits = |one: &Value| {
                        let mut inner = Vec::new();
                        self.check(one, value, at, &mut inner);
                        inner.is_empty()
                    };
                    let alternatives = said.as_array().unwrap();
                    let fitting = alternatives.iter().filter(|one| fits(one)).count();
                    fitting > 0 && (keyword == "anyOf" || fitting == 1)
                }
                "allOf" => {
                    said.as_array().unwrap().iter().for_each(|one| self.check(one, value, at, faults));
                    true
                }
                "items" => {
                    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(said, item, &format!("{at}/{nth}"), faults);
                    }
                    true
                }
                "properties" => true,
                _ => panic!("the validator does not know {keyword}"),
            };
            if !right {
                faults.push(format!("{at}: not of {keyword} {said}"));
            }
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{key}");
            match (
                keywords.get("properties").and_then(|known| known.get(key)),
                keywords.get("additionalProperties"),
            ) {
                (Some(schema), _) => self.check(schema, value, &at, faults),
                (None, Some(Value::Bool(false))) => faults.push(format!("{at}: no such key")),
                (None, Some(schema)) => self.check(schema, value, &at, faults),
                (None, None) => {}
            }
        }
    }
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        name => panic!("no such type: {name}"),
    }
}
