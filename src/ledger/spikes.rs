//! Spikes of cost, of every value of a dimension at once: a user whose hour costs much more than that user's hours usually do.
//! docs/spikes.md has the rule for people.
//!
//! [`rule`] and [`state`] are pure. [`watch`] asks the ledger every few seconds and tells what has changed: as a log event
//! ([`event`]), in metrics, to the admin port, to a [`webhook`].

mod event;
pub mod pace;
pub mod rule;
pub mod state;
pub mod watch;
pub mod webhook;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::attribution::Dimension;
pub use rule::{Rule, Times, Usual};
pub use state::{Change, Spike};

/// The dimensions that every booking has, and the attributes that tell them.
pub const OWN_KEYS: [(&str, &str); 7] = [
    ("action", "pricetag.action.name"),
    ("provider", "gen_ai.provider.name"),
    ("model_asked", "gen_ai.request.model"),
    ("model_served", "gen_ai.response.model"),
    ("operation", "gen_ai.operation.name"),
    ("service_tier", "pricetag.service_tier"),
    ("catalog_version", "pricetag.catalog.version"),
];

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The dimension.
    pub by: String,
    /// The attribute that tells its values.
    pub key: String,
    /// When a value spikes.
    pub rule: Rule,
}

impl Watched {
    /// A dimension of these, or of those that every booking has, under a rule.
    pub fn new(by: &str, dimensions: &[Dimension], rule: Rule) -> Self {
        let own = OWN_KEYS.iter().find(|(name, _)| *name == by).map(|(_, key)| (*key).to_owned());
        let named = dimensions.iter().find(|dimension| dimension.name == by).map(|it| it.written.clone());
        let key = named.or(own).unwrap_or_else(|| crate::attribution::written_as(by, false));
        Watched { by: by.to_owned(), key, rule }
    }
}

/// The spikes that there are, for who shows them. Clones show the same ones.
#[derive(Clone, Debug)]
pub struct Spikes {
    watched: Arc<Watched>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    active: Vec<Spike>,
    fired: u64,
    resolved: u64,
}

impl Spikes {
    /// None yet.
    pub fn new(watched: Watched) -> Self {
        Spikes { watched: Arc::new(watched), seen: Arc::default() }
    }

    /// What is watched.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// The spikes that there are, the dearest hour first.
    pub fn active(&self) -> Vec<Spike> {
        self.seen().active.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mut active: Vec<Spike>, changes: &[Change]) {
        active.sort_by(|a, b| b.cost.cmp(&a.cost).then_with(|| a.value.cmp(&b.value)));
        let mut seen = self.seen();
        seen.active = active;
        for change in changes {
            match change {
                Change::Fired(_) => seen.fired += 1,
                Change::Resolved(_) => seen.resolved += 1,
            }
        }
    }

    /// Registers the metrics: how many there are and were. Whose they are is no label, for there may be a million users.
    pub fn register(&self, meter: &Meter) {
        let by = KeyValue::new("dimension", self.watched.by.clone());
        let (spikes, label) = (self.clone(), by.clone());
        meter
            .u64_observable_counter("pricetag.spikes")
            .with_unit("{spike}")
            .with_description("Spikes of cost that have begun (firing) and ended (resolved).")
            .with_callback(move |observer| {
                let seen = spikes.seen();
                for (state, count) in [("firing", seen.fired), ("resolved", seen.resolved)] {
                    observer.observe(count, &[label.clone(), KeyValue::new("state", state)]);
                }
            })
            .build();
        let spikes = self.clone();
        meter
            .u64_observable_gauge("pricetag.spikes.active")
            .with_unit("{spike}")
            .with_description("Spikes of cost that have begun and not ended.")
            .with_callback(move |observer| {
                observer.observe(spikes.seen().active.len() as u64, std::slice::from_ref(&by));
            })
            .build();
    }
}

#[cfg(test)]
mod tests;
