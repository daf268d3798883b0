//! The JSON schema of price files, for editors. It is made from the doc comments of the format.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{CatalogFile, Ordered, Rates};
use crate::genai::usage::Bucket;
use crate::pricing::rate::{Factor, Rate};
use crate::pricing::when::{Hours, Moment};

/// The schema, as it stands in `config/prices.schema.json`.
pub fn schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<CatalogFile>();
    // serde's defaults of absent keys say nothing to a reader.
    let drop_default = |schema: &mut Schema| drop(schema.remove("default"));
    RecursiveTransform(drop_default).transform(&mut schema);
    schema.insert("title".to_owned(), Value::from("Prices for pricetag"));
    format!("{:#}\n", schema.to_value())
}

/// Stands for a field that takes one value or a list of them.
pub(super) struct OneOrMany<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Ordered{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

impl JsonSchema for Rates {
    fn schema_name() -> Cow<'static, str> {
        "Rates".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rate = generator.subschema_for::<Rate>();
        let properties: serde_json::Map<String, Value> = Bucket::ALL
            .into_iter()
            .map(|bucket| {
                let unit = match bucket.per() {
                    1_000_000 => "1M",
                    1_000 => "1,000",
                    _ => "an hour",
                };
                let description = format!("For {unit}; null takes an earlier rate away, in a `when`.");
                let either =
                    serde_json::json!({ "anyOf": [rate, { "type": "null" }], "description": description });
                (bucket.name().to_owned(), either)
            })
            .collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// A decimal that is not negative, as a number or, where its digits should be safe from other readers, as text.
fn decimal(description: &str) -> Schema {
    json_schema!({
        "description": description,
        "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": r"^\d+(\.\d+)?$" },
        ],
    })
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        decimal("An amount, up to 12 digits after the point.")
    }
}

impl JsonSchema for Factor {
    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        decimal("An exact number, up to 12 digits after the point.")
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A date (its midnight, UTC) or a moment: 2026-08-21 or 2026-08-21T10:00:00Z.",
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?))?$",
        })
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Hours of the day, UTC: 01:00-04:00; may pass midnight.",
            "type": "string",
            "pattern": r"^\s*\d{2}:\d{2}(:\d{2})?\s*-\s*\d{2}:\d{2}(:\d{2})?\s*$",
        })
    }
}
