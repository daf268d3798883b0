//! What is written on a priced span.

use super::{Outcome, Values};
use crate::attribution::Dimension;
use crate::genai::call::Call;
use crate::genai::found::Group as SpanGroup;
use crate::genai::usage::Group;
use crate::otlp::attribute::{DoubleAttribute, DoubleAttributes, StringAttribute, put_int, put_string};
use crate::otlp::splice::Plan;
use crate::pricing::{Catalog, Picodollars, Status};
use crate::settlement::{Spent, Sums, Verdict};

/// The key that says that a pricetag was here.
pub(super) const STATUS: &str = "pricetag.status";

/// The reason of a duplicate where no span can be named.
const DUPLICATE_OF_EVENT: &str = "a log event tells of the same call and counts";

/// Of a call that does not count: its status, the span that counts in its place, if one can be named, and the reason in words.
pub fn instead(verdict: Verdict) -> Option<(Status, Option<String>, String)> {
    match verdict {
        Verdict::Counts => None,
        Verdict::Duplicate { of } => {
            let of = of.map(|of| format!("{:016x}", u64::from_be_bytes(of)));
            let reason = match &of {
                Some(of) => format!("span {of} tells of the same call and counts"),
                None => DUPLICATE_OF_EVENT.to_owned(),
            };
            Some((Status::Duplicate, of, reason))
        }
        Verdict::Aggregate => Some((Status::Aggregate, None, "the calls below it count".to_owned())),
    }
}

/// Our own keys, in the order of their bits in [`Call::ours`]. Aliases follow.
const KEYS: [&str; 22] = [
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
    "pricetag.action.name",
    "pricetag.action.cost",
    "pricetag.action.calls",
    "pricetag.action.unpriced",
    "pricetag.action.tokens.input",
    "pricetag.action.tokens.output",
    "pricetag.cost.direct",
    "pricetag.cost.inclusive",
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
    pub(super) const ACTION_NAME: usize = 14;
    pub(super) const ACTION_COST: usize = 15;
    pub(super) const ACTION_CALLS: usize = 16;
    pub(super) const ACTION_UNPRICED: usize = 17;
    pub(super) const ACTION_INPUT: usize = 18;
    pub(super) const ACTION_OUTPUT: usize = 19;
    pub(super) const DIRECT: usize = 20;
    pub(super) const INCLUSIVE: usize = 21;
    pub(super) const FIRST_ALIAS: usize = 22;
}

/// The parts of a bill that are written only where they are not zero.
const PARTS: [(usize, Group); 3] =
    [(key::CACHE_READ, Group::CacheRead), (key::CACHE_WRITE, Group::CacheWrite), (key::OTHER, Group::Other)];

/// Whether one of our own keys is `key`, or would stand below it where attributes are shown as a tree.
pub fn is_taken(key: &str) -> bool {
    KEYS.iter().any(|own| own.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// How many aliases and dimensions fit beside our own keys into the bits of [`Call::ours`].
pub const MAX_ALIASES: usize = 18;
/// As [`MAX_ALIASES`].
pub const MAX_DIMENSIONS: usize = 64 - KEYS.len() - MAX_ALIASES;

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
    /// Under which keys dimensions are written, by their positions in the config.
    dimensions: Vec<StringAttribute>,
    /// By position: our own keys, then the aliases.
    doubles: Vec<DoubleAttribute>,
    /// What a priced span gets where neither any of our keys nor a cost of the sender's is there already: total, input, output, those
    /// of the [`PARTS`] whose bits are set in the index, the aliases.
    costs: [DoubleAttributes; 1 << PARTS.len()],
    /// `pricetag.status`, by the number of the status.
    statuses: Vec<Box<[u8]>>,
}

impl Annotations {
    /// Attributes, aliases and dimensions; those beyond [`MAX_ALIASES`] and [`MAX_DIMENSIONS`] are not written.
    pub fn new(attributes: Attributes, mut aliases: Vec<String>, dimensions: &[Dimension]) -> Self {
        aliases.truncate(MAX_ALIASES);
        let dimensions = dimensions.iter().take(MAX_DIMENSIONS);
        let dimensions = dimensions.map(|it| StringAttribute::new(&it.written)).collect();
        let keys = KEYS.into_iter().chain(aliases.iter().map(String::as_str));
        let doubles: Vec<_> = keys.map(DoubleAttribute::new).collect();
        let costs = std::array::from_fn(|index| {
            let parts = (0..PARTS.len()).filter(|nth| index >> nth & 1 == 1).map(|nth| PARTS[nth].0);
            let keys = [key::TOTAL, key::INPUT, key::OUTPUT].into_iter().chain(parts);
            let aliases = &doubles[key::FIRST_ALIAS..];
            DoubleAttributes::new(keys.map(|key| &doubles[key]).chain(aliases))
        });
        let mut statuses =
            vec![Box::default(); 1 + Status::ALL.iter().map(|it| *it as usize).max().unwrap_or(0)];
        for status in Status::ALL {
            let mut attribute = Vec::new();
            put_string(&mut attribute, STATUS, status.as_str());
            statuses[*status as usize] = attribute.into();
        }
        Annotations { attributes, aliases, dimensions, doubles, costs, statuses }
    }

    /// Every key that may be written, those of dimensions from [`first_dimension`](Self::first_dimension) on.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let dimensions = self.dimensions.iter().map(StringAttribute::key);
        KEYS.into_iter().chain(self.aliases.iter().map(String::as_str)).chain(dimensions)
    }

    /// The position of the first key of a dimension.
    pub(super) fn first_dimension(&self) -> usize {
        KEYS.len() + self.aliases.len()
    }

    /// Plans what the span of a root or an agent gets: what was spent below it.
    pub(super) fn write_sums(
        &self,
        plan: &mut Plan,
        group: &SpanGroup,
        sums: &Sums,
        action: &str,
        dimensions: &Values<'_>,
    ) {
        plan.insert(group.frame, |out| {
            let mut span = Span { out, present: group.ours, of: self };
            if let Some(spent) = &sums.trace {
                if !action.is_empty() {
                    span.string(key::ACTION_NAME, action);
                }
                span.spent(key::ACTION_COST, spent);
                span.int(key::ACTION_CALLS, spent.calls);
                if spent.unpriced > 0 {
                    span.int(key::ACTION_UNPRICED, spent.unpriced);
                }
                span.int(key::ACTION_INPUT, spent.input);
                span.int(key::ACTION_OUTPUT, spent.output);
                span.dimensions(dimensions);
            }
            if let Some([direct, inclusive]) = &sums.agent {
                span.spent(key::DIRECT, direct);
                span.spent(key::INCLUSIVE, inclusive);
            }
        });
    }

    /// Plans what a call's span gets. No key is written twice: what is there already stays.
    pub(super) fn write(
        &self,
        plan: &mut Plan,
        call: &Call<'_>,
        outcome: &Outcome<'_>,
        verdict: Verdict,
        catalog: &Catalog,
        dimensions: &Values<'_>,
    ) {
        plan.insert(call.frame, |out| {
            let mut span = Span { out, present: call.ours, of: self };
            match verdict {
                Verdict::Counts => {
                    self.counted(&mut span, call, outcome, catalog);
                    span.dimensions(dimensions);
                }
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
            let part = |group: Group| parts[group as usize].to_usd_f64();
            let usd = total.to_usd_f64();
            let mut costs = [
                (key::TOTAL, usd),
                (key::INPUT, part(Group::Input)),
                (key::OUTPUT, part(Group::Output)),
                // Those of the parts that are not zero.
                (0, 0.0),
                (0, 0.0),
                (0, 0.0),
            ];
            let (mut count, mut index) = (costs.len() - PARTS.len(), 0);
            for (nth, (key, group)) in PARTS.into_iter().enumerate() {
                if !parts[group as usize].is_zero() {
                    costs[count] = (key, part(group));
                    count += 1;
                    index |= 1 << nth;
                }
            }
            let costs = &costs[..count];
            let has_none_of_ours = span.present.trailing_zeros() as usize >= self.first_dimension();
            if has_none_of_ours && call.reported.is_none() {
                self.costs[index].put(span.out, costs.iter().map(|(_, cost)| *cost), usd);
            } else {
                costs.iter().for_each(|&(key, cost)| span.double(key, cost));
                // Beside a cost of the sender's, an alias would contradict it under a name that backends read.
                let aliases = if call.reported.is_none() { self.aliases.len() } else { 0 };
                (0..aliases).for_each(|nth| span.double(key::FIRST_ALIAS + nth, usd));
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
    present: u64,
    of: &'o Annotations,
}

impl Span<'_> {
    fn has(&self, key: usize) -> bool {
        self.present >> key & 1 == 1
    }

    fn money(&mut self, key: usize, amount: Picodollars) {
        self.double(key, amount.to_usd_f64());
    }

    fn double(&mut self, key: usize, value: f64) {
        if !self.has(key) {
            self.of.doubles[key].put(self.out, value);
        }
    }

    /// Money, unless nothing of it is known.
    fn spent(&mut self, key: usize, spent: &Spent) {
        if spent.unpriced == 0 || spent.unpriced < spent.calls {
            self.money(key, Picodollars::new(spent.picodollars));
        }
    }

    fn int(&mut self, key: usize, value: u64) {
        if !self.has(key) {
            put_int(self.out, KEYS[key], i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    fn dimensions(&mut self, values: &Values<'_>) {
        let first = self.of.first_dimension();
        for (nth, (attribute, value)) in self.of.dimensions.iter().zip(values).enumerate() {
            // What is no UTF-8 is not ours to send on.
            if !value.is_empty() && !self.has(first + nth) && value.is_utf8() {
                attribute.put(self.out, value.0);
            }
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
