//! The maps from component ids to their configs: the type before the `/` decides what may stand in it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::config::error::did_you_mean;
use crate::config::values::{ComponentId, GoDuration, Secret};

/// A kind of component: receivers, processors, exporters or extensions.
pub(in crate::config) trait Component: Sized {
    /// The word for one of it.
    const KIND: &'static str;
    /// The types there are.
    const TYPES: &'static [&'static str];

    /// Reads the config of a component whose type is one of `TYPES`.
    fn read<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error>;

    /// The schema of that config.
    fn schema(kind: &str, generator: &mut SchemaGenerator) -> Schema;
}

/// Components by id, in the order of the file.
#[derive(Debug)]
pub(in crate::config) struct Components<T>(pub(in crate::config) Vec<(ComponentId, T)>);

impl<T> Default for Components<T> {
    fn default() -> Self {
        Components(Vec::new())
    }
}

impl<T> Components<T> {
    pub(in crate::config) fn get(&self, id: &ComponentId) -> Option<&T> {
        self.0.iter().find(|(own, _)| own == id).map(|(_, component)| component)
    }
}

impl<'de, T: Component> Deserialize<'de> for Components<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ComponentsVisitor(PhantomData))
    }
}

struct ComponentsVisitor<T>(PhantomData<T>);

impl<'de, T: Component> Visitor<'de> for ComponentsVisitor<T> {
    type Value = Components<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Components<T>, A::Error> {
        let mut components = Vec::new();
        while let Some(id) = map.next_key_seed(KnownId(PhantomData::<T>))? {
            let component = T::read(id.kind(), &mut map)?;
            components.push((id, component));
        }
        Ok(Components(components))
    }
}

/// Reads an id whose type exists, so that the error stands at the key.
struct KnownId<T>(PhantomData<T>);

impl<'de, T: Component> DeserializeSeed<'de> for KnownId<T> {
    type Value = ComponentId;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ComponentId, D::Error> {
        let id = ComponentId::deserialize(deserializer)?;
        if T::TYPES.contains(&id.kind()) {
            return Ok(id);
        }
        let remedy = did_you_mean(id.kind(), T::TYPES.iter().copied());
        Err(de::Error::custom(format!("pricetag has no {} {:?}; {remedy}", T::KIND, id.kind())))
    }
}

impl<T: Component> JsonSchema for Components<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::KIND).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut patterns = serde_json::Map::new();
        for kind in T::TYPES {
            let schema = T::schema(kind, generator);
            // A component without a value has its defaults.
            patterns.insert(
                format!("^{kind}(/.+)?$"),
                serde_json::json!({ "anyOf": [schema.to_value(), { "type": "null" }] }),
            );
        }
        json_schema!({ "type": "object", "patternProperties": patterns, "additionalProperties": false })
    }
}

impl JsonSchema for ComponentId {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The id of a component: `type` or `type/name`.",
            "pattern": "^[^/]+(/.+)?$",
        })
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A duration as in `300ms`, `5s`, `1m30s`; `0` is none.",
        })
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean", "null"],
            "description": "A value that is never shown; best written as `${env:NAME}`.",
        })
    }
}
