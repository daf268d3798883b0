//! Which spikes there are: they begin, grow and end. Pure: the time and the ledger's answers come from outside.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use jiff::Timestamp;

use super::rule::{Rule, Usual};
use crate::ledger::OTHER;
use crate::pricing::Picodollars;
use crate::time::{hour, until};

/// Seconds for which an hour that has ended may still come: calls are told when they have ended, and by exporters that wait.
pub(super) const LATE: u64 = 300;

/// Spikes that may be at the same time. So many nobody reads; it takes a few MB.
pub const MAX_ACTIVE: usize = 10_000;

/// Values that the ledger is asked about in one look. The rest have their turn at the next.
const ASKED_AT_ONCE: usize = 1_000;

/// An hour in which a value costs much more than it usually does, and those that follow until one has ended that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Whose cost it is: the value of the dimension.
    pub value: String,
    /// The hour in which it began, in hours since 1970.
    pub began: u32,
    /// Its dearest hour so far.
    pub hour: u32,
    /// What that hour has cost.
    pub cost: Picodollars,
    /// What was usual when it began.
    pub usual: Usual,
}

impl Spike {
    /// How many usual hours its dearest has cost.
    pub fn times(&self) -> f64 {
        self.usual.times(self.cost)
    }
}

/// What has become of a spike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has begun.
    Fired(Spike),
    /// It is over.
    Resolved(Spike),
}

impl Change {
    /// The spike.
    pub fn spike(&self) -> &Spike {
        match self {
            Change::Fired(spike) | Change::Resolved(spike) => spike,
        }
    }

    /// `firing` or `resolved`.
    pub fn state(&self) -> &'static str {
        match self {
            Change::Fired(_) => "firing",
            Change::Resolved(_) => "resolved",
        }
    }
}

/// What the ledger answers about one value: hours and what they cost.
pub(super) type History = Vec<(u32, Picodollars)>;

/// The spikes that there are.
#[derive(Debug)]
pub(super) struct State {
    rule: Rule,
    active: BTreeMap<String, Active>,
    /// What was usual for values that cost enough to ask, for a few minutes.
    usual: HashMap<(u32, String), Option<Usual>>,
    /// In which span of [`LATE`] seconds they were asked.
    asked: u64,
    /// How many more may be asked in this look.
    left: usize,
    is_full: bool,
}

#[derive(Debug)]
struct Active {
    spike: Spike,
    /// The first hour that has not been seen to its end.
    next: u32,
}

impl State {
    pub(super) fn new(rule: Rule) -> Self {
        State { rule, active: BTreeMap::new(), usual: HashMap::new(), asked: 0, left: 0, is_full: false }
    }

    /// The spikes that there are, by value.
    pub(super) fn active(&self) -> impl Iterator<Item = &Spike> {
        self.active.values().map(|active| &active.spike)
    }

    /// Whether there are more spikes than are kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Looks at the ledger: `costs` tells what values cost in an hour, `history` what hours of a value cost. What has changed goes to
    /// the end of `changes`, also where an answer is missing.
    ///
    /// # Errors
    /// Those of the ledger. The next look makes up for it.
    pub(super) fn look<E>(
        &mut self,
        unix_seconds: u64,
        costs: impl Fn(u32) -> Result<Vec<(String, Picodollars)>, E>,
        history: impl Fn(&str, Range<u32>) -> Result<History, E>,
        changes: &mut Vec<Change>,
    ) -> Result<(), E> {
        let now = Timestamp::from_second(unix_seconds.cast_signed()).unwrap_or(Timestamp::MAX);
        let open = hour(unix_seconds.saturating_sub(LATE).cast_signed());
        self.left = ASKED_AT_ONCE;
        if self.asked != unix_seconds / LATE {
            self.asked = unix_seconds / LATE;
            self.usual.clear();
        }
        self.resolve(open, &history, changes)?;
        self.is_full = false;
        for hour in open..until(now) {
            self.fire(hour, costs(hour)?, &history, changes)?;
        }
        Ok(())
    }

    /// Ends the spikes of which an hour has ended as it should. What is usual is told by the hours before the spike, so that none makes
    /// itself usual; when these lie too far back nothing else is known, and it has become so.
    fn resolve<E>(
        &mut self,
        open: u32,
        history: &impl Fn(&str, Range<u32>) -> Result<History, E>,
        changes: &mut Vec<Change>,
    ) -> Result<(), E> {
        let mut over = Vec::new();
        for (value, active) in self.active.iter_mut().filter(|(_, active)| active.next < open) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let told = match history(value, self.rule.baseline_of(active.next, open)) {
                Ok(told) => told,
                Err(error) => {
                    self.end(over, changes);
                    return Err(error);
                }
            };
            while active.next < open {
                let cost =
                    told.iter().find(|(hour, _)| *hour == active.next).map_or(Picodollars::ZERO, |it| it.1);
                let before = self.rule.baseline_of(active.next, active.spike.began);
                let usual = Usual::of(told.iter().filter(|(hour, _)| before.contains(hour)).copied());
                if !self.rule.is_exceeded(cost, usual.as_ref()) {
                    over.push(value.clone());
                    break;
                }
                active.next += 1;
            }
        }
        self.end(over, changes);
        Ok(())
    }

    fn end(&mut self, over: Vec<String>, changes: &mut Vec<Change>) {
        let ended = over.iter().filter_map(|value| self.active.remove(value));
        changes.extend(ended.map(|active| Change::Resolved(active.spike)));
    }

    /// Begins spikes, the dearest first.
    fn fire<E>(
        &mut self,
        hour: u32,
        mut costs: Vec<(String, Picodollars)>,
        history: &impl Fn(&str, Range<u32>) -> Result<History, E>,
        changes: &mut Vec<Change>,
    ) -> Result<(), E> {
        // The unknown and the rest are many, and nobody in particular.
        costs.retain(|(value, cost)| *cost > self.rule.above && !value.is_empty() && value != OTHER);
        costs.sort_by(|(a, dear), (b, dearer)| (Reverse(dear), a).cmp(&(Reverse(dearer), b)));
        for (value, cost) in costs {
            if let Some(Active { spike, .. }) = self.active.get_mut(&value) {
                if cost > spike.cost {
                    (spike.hour, spike.cost) = (hour, cost);
                }
                continue;
            }
            let key = (hour, value);
            let usual = match self.usual.get(&key) {
                Some(usual) => *usual,
                None if self.left == 0 => continue,
                None => {
                    self.left -= 1;
                    let usual = Usual::of(history(&key.1, self.rule.baseline_of(hour, hour))?);
                    self.usual.insert(key.clone(), usual);
                    usual
                }
            };
            let Some(usual) = usual.filter(|usual| self.rule.is_spike(hour, cost, Some(usual))) else {
                continue;
            };
            if self.active.len() >= MAX_ACTIVE {
                self.is_full = true;
                break;
            }
            let (_, value) = key;
            let spike = Spike { value: value.clone(), began: hour, hour, cost, usual };
            self.active.insert(value, Active { spike: spike.clone(), next: hour });
            changes.push(Change::Fired(spike));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
