//! Whose money it is, as written: dimensions, lookups, names of actions.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// Where to find one dimension: a list of attribute keys, or a mapping.
#[derive(Debug, Default)]
pub(in crate::config) struct Dimension(pub(in crate::config) Sources);

/// Where to find a dimension, in the order in which its sources are asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Sources {
    /// Attribute keys, the preferred one first: on the span, then on the spans above it, then on its resource. Default: the
    /// keys of docs/attribution.md; for a dimension of your own `pricetag.<name>` and `<name>`.
    pub(in crate::config) attributes: Option<Vec<String>>,
    /// A header of the request that brought the span, as in `x-tenant`: for a gateway or a Collector for each tenant.
    /// Default: none.
    pub(in crate::config) header: Option<String>,
    /// It is the name of who has logged in at the receiver: a user of `basicauth`, or what stands behind a token of `bearertokenauth`.
    /// Nothing that is sent says otherwise, so `attributes` and `header` have no place beside it. Default: false.
    pub(in crate::config) auth: Option<bool>,
    /// What it is where nothing else says. Default: nothing.
    pub(in crate::config) value: Option<String>,
    /// Keep and write keyed hashes of the values only; needs `hash_key`. Default: false.
    pub(in crate::config) hash: Option<bool>,
}

impl<'de> Deserialize<'de> for Dimension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Dimension;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attribute keys or a mapping")
            }
            fn visit_unit<E>(self) -> Result<Dimension, E> {
                Ok(Dimension::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Dimension, A::Error> {
                let keys = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Dimension(Sources { attributes: Some(keys), ..Sources::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Dimension, A::Error> {
                Sources::deserialize(MapAccessDeserializer::new(map)).map(Dimension)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Dimension {
    fn schema_name() -> Cow<'static, str> {
        "Dimension".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<Vec<String>>().to_value();
        let sources = generator.subschema_for::<Sources>().to_value();
        json_schema!({
            "description": "Attribute keys, or all sources of the dimension.",
            "anyOf": [keys, sources, { "type": "null" }],
        })
    }
}

/// A table from one dimension to others.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Lookup {
    /// The file: .csv with a header line, or .yaml with a mapping of mappings. Read again when it changes. Relative to
    /// the working directory. Required.
    pub(in crate::config) file: PathBuf,
    /// The dimension whose values are looked up: a column of that name, or the outer keys of YAML. Columns that are named
    /// like other dimensions fill these. Required.
    pub(in crate::config) by: String,
}

/// What actions are called.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Actions {
    /// Names for root spans; the first that matches holds. Default: none, an action is called like its root span, with
    /// ids in paths left out.
    pub(in crate::config) names: Vec<ActionName>,
    /// The most names that are told apart; all others are one. Default: 1000.
    pub(in crate::config) max_names: Option<u32>,
}

/// A name for some actions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct ActionName {
    /// What a root span is called, as in `POST /v1/chat*`; `*` stands for any text. Required.
    #[serde(rename = "match")]
    pub(in crate::config) pattern: String,
    /// The name. Required.
    pub(in crate::config) name: String,
}
