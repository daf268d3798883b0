//! `/api/v1/costs`: what each value of a dimension has cost.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::query::{self, Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Sums, Usd, cost};
use super::{Answer, Question, Sources, missing, time};
use crate::ledger::query::Row;
use crate::time::rfc3339;

/// What each value of a dimension has cost in a time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Costs {
    /// The dimension.
    by: String,
    /// The beginning: a full hour, of long or old times a full day.
    from: String,
    /// The end.
    until: String,
    /// Of all money.
    currency: &'static str,
    /// What all settled calls cost; null: of none it is known.
    total: Option<Usd>,
    /// What all calls cost whose traces are open.
    pending: Option<Usd>,
    /// The values, the dearest first.
    rows: Vec<Value>,
}

/// A value of the dimension.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Value {
    /// The value; empty: of what it is not known; `other`: all that have no row of their own.
    value: String,
    #[serde(flatten)]
    sums: Sums,
}

impl Answer for Costs {
    type Row = Value;
    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.rows.iter()
    }
}

impl Question for Costs {
    const PATH: &'static str = "/api/v1/costs";
    const SUMMARY: &'static str = "What each value of a dimension has cost";
    const PARAMETERS: &'static [Parameter] = &[query::BY, query::SINCE, query::UNTIL, query::TOP];

    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let ledger = &sources.ledger;
        let by = query.get("by").ok_or_else(|| missing("by", &ledger.dimensions()))?;
        let hours = time::hours(query, Timestamp::now())?;
        let top = ledger.top(by, hours.clone(), query.number(&query::TOP))?;
        let rows: Vec<Row> = top.rows.into_iter().chain(top.rest).collect();
        // Of the same moment as the rows, which add up to it.
        let total = rows.iter().fold(Row::default(), |sum, row| Row {
            settled: sum.settled.plus(&row.settled),
            pending: sum.pending.plus(&row.pending),
            ..sum
        });
        let answered = ledger.answered(&hours);
        let row = |row: Row| Value { sums: Sums::of(&row), value: row.value };
        Ok(Costs {
            by: by.to_owned(),
            from: rfc3339(answered.start),
            until: rfc3339(answered.end),
            currency: CURRENCY,
            total: cost(&total.settled),
            pending: cost(&total.pending),
            rows: rows.into_iter().map(row).collect(),
        })
    }
}
