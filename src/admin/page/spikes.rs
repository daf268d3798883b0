//! The spikes of cost that there are, in words.

use jiff::Timestamp;

use super::view::name;
use super::words::{Money, capital, hour};
use crate::ledger::spikes::{Spike, Spikes};
use crate::time::hour_of;

/// Spikes that are listed; the rest is a number.
const MAX_SPIKES: usize = 5;

/// What is shown of the spikes.
pub(super) struct Shown {
    /// What is watched: User, Tenant ...
    pub(super) by: String,
    pub(super) lines: Vec<Line>,
    /// How many are not listed.
    pub(super) more: usize,
}

/// One spike.
pub(super) struct Line {
    pub(super) value: String,
    pub(super) cost: Money,
    /// The hour that it is about.
    pub(super) since: String,
    pub(super) usual: Money,
    pub(super) times: String,
}

impl Shown {
    /// Those that are active; `None`: there are none.
    pub(super) fn of(spikes: &Spikes, now: Timestamp) -> Option<Self> {
        let active = spikes.active();
        let line = |spike: &Spike| Line {
            value: name(&spike.value, ""),
            cost: Money(Some(spike.cost)),
            // One may last for days.
            since: hour(
                spike.hour,
                if spike.hour / 24 == hour_of(now) / 24 { "%H:%M" } else { "%-d %b %H:%M" },
            ),
            usual: Money(Some(spike.usual.hour())),
            times: match spike.times() {
                times if times < 10.0 => format!("{times:.1}"),
                times => format!("{times:.0}"),
            },
        };
        (!active.is_empty()).then(|| Shown {
            by: capital(&spikes.watched().by),
            lines: active.iter().take(MAX_SPIKES).map(line).collect(),
            more: active.len().saturating_sub(MAX_SPIKES),
        })
    }
}
