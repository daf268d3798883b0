//! `/api/v1/timeseries`: the same as costs, hour by hour or day by day.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::query::{self, Kind, Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Sums};
use super::{Answer, Question, Sources, time};
use crate::ledger::query::{Point, Step, TOTAL};
use crate::ledger::store::HOURLY;
use crate::time::{LAST_WEEK, hour_of, rfc3339};

const BY: Parameter = Parameter {
    name: "by",
    about: "The dimension whose values are told apart, as /api/v1/dimensions names them. Without it: total, of which everything is one.",
    kind: Kind::Text,
};
const STEP: Parameter = Parameter {
    name: "step",
    about: "How long each point is; a day is one of UTC. Without it: an hour; a day where the time is longer than a week, or long ago.",
    kind: Kind::OneOf(&["hour", "day"]),
};
const TOP: Parameter = Parameter {
    name: "top",
    about: "Values at most: the dearest of the whole time. The rest is one more, `other`.",
    kind: Kind::Number { from: 1, to: 100, default: 5 },
};

/// What the values of a dimension have cost, hour by hour or day by day.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Timeseries {
    /// The dimension.
    by: String,
    /// How long each point is: hour or day.
    step: &'static str,
    /// The beginning: a full hour, of long or old times a full day.
    from: String,
    /// The end.
    until: String,
    /// Of all money.
    currency: &'static str,
    /// The points in the order of time, in each the values by name. What is nothing is left out.
    rows: Vec<Of>,
}

/// A value in an hour or a day.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Point")]
pub(super) struct Of {
    /// When it begins.
    start: String,
    /// The value; empty: of what it is not known, or everything; `other`: all that have no points of their own.
    value: String,
    #[serde(flatten)]
    sums: Sums,
}

impl Answer for Timeseries {
    type Row = Of;
    fn rows(&self) -> impl Iterator<Item = &Of> {
        self.rows.iter()
    }
}

impl Question for Timeseries {
    const PATH: &'static str = "/api/v1/timeseries";
    const SUMMARY: &'static str = "The same hour by hour, or day by day";
    const PARAMETERS: &'static [Parameter] = &[BY, query::SINCE, query::UNTIL, STEP, TOP];

    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let (ledger, now) = (&sources.ledger, Timestamp::now());
        let by = query.get("by").unwrap_or(TOTAL);
        let hours = time::hours(query, now)?;
        let answered = ledger.answered(&hours);
        let has_hours = answered.start >= hour_of(now).saturating_sub(HOURLY);
        let step = match query.get("step") {
            Some("hour") => Step::Hour,
            None if has_hours && hours.len() as u32 <= LAST_WEEK => Step::Hour,
            _ => Step::Day,
        };
        if step == Step::Hour && !has_hours {
            let days = HOURLY / 24 - 1;
            return Err(Refusal::from(format!(
                "hours are kept for {days} days: say step=day, or since={days}d"
            )));
        }
        let top = ledger.top(by, hours.clone(), query.number(&TOP))?;
        let values: Vec<&str> = top.rows.iter().map(|row| &*row.value).collect();
        let mut points = ledger.timeline_of(by, hours, step, &values)?;
        points.sort_by(|a, b| (a.start, &a.row.value).cmp(&(b.start, &b.row.value)));
        let point = |Point { start, row }: Point| Of {
            start: rfc3339(start),
            sums: Sums::of(&row),
            value: row.value,
        };
        Ok(Timeseries {
            by: by.to_owned(),
            step: if step == Step::Hour { "hour" } else { "day" },
            from: rfc3339(answered.start),
            until: rfc3339(answered.end),
            currency: CURRENCY,
            rows: points.into_iter().map(point).collect(),
        })
    }
}
