//! The JSON schema of the config, for editors. It is made from the doc comments of `raw`.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Value, json};

use super::raw::Root;

/// The schema, as it stands in `config/schema.json`.
pub fn schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Root>();
    allow_variables(&mut schema);
    format!("{:#}\n", schema.to_value())
}

/// A number, a boolean or a word of a list can also be written as a reference to a variable.
fn allow_variables(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    // serde's default of an absent key, not ours; the descriptions name ours.
    object.remove("default");
    let is_typed = match object.get("type") {
        Some(Value::String(kind)) => is_no_text(kind),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(is_no_text),
        _ => false,
    };
    let is_word = object.contains_key("enum") || object.get("oneOf").is_some();
    if !is_typed && !is_word {
        transform_subschemas(&mut allow_variables, schema);
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    let mut typed = std::mem::take(object);
    let description = typed.remove("description");
    let reference =
        json!({ "type": "string", "pattern": "\\$\\{(env:)?[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}" });
    if let Some(description) = description {
        object.insert("description".to_owned(), description);
    }
    object.insert("anyOf".to_owned(), json!([typed, reference]));
}

fn is_no_text(kind: &str) -> bool {
    matches!(kind, "integer" | "number" | "boolean")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: editors are told what the code takes.
    #[test]
    fn the_committed_schema_is_that_of_the_code() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(file, schema()).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == schema(),
            "config/schema.json is out of date: UPDATE_SCHEMA=1 cargo test --lib schema"
        );
    }
}
