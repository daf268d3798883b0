//! `processors:` as written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};

use super::dimensions::{Actions, Dimension, Lookup};
use super::ledger::Ledger;
use super::margin::Margin;
use super::metrics::Metrics;
use super::sampling::Sampling;
use super::{Component, Redact, Spikes, present};
use crate::config::model::{Alias, Attributes, Upstream};
use crate::config::values::{GoDuration, Secret};
use crate::processor::Reported;
use crate::yaml::ordered::in_order;

/// A processor.
#[derive(Debug)]
pub(in crate::config) enum Processor {
    Pricetag(Box<Pricetag>),
    Redact(Redact),
    /// Of the Collector, accepted so that a config can be pasted.
    Batch,
    MemoryLimiter(MemoryLimiter),
}

impl Component for Processor {
    const KIND: &'static str = "processor";
    const TYPES: &'static [&'static str] = &["pricetag", "redact", "batch", "memory_limiter"];

    fn read<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error> {
        let accepted = match kind {
            "batch" => Processor::Batch,
            "memory_limiter" => return map.next_value().map(Processor::MemoryLimiter),
            "redact" => return map.next_value().map(Processor::Redact),
            _ => return map.next_value().map(|said| Processor::Pricetag(Box::new(said))),
        };
        map.next_value::<IgnoredAny>().map(|_| accepted)
    }

    fn schema(kind: &str, generator: &mut SchemaGenerator) -> Schema {
        match kind {
            "pricetag" => generator.subschema_for::<Pricetag>(),
            "redact" => generator.subschema_for::<Redact>(),
            "memory_limiter" => generator.subschema_for::<MemoryLimiter>(),
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
    /// How long requests of traces are held back from exporters, so that calls leave with what spans above them say, and roots with the cost
    /// of all their calls; `settle_after` at most. They are acknowledged and booked at once. Default: 0, not at all.
    pub(in crate::config) hold: Option<GoDuration>,
    /// How much may be held back, in MiB, on the disk of the queue where that is on disk; beyond it the oldest go earlier. Default: 256.
    pub(in crate::config) max_held_mib: Option<u32>,
    /// The memory that open traces may take, in MiB; beyond it the oldest settle early. Default: 64.
    pub(in crate::config) max_open_traces_mib: Option<u32>,
    /// Whose money it is, by dimension: user, session, feature, workflow, agent, tenant, tier, team, environment, and any
    /// further name. Default: these, told by the keys of docs/attribution.md.
    #[serde(deserialize_with = "in_order")]
    #[schemars(with = "BTreeMap<String, Dimension>")]
    pub(in crate::config) dimensions: Vec<(String, Dimension)>,
    /// The secret with which values are hashed, of 16 bytes at least. Who has it can find out whose hash one is; another
    /// key makes other hashes. Default: none.
    pub(in crate::config) hash_key: Option<Secret>,
    /// Tables from one dimension to others, as from the tenant to its tier. Default: none.
    pub(in crate::config) lookups: Vec<Lookup>,
    /// What actions are called: traces with calls, by their root spans.
    pub(in crate::config) actions: Actions,
    /// The cost metrics.
    pub(in crate::config) metrics: Metrics,
    /// What spans say of those that were sampled away before they came here.
    pub(in crate::config) sampling: Sampling,
    /// Tells when somebody costs much more than usual; a bare `spikes:` has the defaults. Default: off.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) spikes: Option<Spikes>,
    /// Where the ledger is kept.
    pub(in crate::config) ledger: Ledger,
    /// What customers pay, for margins by tier, tenant and action.
    pub(in crate::config) margin: Margin,
}

/// Refuses requests when memory runs short, for all pipelines together. It is there without being named, with the defaults.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct MemoryLimiter {
    /// How old a look at the memory in use may be. Default: 500ms.
    pub(in crate::config) check_interval: Option<GoDuration>,
    /// The memory that pricetag may have, in MiB. Default: `limit_percentage`.
    pub(in crate::config) limit_mib: Option<u32>,
    /// What may come between two looks, in MiB: requests are refused above the limit less this. Default: a fifth of the limit.
    pub(in crate::config) spike_limit_mib: Option<u32>,
    /// The memory that pricetag may have, in percent of what the machine, or the container, has. Default: 75.
    pub(in crate::config) limit_percentage: Option<u32>,
    /// The same as `spike_limit_mib`, in percent of what the machine has.
    pub(in crate::config) spike_limit_percentage: Option<u32>,
}
