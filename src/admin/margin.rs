//! `/api/v1/margin`: revenue, cost and margin by tier, tenant or action.

use axum::extract::Request;
use http::{Response, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::attribution::margin::{By, Line, Period};
use crate::margin::Margins;
use crate::pricing::Picodollars;

/// Rows, unless the request says how many.
const TOP: usize = 20;
/// Rows at most.
const MAX_TOP: usize = 10_000;

/// What is left of what customers pay.
#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
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
    /// The sum of the rows that were left out; null: none were.
    rest: Option<Row>,
    /// The sum of all rows.
    total: Row,
    /// What is paid by the month and stands in no row: of actions all of it, of tenants what all customers of a tier pay together.
    subscriptions_not_allocated: String,
}

/// Sums of settled traces. Money is in US dollars, as exact decimals in strings.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// The tier, tenant or action; empty: not known, or a sum.
    value: String,
    /// Tenants among the lookups' rows.
    tenants: u64,
    /// Users among the lookups' rows.
    users: u64,
    /// What is paid by time, and by use.
    revenue: String,
    /// Of the revenue what is paid by the month.
    subscriptions: String,
    /// What the calls cost, as far as it is known; null: of none.
    cost: Option<String>,
    /// What all else costs, a part of the revenue.
    other_cogs: String,
    /// The revenue less both; null: the cost is not known.
    margin: Option<String>,
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
    revenue: String,
    /// What its calls cost; null: not known.
    cost: Option<String>,
    /// What is left; null: not known.
    margin: Option<String>,
}

impl Row {
    fn of(line: Line, by: By) -> Self {
        let text = |amount: Picodollars| amount.to_string();
        let each = |amount| Some(line.per_action(amount)?.to_string());
        let per_action = (by == By::Action).then(|| {
            let (cost, margin) = (line.cost().and_then(each), line.margin().and_then(each));
            Some(PerAction { revenue: each(line.revenue())?, cost, margin })
        });
        Row {
            tenants: line.customers.tenants,
            users: line.customers.users,
            revenue: text(line.revenue()),
            subscriptions: text(line.fees),
            cost: line.cost().map(text),
            other_cogs: text(line.other_cogs),
            margin: line.margin().map(text),
            ratio: line.ratio(),
            calls: line.used.calls,
            unpriced: line.used.unpriced,
            actions: line.used.actions,
            per_action: per_action.flatten(),
            value: line.value,
        }
    }
}

/// Answers `?by=tier&since=month&top=20`.
pub(super) fn answer(margins: Option<&Margins>, request: &Request) -> Response<String> {
    let query = request.uri().query().unwrap_or_default();
    let answered = match margins {
        Some(margins) => Asked::read(query, margins).and_then(|asked| told(margins, &asked)),
        None => Err("no revenue is configured: write what customers pay into processors.pricetag.margin, see docs/margin.md"
            .to_owned()),
    };
    let (status, body) = match answered {
        Ok(answer) => (StatusCode::OK, json!(answer)),
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error })),
    };
    super::costs::response(status, &body)
}

/// What is asked for.
struct Asked {
    by: By,
    period: Period,
    top: usize,
}

impl Asked {
    fn read(query: &str, margins: &Margins) -> Result<Self, String> {
        let (now, zone) = (Timestamp::now(), &margins.rules().zone);
        let mut asked = Asked { by: By::Tier, period: margins.month_to(now), top: TOP };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "by" => {
                    let known = By::ALL.into_iter().find(|by| by.as_str() == value);
                    asked.by = known.ok_or("by is one of tier, tenant, action")?;
                }
                "since" if value == "month" => {}
                "since" => asked.period = Period::new(since(&value, now).ok_or(SINCE)?, now),
                "month" => {
                    let first = format!("{value}-01").parse::<jiff::civil::Date>();
                    let first =
                        first.and_then(|date| date.to_zoned(zone.clone())).map(|first| first.timestamp());
                    let month = first.ok().and_then(|first| Period::month(first, zone)).ok_or(MONTH)?;
                    let until = month.until.min(now.as_second()).max(month.from);
                    asked.period = Period { until, ..month };
                }
                "top" => {
                    let rows = value.parse().ok().filter(|rows| (1..=MAX_TOP).contains(rows));
                    asked.top = rows.ok_or_else(|| format!("top is a number from 1 to {MAX_TOP}"))?;
                }
                _ => return Err("there are the parameters by, since, month and top".to_owned()),
            }
        }
        Ok(asked)
    }
}

const SINCE: &str = "since is `month`, or a time before now as in 24h or 7d";
const MONTH: &str = "month is a year and a month, as in 2026-10";

/// A number of hours or days before now.
fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    let seconds = i64::from(number.parse::<u32>().ok()?) * unit;
    Timestamp::from_second(now.as_second() - seconds).ok()
}

fn told(margins: &Margins, asked: &Asked) -> Result<Answer, String> {
    let Asked { by, period, top } = *asked;
    let (period, statement) = margins.statement(by, period, top).map_err(|error| error.to_string())?;
    let row = |line| Row::of(line, by);
    let rules = margins.rules();
    let time =
        |second| Timestamp::from_second(second).map_or_else(|error| error.to_string(), |at| at.to_string());
    Ok(Answer {
        by: by.as_str(),
        from: time(period.from),
        until: time(period.until),
        time_zone: rules.zone.iana_name().unwrap_or("UTC").to_owned(),
        currency: "USD",
        kind: if rules.other_cogs.is_some() { "gross margin" } else { "inference margin" },
        rows: statement.lines.into_iter().map(row).collect(),
        rest: statement.rest.map(row),
        total: row(statement.total),
        subscriptions_not_allocated: statement.not_allocated.to_string(),
    })
}
