//! What customers pay.

use jiff::tz::TimeZone;

use crate::attribution::margin::{By, Each, Per, Revenue, Rules, Share};
use crate::attribution::{Dimension, MAX_VALUE};
use crate::config::error::Report;
use crate::config::path::Path;
use crate::config::raw;
use crate::pricing::Picodollars;
use crate::pricing::decimal::Decimal;
use crate::pricing::money::PER_DOLLAR;

/// Digits of an amount after the point: a thousandth of it, what a token pays, is then whole picodollars.
const PLACES: u32 = 9;
/// The largest amount, in dollars. Sums of what two million customers pay have room, and more is a slip.
const MOST: i128 = 1_000_000_000;
/// What an amount should look like.
const AMOUNT: &str = "write US dollars, as in 20 or 0.002, with at most 9 digits after the point";

/// What customers pay; `path` is that of the processor.
pub(super) fn margin(
    said: &raw::Pricetag,
    dimensions: &[Dimension],
    path: &Path,
    report: &mut Report,
) -> Rules {
    let raw::Margin { revenue, other_cogs_percent, time_zone, metrics } = &said.margin;
    let (lookups, path) = (&said.lookups, path.key("margin"));
    let mut lines: Vec<Revenue> = Vec::new();
    for (index, raw) in revenue.iter().enumerate() {
        let path = path.key("revenue").index(index);
        let Some(line) = line(raw, &path, report) else { continue };
        let is_there = |before: &Revenue| (&before.tier, before.per) == (&line.tier, line.per);
        if lines.iter().any(is_there) && !report.has_problem_in(&path) {
            let message = "the tier has a line for the same already";
            report.wrong(&path, message, "keep one of the two, with the sum of both amounts");
        }
        customers(line.per, lookups, &path, report);
        lines.push(line);
    }
    let is_hashed = dimensions.iter().any(|dimension| dimension.name == "tier" && dimension.hashed);
    if is_hashed && !revenue.is_empty() {
        let message = "tiers are hashed, so nobody knows who pays what";
        report.wrong(&path.key("revenue"), message, "remove dimensions.tier.hash: a tier is no person");
    }
    if revenue.is_empty() && report.was_said(&path) {
        report.notice(&path, "no margin is told: there is no line of `revenue`");
    }
    let metrics = metrics.clone().unwrap_or_else(|| vec![By::Tier]);
    if (1..metrics.len()).any(|index| metrics[..index].contains(&metrics[index])) {
        report.missing(&path.key("metrics"), "", "one of them stands here twice", "keep one of the two");
    }
    Rules {
        revenue: lines,
        other_cogs: other_cogs_percent
            .as_ref()
            .and_then(|said| share(&said.0, &path.key("other_cogs_percent"), report)),
        zone: time_zone.as_ref().map_or(TimeZone::UTC, |name| {
            TimeZone::get(name).unwrap_or_else(|_| {
                let remedy = "write a name of the IANA time zone database, as in Europe/Berlin, or remove the key for UTC";
                report.wrong(&path.key("time_zone"), format!("there is no time zone {name:?}"), remedy);
                TimeZone::UTC
            })
        }),
        metrics,
    }
}

fn line(said: &raw::Revenue, path: &Path, report: &mut Report) -> Option<Revenue> {
    let raw::Revenue { tier, amount, per, each } = said;
    let tier = tier.as_deref().unwrap_or("*");
    if tier.trim().is_empty() || tier.len() > MAX_VALUE {
        let remedy = "write the value that spans or lookups have, or `*` for all that have no line";
        report.wrong(&path.key("tier"), "this is no tier", remedy);
    }
    if amount.is_none() {
        report.missing(path, "amount", "no amount is said", AMOUNT);
    }
    if per.is_none() {
        let remedy = "write `per: month`, `per: action` or `per: 1k_tokens`";
        report.missing(path, "per", "nobody knows what the amount is paid for", remedy);
    }
    let amount = amount.as_ref().and_then(|said| self::amount(&said.0, &path.key("amount"), report));
    let per = (*per)?;
    if let (Some(_), raw::Per::Action | raw::Per::ThousandTokens) = (each, per) {
        let message = "what is paid by use is paid by whoever uses it";
        report.wrong(&path.key("each"), message, "remove the key, or write `per: month`");
    }
    let per = match per {
        raw::Per::Month => Per::Month(each.unwrap_or_default()),
        raw::Per::Action => Per::Action,
        raw::Per::ThousandTokens => Per::ThousandTokens,
    };
    Some(Revenue { tier: (tier != "*").then(|| tier.to_owned()), amount: amount?, per })
}

fn amount(said: &str, path: &Path, report: &mut Report) -> Option<Picodollars> {
    let exact = match said.parse::<Decimal>().and_then(Decimal::not_negative) {
        Ok(decimal) => decimal.at_scale(PLACES).map(|_| decimal),
        Err(error) => Err(error),
    };
    match exact.map(|decimal| decimal.to_string().parse::<Picodollars>()) {
        Ok(Ok(amount)) if amount.get() <= MOST * PER_DOLLAR => return Some(amount),
        Ok(_) => {
            report.wrong(path, format!("more than {MOST} dollars"), "check its unit: dollars, not cents")
        }
        // What the error says to do is not all.
        Err(error) => report.wrong(path, first_half(&error.to_string()), AMOUNT),
    }
    None
}

fn share(said: &str, path: &Path, report: &mut Report) -> Option<Share> {
    let millionths = said.parse::<Decimal>().and_then(|percent| percent.at_scale(Share::PLACES));
    let remedy = "write a percentage from 0 to 100, as in 15 or 12.5";
    let share = match millionths {
        Ok(millionths) => u32::try_from(millionths).ok().and_then(Share::new),
        Err(error) => {
            report.wrong(path, first_half(&error.to_string()), remedy);
            return None;
        }
    };
    if share.is_none() {
        report.wrong(path, format!("{said} is no part of what customers pay"), remedy);
    }
    share
}

/// What is wrong, without what to do.
fn first_half(error: &str) -> &str {
    error.split(';').next().unwrap_or(error)
}

/// Who pays by the month stands in a lookup, for nobody else knows those who make no calls.
fn customers(per: Per, lookups: &[raw::Lookup], path: &Path, report: &mut Report) {
    let by = match per {
        Per::Month(Each::Tenant) => "tenant",
        Per::Month(Each::User) => "user",
        _ => return,
    };
    if lookups.iter().all(|lookup| lookup.by != by) {
        let message = format!("each {by} pays, and no lookup says which there are");
        let file = format!("{by}s.csv");
        let remedy = format!(
            "add `{{file: {file}, by: {by}}}` to processors.pricetag.lookups, a table with the columns {by} and tier, or write \
             `each: total`"
        );
        report.wrong(path, message, remedy);
    }
}
