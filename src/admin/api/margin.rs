//! `/api/v1/margin`: revenue, cost and margin by tier, tenant or action.

use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::query::{self, Kind, Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Usd};
use super::{Answer, Question, Sources, time};
use crate::attribution::margin::{By, Line, Period};
use crate::ledger::OTHER;
use crate::margin::Margins;

const BY: Parameter = Parameter {
    name: "by",
    about: "What the rows are by. Without it: tier.",
    kind: Kind::OneOf(&["tier", "tenant", "action"]),
};
const SINCE: Parameter = Parameter {
    name: "since",
    about: "The beginning: `month`, when this month began in the zone of the config, or a time as of /api/v1/costs. Without it: month.",
    kind: Kind::Text,
};
const MONTH: Parameter = Parameter {
    name: "month",
    about: "A calendar month in the zone of the config, as far as it has come, as in 2026-10.",
    kind: Kind::Text,
};
const TOP: Parameter = Parameter {
    name: "top",
    about: "Rows at most: those with the least margin. The rest is `rest`.",
    kind: query::TOP.kind,
};

/// What is left of what customers pay.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Margin {
    /// What the rows are by: tier, tenant or action.
    by: &'static str,
    /// The beginning of the period, in RFC 3339: a full hour, and not before the ledger's first booking.
    from: String,
    /// Its end.
    until: String,
    /// Where months begin.
    time_zone: String,
    /// Always USD.
    currency: &'static str,
    /// `gross margin`, or `inference margin` where no other costs are configured.
    kind: &'static str,
    /// Those with the least margin, the worst first; those of unknown margin last.
    rows: Vec<Row>,
    /// The sum of the rows that were left out, as `other`; null: none were.
    rest: Option<Row>,
    /// The sum of all rows.
    total: Row,
    /// What is paid by the month and stands in no row: of actions all of it, of tenants what all customers of a tier pay together.
    subscriptions_not_allocated: Usd,
}

/// Sums of settled traces. Money is in US dollars, as exact decimals in strings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Earned")]
pub(super) struct Row {
    /// The tier, tenant or action; empty: not known, or a sum.
    value: String,
    /// Tenants among the lookups' rows.
    tenants: u64,
    /// Users among the lookups' rows.
    users: u64,
    /// What is paid by time, and by use.
    revenue: Usd,
    /// Of the revenue what is paid by the month.
    subscriptions: Usd,
    /// What the calls cost, as far as it is known; null: of none.
    cost: Option<Usd>,
    /// What all else costs, a part of the revenue.
    other_cogs: Usd,
    /// The revenue less both; null: the cost is not known.
    margin: Option<Usd>,
    /// The margin as a part of the revenue; null: there is no revenue, or the cost is not known.
    ratio: Option<f64>,
    /// Calls.
    calls: u64,
    /// Calls of unknown cost: the margin is too high by what they cost.
    unpriced: u64,
    /// Settled actions.
    actions: u64,
    /// The same for one action, rounded; only by action.
    per_action: Option<PerAction>,
}

/// What one action earns and costs on average.
#[derive(Debug, Serialize, JsonSchema)]
struct PerAction {
    /// What is paid for it by use.
    revenue: Usd,
    /// What its calls cost; null: not known.
    cost: Option<Usd>,
    /// What is left; null: not known.
    margin: Option<Usd>,
}

impl Row {
    fn of(line: Line, by: By) -> Self {
        let each = |amount| line.per_action(amount).map(Usd);
        let per_action = (by == By::Action).then(|| {
            let (cost, margin) = (line.cost().and_then(each), line.margin().and_then(each));
            Some(PerAction { revenue: each(line.revenue())?, cost, margin })
        });
        Row {
            tenants: line.customers.tenants,
            users: line.customers.users,
            revenue: Usd(line.revenue()),
            subscriptions: Usd(line.fees),
            cost: line.cost().map(Usd),
            other_cogs: Usd(line.other_cogs),
            margin: line.margin().map(Usd),
            ratio: line.ratio(),
            calls: line.used.calls,
            unpriced: line.used.unpriced,
            actions: line.used.actions,
            per_action: per_action.flatten(),
            value: line.value,
        }
    }
}

impl Answer for Margin {
    type Row = Row;
    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(&self.rest)
    }
}

impl Question for Margin {
    const PATH: &'static str = "/api/v1/margin";
    const SUMMARY: &'static str = "What is left of what customers pay, by tier, tenant or action";
    const PARAMETERS: &'static [Parameter] = &[BY, SINCE, MONTH, TOP];

    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let margins = sources.margins.as_deref().ok_or_else(|| Refusal {
            status: StatusCode::NOT_FOUND,
            error: "no revenue is configured: write what customers pay into processors.pricetag.margin, see docs/margin.md".to_owned(),
        })?;
        let by = By::ALL.into_iter().find(|by| Some(by.as_str()) == query.get("by")).unwrap_or(By::Tier);
        told(margins, by, period(query, margins, Timestamp::now())?, query.number(&TOP))
    }
}

fn period(query: &Query<'_>, margins: &Margins, now: Timestamp) -> Result<Period, String> {
    match (query.get("since"), query.get("month")) {
        (Some(_), Some(_)) => Err("since and month are two times: say one of them".to_owned()),
        (None | Some("month"), None) => Ok(margins.month_to(now)),
        (Some(_), None) => {
            let since = time::second(query, "since", now)?.unwrap_or_default();
            let since = Timestamp::from_second(since).map_err(|error| error.to_string())?;
            Ok(Period::until_now(since, now))
        }
        (None, Some(said)) => {
            let zone = &margins.rules().zone;
            let first = format!("{said}-01").parse::<jiff::civil::Date>();
            let first = first.and_then(|date| date.to_zoned(zone.clone())).map(|first| first.timestamp());
            let month = first.ok().and_then(|first| Period::month(first, zone));
            let month =
                month.ok_or_else(|| format!("month is {said:?}: it is a year and a month, as in 2026-10"))?;
            Ok(month.so_far(now))
        }
    }
}

fn told(margins: &Margins, by: By, period: Period, top: usize) -> Result<Margin, Refusal> {
    let (period, statement) = margins.statement(by, period, top)?;
    let row = |line| Row::of(line, by);
    let rules = margins.rules();
    let time =
        |second| Timestamp::from_second(second).map_or_else(|error| error.to_string(), |at| at.to_string());
    Ok(Margin {
        by: by.as_str(),
        from: time(period.from),
        until: time(period.until),
        time_zone: rules.zone.iana_name().unwrap_or("UTC").to_owned(),
        currency: CURRENCY,
        kind: if rules.other_cogs.is_some() { "gross margin" } else { "inference margin" },
        rows: statement.lines.into_iter().map(row).collect(),
        rest: statement.rest.map(|rest| Row { value: OTHER.to_owned(), ..row(rest) }),
        total: row(statement.total),
        subscriptions_not_allocated: Usd(statement.not_allocated),
    })
}
