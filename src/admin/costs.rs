//! `/api/v1/costs`: what each value of a dimension has cost, as JSON.

use std::cmp::Reverse;
use std::net::IpAddr;

use axum::extract::Request;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

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
    let (status, body) = match is_addressed(request) {
        // A page of a stranger whose name resolves to our address could otherwise read this through the user's browser.
        false => (StatusCode::FORBIDDEN, json!({"error": "use an IP address or localhost as the host"})),
        true => match costs(ledger, request.uri().query().unwrap_or_default()) {
            Ok(costs) => (StatusCode::OK, costs),
            Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
        },
    };
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
    let books = ledger.books();
    let Some(dimension) = books.dimensions().find(|it| Some(it.name()) == by.as_deref()) else {
        let names: Vec<&str> = books.dimensions().map(|dimension| dimension.name()).collect();
        return Err(format!("by is one of {}", names.join(", ")));
    };
    let (settled, pending) = books.tally();
    let in_use = dimension.accounts().iter().filter(|it| it.settled.calls + it.pending.calls > 0);
    let mut rows: Vec<(String, Tally, Tally)> =
        in_use.map(|account| (account.value.to_string(), account.settled, account.pending)).collect();
    drop(books);

    rows.sort_by(|a, b| {
        let rank = |row: &(String, Tally, Tally)| (row.0 == OTHER, Reverse((row.1.money, row.2.money)));
        rank(a).cmp(&rank(b)).then_with(|| a.0.cmp(&b.0))
    });
    let shared = rows.partition_point(|row| row.0 != OTHER);
    let rest = rows.split_off(top.min(shared));
    let rest = rest.into_iter().reduce(|a, b| (OTHER.to_owned(), a.1.plus(&b.1), a.2.plus(&b.2)));
    rows.extend(rest.map(|(_, settled, pending)| (OTHER.to_owned(), settled, pending)));
    Ok(json!({
        "by": by,
        "currency": "USD",
        "total": money(&settled),
        "pending": money(&pending),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    }))
}

fn row((value, settled, pending): &(String, Tally, Tally)) -> Value {
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
