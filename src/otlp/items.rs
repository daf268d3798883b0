//! Counts the items of a request and checks its framing, without looking at what they say.

use super::wire::{Fault, Malformed, Message};
use super::{Signal, fields};

/// Items in one request at most, and messages around them. Empty ones take two bytes of a body, which a few bytes of gzip stand for, and
/// some 260 in a backend that decodes them: 64 MiB of them would be 8.7 GB there. Real ones take 60 bytes and more, so that a full body
/// seldom holds as many.
pub const MAX_ITEMS: u64 = 1_000_000;
/// Resources at most in a request that is priced: what each says is kept until the last span is read.
pub const MAX_RESOURCES: u64 = 100_000;

/// Whether a request may hold so many items; `at` is the offset where the last one is found.
///
/// # Errors
/// [`Fault::TooMany`]
#[inline]
pub fn bounded(items: u64, at: usize) -> Result<(), Malformed> {
    within(items, MAX_ITEMS, "items", at)
}

/// The same of resources.
///
/// # Errors
/// [`Fault::TooMany`]
pub fn bounded_resources(resources: usize, at: usize) -> Result<(), Malformed> {
    within(resources as u64, MAX_RESOURCES, "resources", at)
}

#[inline]
fn within(count: u64, most: u64, of: &'static str, at: usize) -> Result<(), Malformed> {
    if count > most { Err(Malformed::new(at, Fault::TooMany { most, of })) } else { Ok(()) }
}

/// Items (spans, metric data points, log records) in a request.
///
/// # Errors
/// [`Malformed`] when the framing down to the items does not hold, or there are more than [`MAX_ITEMS`].
pub fn count(signal: Signal, body: &[u8]) -> Result<u64, Malformed> {
    let message = Message::whole(body)?;
    let mut seen = 0;
    let items = match signal {
        Signal::Traces => nested(
            message,
            &[
                ("resource_spans", fields::traces::RESOURCE_SPANS),
                ("scope_spans", fields::resource_spans::SCOPE_SPANS),
                ("spans", fields::scope_spans::SPANS),
            ],
            &|span| span.fields().try_for_each(|field| field.map(drop)).map(|()| 1),
            &mut seen,
        ),
        Signal::Logs => nested(
            message,
            &[
                ("resource_logs", fields::logs::RESOURCE_LOGS),
                ("scope_logs", fields::resource_logs::SCOPE_LOGS),
                ("log_records", fields::scope_logs::LOG_RECORDS),
            ],
            &|record| record.fields().try_for_each(|field| field.map(drop)).map(|()| 1),
            &mut seen,
        ),
        Signal::Metrics => nested(
            message,
            &[
                ("resource_metrics", fields::metrics::RESOURCE_METRICS),
                ("scope_metrics", fields::resource_metrics::SCOPE_METRICS),
                ("metrics", fields::scope_metrics::METRICS),
            ],
            &data_points,
            &mut seen,
        ),
    }?;
    bounded(items, body.len())?;
    Ok(items)
}

/// Follows a path of repeated messages and adds up what `leaf` says of each at its end; `seen` are all that were met.
fn nested(
    message: Message<'_>,
    path: &[(&str, u32)],
    leaf: &dyn Fn(Message<'_>) -> Result<u64, Malformed>,
    seen: &mut u64,
) -> Result<u64, Malformed> {
    let [(name, number), rest @ ..] = path else { return leaf(message) };
    let mut items = 0;
    let mut index = 0;
    for field in message.fields() {
        let field = field?;
        if field.number == *number {
            *seen += 1;
            bounded(*seen, message.end())?;
            items += field
                .message()
                .and_then(|child| nested(child, rest, leaf, seen))
                .map_err(|fault| fault.within(name, index))?;
            index += 1;
        }
    }
    Ok(items)
}

/// Data points of a `Metric`.
pub(super) fn data_points(metric: Message<'_>) -> Result<u64, Malformed> {
    use fields::metric::{EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM, SUMMARY};
    let mut points = 0;
    for field in metric.fields() {
        let field = field?;
        if matches!(field.number, GAUGE | SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM | SUMMARY) {
            for inner in field.message()?.fields() {
                points += u64::from(inner?.number == fields::gauge::DATA_POINTS);
            }
        }
    }
    Ok(points)
}
