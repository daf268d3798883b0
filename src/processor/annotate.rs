//! What is written on a priced span.

use super::Outcome;
use crate::genai::call::Call;
use crate::genai::usage::Group;
use crate::otlp::attribute::{DoubleAttribute, DoubleAttributes, put_string};
use crate::otlp::splice::Plan;
use crate::pricing::{Catalog, Picodollars, Status};
use crate::settlement::Verdict;

/// The key that says that a pricetag was here.
pub(super) const STATUS: &str = "pricetag.status";

/// The reason of a duplicate where no span can be named.
pub const DUPLICATE_OF_EVENT: &str = "a log event tells of the same call and counts";

/// Our own keys, in the order of their bits in [`Call::ours`]. Aliases follow.
const KEYS: [&str; 14] = [
    STATUS,
    "pricetag.cost.total",
    "pricetag.cost.input",
    "pricetag.cost.output",
    "pricetag.cost.cache_read",
    "pricetag.cost.cache_write",
    "pricetag.cost.other",
    "pricetag.reason",
    "pricetag.cost.currency",
    "pricetag.catalog.model",
    "pricetag.catalog.version",
    "pricetag.reported.cost",
    "pricetag.reported.key",
    "pricetag.duplicate_of",
];

/// Positions in [`KEYS`].
mod key {
    pub(super) const STATUS: usize = 0;
    pub(super) const TOTAL: usize = 1;
    pub(super) const INPUT: usize = 2;
    pub(super) const OUTPUT: usize = 3;
    pub(super) const CACHE_READ: usize = 4;
    pub(super) const CACHE_WRITE: usize = 5;
    pub(super) const OTHER: usize = 6;
    pub(super) const REASON: usize = 7;
    pub(super) const CURRENCY: usize = 8;
    pub(super) const MODEL: usize = 9;
    pub(super) const VERSION: usize = 10;
    pub(super) const REPORTED_COST: usize = 11;
    pub(super) const REPORTED_KEY: usize = 12;
    pub(super) const DUPLICATE_OF: usize = 13;
    pub(super) const FIRST_ALIAS: usize = 14;
}

/// How many aliases fit beside our own keys into the bits of [`Call::ours`].
pub const MAX_ALIASES: usize = 32 - KEYS.len();

/// How much is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attributes {
    /// Cost, status and reason.
    #[default]
    Default,
    /// Currency, catalog model and catalog version too.
    Full,
}

/// Which attributes are written.
#[derive(Clone, Debug)]
pub struct Annotations {
    attributes: Attributes,
    aliases: Vec<String>,
    /// By position: our own keys, then the aliases.
    doubles: Vec<DoubleAttribute>,
    /// What every priced span gets where none of our keys is there already: total, input and output; the aliases.
    costs: DoubleAttributes,
    totals: DoubleAttributes,
    /// `pricetag.status`, by the number of the status.
    statuses: Vec<Box<[u8]>>,
}

impl Annotations {
    /// Attributes and aliases; aliases beyond [`MAX_ALIASES`] are not written.
    pub fn new(attributes: Attributes, mut aliases: Vec<String>) -> Self {
        aliases.truncate(MAX_ALIASES);
        let keys = KEYS.into_iter().chain(aliases.iter().map(String::as_str));
        let doubles: Vec<_> = keys.map(DoubleAttribute::new).collect();
        let costs = DoubleAttributes::new([key::TOTAL, key::INPUT, key::OUTPUT].map(|key| &doubles[key]));
        let totals = DoubleAttributes::new(&doubles[key::FIRST_ALIAS..]);
        let mut statuses =
            vec![Box::default(); 1 + Status::ALL.iter().map(|it| *it as usize).max().unwrap_or(0)];
        for status in Status::ALL {
            let mut attribute = Vec::new();
            put_string(&mut attribute, STATUS, status.as_str());
            statuses[*status as usize] = attribute.into();
        }
        Annotations { attributes, aliases, doubles, costs, totals, statuses }
    }

    /// Every key that may be written.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        KEYS.into_iter().chain(self.aliases.iter().map(String::as_str))
    }

    /// Plans what a call's span gets. No key is written twice: what is there already stays.
    pub(super) fn write(
        &self,
        plan: &mut Plan,
        call: &Call<'_>,
        outcome: &Outcome<'_>,
        verdict: Verdict,
        catalog: &Catalog,
    ) {
        plan.insert(call.frame, |out| {
            let mut span = Span { out, present: call.ours, of: self };
            match verdict {
                Verdict::Counts => self.counted(&mut span, call, outcome, catalog),
                Verdict::Duplicate { of } => {
                    span.status(Status::Duplicate);
                    match of {
                        Some(of) => span.string(key::DUPLICATE_OF, &hex(of)),
                        None => span.string(key::REASON, DUPLICATE_OF_EVENT),
                    }
                }
                Verdict::Aggregate => span.status(Status::Aggregate),
            }
            if let Some((reported_key, amount)) = outcome.reported {
                if let Some(amount) = amount {
                    span.money(key::REPORTED_COST, amount);
                }
                span.string(key::REPORTED_KEY, reported_key);
            }
        });
    }

    fn counted(&self, span: &mut Span<'_>, call: &Call<'_>, outcome: &Outcome<'_>, catalog: &Catalog) {
        let receipt = &outcome.receipt;
        // Where the sender's cost counts, ours would be a second answer.
        let ours = receipt.cost().filter(|_| outcome.status != Status::Reported);
        if let Some(total) = ours {
            let parts = receipt.parts();
            let part = |group: Group| parts[group as usize];
            let usd = total.to_usd_f64();
            let costs = [usd, part(Group::Input).to_usd_f64(), part(Group::Output).to_usd_f64()];
            span.doubles(key::TOTAL, &self.costs, costs);
            let parts = [
                (key::CACHE_READ, part(Group::CacheRead)),
                (key::CACHE_WRITE, part(Group::CacheWrite)),
                (key::OTHER, part(Group::Other)),
            ];
            for (key, amount) in parts.into_iter().filter(|(_, amount)| !amount.is_zero()) {
                span.money(key, amount);
            }
            // Beside a cost of the sender's, an alias would contradict it under a name that backends read.
            if call.reported.is_none() {
                span.doubles(key::FIRST_ALIAS, &self.totals, self.aliases.iter().map(|_| usd));
            }
        }
        span.status(outcome.status);
        if !outcome.reason.is_empty() {
            span.string(key::REASON, &outcome.reason);
        }
        if self.attributes == Attributes::Full {
            if ours.is_some() {
                span.string(key::CURRENCY, "USD");
            }
            if let Some(model) = receipt.model {
                span.string(key::MODEL, catalog.model(model).id());
            }
            span.string(key::VERSION, catalog.version());
        }
    }
}

/// The attributes of one span.
struct Span<'o> {
    out: &'o mut Vec<u8>,
    present: u32,
    of: &'o Annotations,
}

impl Span<'_> {
    fn has(&self, key: usize) -> bool {
        self.present >> key & 1 == 1
    }

    fn money(&mut self, key: usize, amount: Picodollars) {
        self.double(key, amount.to_usd_f64());
    }

    #[inline(always)]
    fn double(&mut self, key: usize, value: f64) {
        if !self.has(key) {
            self.of.doubles[key].put(self.out, value);
        }
    }

    /// Doubles whose keys stand side by side.
    #[inline(always)]
    fn doubles(&mut self, first: usize, all: &DoubleAttributes, values: impl IntoIterator<Item = f64>) {
        if self.present == 0 {
            all.put(self.out, values);
        } else {
            values.into_iter().enumerate().for_each(|(nth, value)| self.double(first + nth, value));
        }
    }

    fn status(&mut self, status: Status) {
        if !self.has(key::STATUS) {
            self.out.extend_from_slice(&self.of.statuses[status as usize]);
        }
    }

    fn string(&mut self, key: usize, value: &str) {
        if !self.has(key) {
            put_string(self.out, KEYS[key], value);
        }
    }
}

fn hex(span: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(span))
}
