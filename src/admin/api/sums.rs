//! What the answers have in common: money, sums, and which rows are told.

use std::borrow::Cow;
use std::cmp::Reverse;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::ledger::OTHER;
use crate::ledger::query::Row;
use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;

/// Always the same: US dollars.
pub(super) const CURRENCY: &str = "USD";

/// US dollars as an exact decimal in a string, for doubles are not exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usd(pub(super) Picodollars);

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,12})?$" })
    }
}

/// Sums of calls.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sums {
    /// What calls of settled traces cost, in US dollars, as far as it is known; null: it is known of none.
    cost: Option<Usd>,
    /// The same of calls whose traces are open: it may still move or go.
    pending: Option<Usd>,
    /// What `cost` would be had no span been sampled away before it came: an estimate; the same where none says that it was.
    estimate: Option<Usd>,
    /// What tokens read from a cache would have cost more in full.
    cache_savings: Option<Usd>,
    /// Settled calls.
    calls: u64,
    /// Calls of open traces.
    pending_calls: u64,
    /// Settled calls of unknown cost: `cost` is too low by what they cost.
    unpriced: u64,
    /// Settled calls that told a time that can not be, and stand where they came in.
    misdated: u64,
    /// Settled actions.
    actions: u64,
    /// Input tokens of settled calls, cached ones included.
    input_tokens: u64,
    /// Of these, read from a cache.
    cached_tokens: u64,
    /// Output tokens of settled calls, reasoning included.
    output_tokens: u64,
    /// Of these, spent on reasoning.
    reasoning_tokens: u64,
}

impl Sums {
    pub(super) fn of(Row { settled, pending, .. }: &Row) -> Self {
        let known = settled.known_money();
        Sums {
            cost: known.map(Usd),
            pending: cost(pending),
            estimate: known.map(|_| Usd(settled.estimate)),
            cache_savings: known.map(|_| Usd(settled.saved)),
            calls: settled.calls,
            pending_calls: pending.calls,
            unpriced: settled.unpriced,
            misdated: settled.misdated,
            actions: settled.actions,
            input_tokens: settled.input,
            cached_tokens: settled.cached,
            output_tokens: settled.output,
            reasoning_tokens: settled.reasoning,
        }
    }
}

/// The money, if any of it is known.
pub(super) fn cost(tally: &Tally) -> Option<Usd> {
    tally.known_money().map(Usd)
}

/// The dearest `top` of the rows, the dearest first, and the rest as one row `other`, the last.
pub(super) fn dearest(mut rows: Vec<Row>, top: usize) -> Vec<Row> {
    let rank = |row: &Row| {
        let money = row.settled.money.saturating_add(row.pending.money);
        (row.value == OTHER, Reverse(money), Reverse(row.settled.calls + row.pending.calls))
    };
    rows.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
    let named = rows.partition_point(|row| row.value != OTHER);
    let rest = rows.split_off(top.min(named)).into_iter().reduce(|a, b| Row {
        settled: a.settled.plus(&b.settled),
        pending: a.pending.plus(&b.pending),
        ..a
    });
    rows.extend(rest.map(|rest| Row { value: OTHER.to_owned(), ..rest }));
    rows
}
