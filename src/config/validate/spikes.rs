//! What is watched for spikes of cost.

use std::time::Duration;

use super::exporters::headers;
use crate::attribution::Dimension;
use crate::config::defaults;
use crate::config::endpoint::url;
use crate::config::error::{Report, did_you_mean};
use crate::config::path::Path;
use crate::config::raw;
use crate::config::spikes::{Spikes, Webhook};
use crate::config::values::GoDuration;
use crate::ledger::spikes::{OWN_KEYS, Rule, Times};
use crate::pricing::Picodollars;
use crate::pricing::decimal::Decimal;

/// Hours of two weeks: further back the ledger need not have them.
const MAX_BASELINE: u32 = 14 * 24;

/// The rule; values of `dimensions` can be watched, and of those that every booking has.
pub(super) fn spikes(
    said: &raw::Spikes,
    dimensions: &[Dimension],
    path: &Path,
    report: &mut Report,
) -> Spikes {
    let by = said.by.clone().unwrap_or_else(|| defaults::SPIKES_BY.to_owned());
    let own = OWN_KEYS.iter().map(|(name, _)| *name);
    let mut names = dimensions.iter().map(|dimension| dimension.name.as_str()).chain(own);
    if by == "session" {
        let remedy = "watch the `user`, or the `feature`";
        report.wrong(
            &path.key("by"),
            "the ledger keeps no sums of sessions: there is no end of them",
            remedy,
        );
    } else if !names.clone().any(|name| name == by) {
        let remedy = did_you_mean(&by, names.by_ref().filter(|name| *name != "session"));
        report.wrong(&path.key("by"), format!("{by:?} is no dimension"), remedy);
    }
    let baseline = hours(said.baseline, defaults::SPIKES_BASELINE, &path.key("baseline"), report);
    if !(1..=MAX_BASELINE).contains(&baseline) {
        let message = format!("not between 1h and {MAX_BASELINE}h: hours are kept for two weeks");
        report.wrong(&path.key("baseline"), message, "write how far back is usual, as in 168h for a week");
    }
    // One that was not said follows a short baseline.
    let warm_up = hours(said.warm_up, defaults::SPIKES_WARM_UP, &path.key("warm_up"), report);
    let warm_up = if said.warm_up.is_none() { warm_up.min(baseline) } else { warm_up };
    if warm_up > baseline {
        let remedy = "make it shorter than `baseline`";
        report.wrong(&path.key("warm_up"), "longer than `baseline`: nothing would ever be usual", remedy);
    }
    let rule = Rule {
        times: said.times.map_or(defaults::SPIKES_TIMES, |said| times(said, &path.key("times"), report)),
        above: said.above.map_or(defaults::SPIKES_ABOVE, |said| above(said, &path.key("above"), report)),
        baseline,
        warm_up,
    };
    Spikes { by, rule, webhook: webhook(said, path, report) }
}

fn times(said: Decimal, path: &Path, report: &mut Report) -> Times {
    match Times::try_from(said) {
        Ok(times) if times >= Times::whole(1) => return times,
        Ok(_) => report.wrong(path, "less than 1: usual hours would be spikes", "write 1 or more, as in 5"),
        Err(error) => {
            report.wrong(path, error.to_string(), "write how many usual hours are a spike, as in 5 or 2.5");
        }
    }
    defaults::SPIKES_TIMES
}

fn above(said: Decimal, path: &Path, report: &mut Report) -> Picodollars {
    let remedy = "write US dollars, as in 1.00: no hour that costs less is worth a message";
    let above = said.to_string().parse::<Picodollars>();
    match &above {
        Err(error) => report.wrong(path, error.to_string(), remedy),
        Ok(above) if *above <= Picodollars::ZERO => report.wrong(path, "not above 0", remedy),
        Ok(_) => {}
    }
    above.unwrap_or(defaults::SPIKES_ABOVE)
}

/// Whole hours: the ledger's sums are by the hour.
fn hours(said: Option<GoDuration>, default: u32, path: &Path, report: &mut Report) -> u32 {
    const HOUR: Duration = Duration::from_secs(3600);
    let Some(GoDuration(said)) = said else { return default };
    let hours = said.as_secs() / HOUR.as_secs();
    if HOUR.checked_mul(hours as u32) != Some(said) {
        report.wrong(path, "not whole hours, by which the ledger counts", "write hours, as in 24h");
        return default;
    }
    hours as u32
}

fn webhook(said: &raw::Spikes, path: &Path, report: &mut Report) -> Option<Webhook> {
    let headers = headers(&said.webhook_headers, &path.key("webhook_headers"), report);
    let Some(secret) = said.webhook.clone().filter(|url| !url.expose().is_empty()) else {
        if !headers.is_empty() && !report.was_said(&path.key("webhook")) {
            let remedy = "write `webhook: ${env:SLACK_WEBHOOK_URL}`, or remove the headers";
            report.wrong(&path.key("webhook_headers"), "headers for no webhook", remedy);
        }
        return None;
    };
    if let Err((message, _)) = url(secret.expose()) {
        let remedy = "write all of the URL, as in https://hooks.slack.com/services/...; passwords go into `webhook_headers`";
        report.wrong(&path.key("webhook"), message, remedy);
    }
    Some(Webhook { url: secret, headers })
}
