//! Counts the items of a request and checks its framing, without looking at what they say.

use super::wire::{Malformed, Message};
use super::{Signal, fields};

/// Items (spans, metric data points, log records) in a request.
///
/// # Errors
/// [`Malformed`] when the framing down to the items does not hold.
pub fn count(signal: Signal, body: &[u8]) -> Result<u64, Malformed> {
    let body = Message::whole(body)?;
    match signal {
        Signal::Traces => nested(
            body,
            &[
                ("resource_spans", fields::traces::RESOURCE_SPANS),
                ("scope_spans", fields::resource_spans::SCOPE_SPANS),
                ("spans", fields::scope_spans::SPANS),
            ],
            &|span| span.fields().try_for_each(|field| field.map(drop)).map(|()| 1),
        ),
        Signal::Logs => nested(
            body,
            &[
                ("resource_logs", fields::logs::RESOURCE_LOGS),
                ("scope_logs", fields::resource_logs::SCOPE_LOGS),
                ("log_records", fields::scope_logs::LOG_RECORDS),
            ],
            &|record| record.fields().try_for_each(|field| field.map(drop)).map(|()| 1),
        ),
        Signal::Metrics => nested(
            body,
            &[
                ("resource_metrics", fields::metrics::RESOURCE_METRICS),
                ("scope_metrics", fields::resource_metrics::SCOPE_METRICS),
                ("metrics", fields::scope_metrics::METRICS),
            ],
            &data_points,
        ),
    }
}

/// Follows a path of repeated messages and adds up what `leaf` says of each at its end.
fn nested(
    message: Message<'_>,
    path: &[(&str, u32)],
    leaf: &dyn Fn(Message<'_>) -> Result<u64, Malformed>,
) -> Result<u64, Malformed> {
    let [(name, number), rest @ ..] = path else { return leaf(message) };
    let mut items = 0;
    let mut index = 0;
    for field in message.fields() {
        let field = field?;
        if field.number == *number {
            items += field
                .message()
                .and_then(|child| nested(child, rest, leaf))
                .map_err(|fault| fault.within(name, index))?;
            index += 1;
        }
    }
    Ok(items)
}

fn data_points(metric: Message<'_>) -> Result<u64, Malformed> {
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
