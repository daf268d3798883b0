//! `/api/v1/costs`: what each value of a dimension has cost, as JSON.

use std::cmp::Reverse;
use std::net::IpAddr;

use axum::extract::Request;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::ledger::query::Row;
use crate::ledger::sums::Tally;
use crate::ledger::{Ledger, OTHER};

/// Rows, unless the request says how many.
const TOP: usize = 20;
/// Rows at most.
const MAX_TOP: usize = 10_000;

/// Answers `?by=DIMENSION&top=20`: the values that cost most, the rest as one row `other`. Money is in US dollars, as decimals in
/// strings, for doubles are not exact; `null` where it is known of no call. `cost`, `calls` and `tokens` are of settled traces,
/// `pending` is the money of open ones.
pub(super) fn answer(ledger: &Ledger, request: &Request) -> Response<String> {
    reply(request, |query| costs(ledger, query))
}

/// What a query is answered with, as JSON.
pub(super) fn reply(
    request: &Request,
    answer: impl FnOnce(&str) -> Result<Value, String>,
) -> Response<String> {
    let (status, body) = match is_addressed(request) {
        // A page of a stranger whose name resolves to our address could otherwise read this through the user's browser.
        false => (StatusCode::FORBIDDEN, json!({"error": "use an IP address or localhost as the host"})),
        true => match answer(request.uri().query().unwrap_or_default()) {
            Ok(answer) => (StatusCode::OK, answer),
            Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
        },
    };
    response(status, &body)
}

/// An answer that nobody keeps.
pub(super) fn response(status: StatusCode, body: &Value) -> Response<String> {
    let mut response = Response::new(format!("{body}\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the request names us by an address or as this machine.
fn is_addressed(request: &Request) -> bool {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    // HTTP/2 has it in the URI.
    let Some(named) = request.uri().authority().cloned().or(named) else { return false };
    let host = named.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

fn costs(ledger: &Ledger, query: &str) -> Result<Value, String> {
    let (mut by, mut top) = (None, TOP);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "by" => by = Some(value),
            "top" => {
                let rows = value.parse().ok().filter(|rows| (1..=MAX_TOP).contains(rows));
                top = rows.ok_or_else(|| format!("top is a number from 1 to {MAX_TOP}"))?;
            }
            _ => return Err("there are the parameters by and top".to_owned()),
        }
    }
    let by = by.as_deref().unwrap_or_default();
    let total = ledger.total(0..u32::MAX).map_err(|error| error.to_string())?;
    let mut rows = ledger.rows(by, 0..u32::MAX).map_err(|error| error.to_string())?;

    let rank = |row: &Row| (row.value == OTHER, Reverse((row.settled.money, row.pending.money)));
    rows.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
    let shared = rows.partition_point(|row| row.value != OTHER);
    let rest = rows.split_off(top.min(shared)).into_iter().reduce(|a, b| Row {
        value: OTHER.to_owned(),
        settled: a.settled.plus(&b.settled),
        pending: a.pending.plus(&b.pending),
    });
    rows.extend(rest.map(|rest| Row { value: OTHER.to_owned(), ..rest }));
    Ok(json!({
        "by": by,
        "currency": "USD",
        "total": money(&total.settled),
        "pending": money(&total.pending),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    }))
}

fn row(Row { value, settled, pending }: &Row) -> Value {
    json!({
        "value": value,
        "cost": money(settled),
        "pending": money(pending),
        "calls": settled.calls,
        "unpriced": settled.unpriced,
        "tokens": {"input": settled.input, "output": settled.output},
    })
}

fn money(tally: &Tally) -> Option<String> {
    tally.known_money().map(|money| money.to_string())
}
