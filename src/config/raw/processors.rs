//! `processors:` as written.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};

use super::Component;
use crate::config::model::{Alias, Attributes, Upstream};
use crate::config::values::GoDuration;
use crate::processor::Reported;

/// A processor.
#[derive(Debug)]
pub(in crate::config) enum Processor {
    Pricetag(Pricetag),
    /// Of the Collector, accepted so that a config can be pasted.
    Batch,
    /// Of the Collector, accepted so that a config can be pasted.
    MemoryLimiter,
}

impl Component for Processor {
    const KIND: &'static str = "processor";
    const TYPES: &'static [&'static str] = &["pricetag", "batch", "memory_limiter"];

    fn read<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error> {
        let accepted = match kind {
            "batch" => Processor::Batch,
            "memory_limiter" => Processor::MemoryLimiter,
            _ => return map.next_value().map(Processor::Pricetag),
        };
        map.next_value::<IgnoredAny>().map(|_| accepted)
    }

    fn schema(kind: &str, generator: &mut SchemaGenerator) -> Schema {
        match kind {
            "pricetag" => generator.subschema_for::<Pricetag>(),
            _ => json_schema!({
                "type": "object",
                "description": "A component of the Collector: accepted, and not needed here.",
            }),
        }
    }
}

/// Recognises LLM calls in traces, prices them, and writes the price onto their spans.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Pricetag {
    /// How much is written onto priced spans. Default: default.
    pub(in crate::config) attributes: Option<Attributes>,
    /// The keys besides `pricetag.cost.total` that carry the cost, for backends that read them; `[]` for
    /// none. Default: both.
    pub(in crate::config) aliases: Option<Vec<Alias>>,
    /// Price files over the embedded catalog, the last one the strongest; read again when they change. Paths are
    /// relative to the working directory. Default: none.
    pub(in crate::config) prices: Vec<PathBuf>,
    /// The age of the catalog's prices from which on a warning is logged; 0 for none. Default: 1440h.
    pub(in crate::config) prices_stale_after: Option<GoDuration>,
    /// Files of dialects beside the embedded ones: how an instrumentation writes LLM calls, see docs/dialects.md. A scope
    /// that one of them names is read as it says. Paths are relative to the working directory. Default: none.
    pub(in crate::config) dialects: Vec<PathBuf>,
    /// What a cost that the sender put on its span counts for. Default: fallback.
    pub(in crate::config) reported: Option<Reported>,
    /// What to do with spans that carry `pricetag.status` already. Default: trust.
    pub(in crate::config) upstream: Option<Upstream>,
    /// How long after its last span a trace stays open; then its bookings are final. Default: 10s.
    pub(in crate::config) settle_after: Option<GoDuration>,
    /// The memory that open traces may take, in MiB; beyond it the oldest settle early. Default: 64.
    pub(in crate::config) max_open_traces_mib: Option<u32>,
    /// Where to find whom and what a call is for.
    pub(in crate::config) dimensions: Dimensions,
}

/// Attribute keys by dimension. The first key that answers wins, on the span before the resource. A list
/// replaces the default list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Dimensions {
    /// The user. Default: `user.id`, `enduser.id` and what the instrumentations use.
    pub(in crate::config) user: Option<Vec<String>>,
    /// The session or conversation. Default: `session.id`, `gen_ai.conversation.id` and others.
    pub(in crate::config) session: Option<Vec<String>>,
    /// The feature of the product. Default: `pricetag.feature`, `feature` and others.
    pub(in crate::config) feature: Option<Vec<String>>,
}
