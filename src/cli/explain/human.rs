//! What `explain` found, for people: a receipt a call.

use std::fmt::Write as _;

use super::report::{Explained, Report, Reported};
use crate::text::{counted, printable};

/// The receipts, then the sum.
pub(super) fn receipts(report: &Report) -> String {
    let mut text = String::new();
    for call in &report.calls {
        // Writing to a string can not fail.
        let _ = receipt(&mut text, call);
    }
    let by_status: Vec<String> =
        report.by_status().iter().map(|(status, count)| format!("{count} {status}")).collect();
    let by_status = if by_status.is_empty() { "no LLM call".to_owned() } else { by_status.join(", ") };
    let records = match report.records {
        0 => String::new(),
        records => format!(", {}", counted(records, "log record")),
    };
    let spans = counted(report.spans, "span");
    let _ = writeln!(text, "{spans}{records}: {by_status}; total ${}", report.total());
    text
}

fn receipt(text: &mut String, call: &Explained) -> std::fmt::Result {
    let total = call.total.as_ref().map_or_else(|| "no cost".to_owned(), |total| format!("${total}"));
    writeln!(
        text,
        "{}  {} {}  {}  {total}",
        printable(&call.name),
        printable(&call.provider),
        printable(&call.model),
        call.status
    )?;
    match (call.trace_id.as_str(), call.span_id.as_str()) {
        ("", _) => write!(text, "  {}  a log event", call.time)?,
        (trace, "") => write!(text, "  {}  trace {trace}, a log event", call.time)?,
        (trace, span) => write!(text, "  {}  trace {trace} span {span}", call.time)?,
    }
    for (name, value) in &call.dimensions {
        write!(text, "  {name} {}", printable(value))?;
    }
    writeln!(text)?;
    let width = call.lines.iter().map(|line| grouped(line.quantity).len()).max().unwrap_or(0);
    for line in &call.lines {
        let (quantity, per) = (grouped(line.quantity), grouped(line.per.into()));
        write!(
            text,
            "    {:<18}{quantity:>width$} x ${} / {per} = ${}",
            line.bucket, line.price, line.amount
        )?;
        let rate_of = line.rate_of.map(|bucket| format!("as {bucket}"));
        let why: Vec<&str> =
            rate_of.as_deref().into_iter().chain(line.conditions.iter().map(String::as_str)).collect();
        if !why.is_empty() {
            write!(text, "  ({})", printable(&why.join("; ")))?;
        }
        writeln!(text)?;
    }
    if let Some(prices) = call.prices.as_ref().filter(|_| !call.lines.is_empty()) {
        writeln!(text, "    prices: {}", printable(prices))?;
    }
    if let Some(Reported { key, amount: Some(amount) }) = &call.reported {
        writeln!(text, "    the sender says ${amount} ({})", printable(key))?;
    }
    if !call.reason.is_empty() {
        writeln!(text, "    {}", printable(&call.reason))?;
    }
    writeln!(text)
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
