//! `/api/v1/actions`: what people do with the product, and what each time costs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::query::{self, Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Sums, Usd};
use super::{Answer, Question, Sources, time};
use crate::ledger::query::Row;
use crate::ledger::sums::Tally;
use crate::time::rfc3339;

/// The dimension.
const ACTION: &str = "action";

/// What each kind of action has cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Actions {
    /// The beginning: a full hour, of long or old times a full day.
    from: String,
    /// The end.
    until: String,
    /// Of all money.
    currency: &'static str,
    /// The names of actions, the dearest first.
    rows: Vec<Action>,
}

/// All actions of a name.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Action {
    /// The name; empty: not known; `other`: all that have no row of their own.
    value: String,
    #[serde(flatten)]
    sums: Sums,
    /// What one action costs on average, rounded to the picodollar; null: not known.
    cost_per_action: Option<Usd>,
    /// How many calls one action makes on average; null: there is no action.
    calls_per_action: Option<f64>,
}

impl Action {
    fn of(row: Row) -> Self {
        let Tally { calls, actions, .. } = row.settled;
        let each = row.settled.known_money().filter(|_| actions > 0);
        Action {
            sums: Sums::of(&row),
            value: row.value,
            cost_per_action: each.map(|money| Usd(money.scaled(1, actions))),
            calls_per_action: (actions > 0).then(|| calls as f64 / actions as f64),
        }
    }
}

impl Answer for Actions {
    type Row = Action;
    fn rows(&self) -> impl Iterator<Item = &Action> {
        self.rows.iter()
    }
}

impl Question for Actions {
    const PATH: &'static str = "/api/v1/actions";
    const SUMMARY: &'static str = "What each kind of action has cost, and what one costs";
    const PARAMETERS: &'static [Parameter] = &[query::SINCE, query::UNTIL, query::TOP];

    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let ledger = &sources.ledger;
        let hours = time::hours(query, Timestamp::now())?;
        let top = ledger.top(ACTION, hours.clone(), query.number(&query::TOP))?;
        let answered = ledger.answered(&hours);
        Ok(Actions {
            from: rfc3339(answered.start),
            until: rfc3339(answered.end),
            currency: CURRENCY,
            rows: top.rows.into_iter().chain(top.rest).map(Action::of).collect(),
        })
    }
}
