//! Spikes in words, for people.

use super::state::Change;
use super::{Spike, Watched};
use crate::pricing::Picodollars;
use crate::pricing::decimal::Decimal;
use crate::text::printable;
use crate::time::rfc3339;

/// One line about a change.
pub(super) fn line(watched: &Watched, change: &Change) -> String {
    let Spike { value, hour, cost, usual, .. } = change.spike();
    let (by, value, cost, from) = (&watched.by, printable(value), dollars(*cost), time(*hour));
    let much = format!("{:.1} times its usual hour of {}", change.spike().times(), dollars(usual.hour()));
    match change {
        Change::Fired(_) => format!("{by} {value} has cost {cost} since {from}, {much}"),
        Change::Resolved(_) => {
            format!(
                "{by} {value} costs no more than it may again; its dearest hour, from {from}, cost {cost}, {much}"
            )
        }
    }
}

fn time(hour: u32) -> String {
    let time = rfc3339(hour);
    time.strip_suffix(":00Z").map_or_else(|| time.clone(), |time| format!("{} UTC", time.replace('T', " ")))
}

/// Cents, or of less than a tenth of a dollar its millionths.
fn dollars(money: Picodollars) -> String {
    let dollars = money.to_usd_f64();
    if dollars >= 0.1 {
        format!("${dollars:.2}")
    } else {
        format!("${}", Decimal::new(money.get(), 12).rounded(6))
    }
}

/// Slack's own marks as the characters that they are: a stranger's name of a user calls nobody and links nowhere.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::spikes::{Rule, Times, Usual};

    #[test]
    fn a_change_is_one_line() {
        let rule = Rule { times: Times::whole(5), above: Picodollars::ZERO, baseline: 1, warm_up: 1 };
        let watched = Watched::new("user", &[], rule);
        let money = |dollars: &str| dollars.parse::<Picodollars>().unwrap();
        let spike = Spike {
            value: "<!here>\n& ann".to_owned(),
            began: 498_710,
            hour: 498_710,
            cost: money("12.3456"),
            usual: Usual::of([(1, money("0.08")), (2, money("0.081235555"))]).unwrap(),
        };
        let fired = line(&watched, &Change::Fired(spike.clone()));
        assert_eq!(
            fired,
            "user <!here>\\n& ann has cost $12.35 since 2026-11-22 14:00 UTC, 153.1 times its usual hour of $0.080618"
        );
        assert!(escaped(&fired).starts_with("user &lt;!here&gt;\\n&amp; ann has"));
        let resolved = line(&watched, &Change::Resolved(spike));
        assert!(
            resolved.contains("dearest hour, from 2026-11-22 14:00 UTC, cost $12.35, 153.1 times"),
            "{resolved}"
        );
    }
}
