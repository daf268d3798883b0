//! The JSON schema of dialects, for editors. It is made from the doc comments of the format.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{DialectFile, OPERATIONS, Word};

/// The schema, as it stands in `config/dialect.schema.json`.
pub fn schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<DialectFile>();
    // serde's defaults of absent keys say nothing to a reader.
    let drop_default = |schema: &mut Schema| drop(schema.remove("default"));
    RecursiveTransform(drop_default).transform(&mut schema);
    schema.insert("title".to_owned(), Value::from("A dialect for pricetag"));
    format!("{:#}\n", schema.to_value())
}

/// Keys by what they say.
pub(super) fn by_word(_: &mut SchemaGenerator) -> Schema {
    let words: Vec<&str> = Word::all().map(Word::as_str).collect();
    json_schema!({
        "type": "object",
        "propertyNames": { "enum": words },
        "additionalProperties": { "type": "array", "items": { "type": "string" } },
    })
}

/// Members of documents by what they say.
pub(super) fn documents(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": by_word(generator) })
}

/// Operations by what is called so.
pub(super) fn operations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "enum": OPERATIONS } })
}
