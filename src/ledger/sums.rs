//! What is summed of bookings.

use crate::booking::{Booking, Counted, Reported};
use crate::pricing::{Picodollars, Status};

/// Numbers of statuses end below this.
const STATUSES: usize = 16;

/// What a booking brings into sums.
#[derive(Clone, Debug)]
pub(super) struct Amounts {
    pub(super) verdict: Counted,
    status: Status,
    /// The money is known.
    known: bool,
    money: Picodollars,
    estimate: Picodollars,
    saved: Picodollars,
    misdated: bool,
    /// In a box, for few senders say a cost.
    reported: Option<Box<Reported>>,
    input: u64,
    cached: u64,
    output: u64,
    pub(super) reasoning: u64,
}

impl Amounts {
    pub(super) fn of(booking: &Booking<'_>) -> Self {
        Amounts {
            verdict: booking.verdict,
            status: booking.status,
            known: booking.money.is_some(),
            money: booking.money.unwrap_or(Picodollars::ZERO),
            estimate: booking.estimate().unwrap_or(Picodollars::ZERO),
            saved: booking.saved,
            misdated: booking.misdated,
            reported: booking.reported.map(Box::new),
            input: booking.input,
            cached: booking.cache_read,
            output: booking.output,
            reasoning: booking.reasoning,
        }
    }

    /// The money, where it is known.
    pub(super) fn money(&self) -> Option<Picodollars> {
        self.known.then_some(self.money)
    }

    /// As one call, or as none if it does not count.
    pub(super) fn tally(&self) -> Tally {
        if self.verdict != Counted::Here {
            return Tally::default();
        }
        let Amounts { money, estimate, saved, input, cached, output, reasoning, .. } = *self;
        let tally = Tally { money, estimate, saved, input, cached, output, reasoning, ..Tally::default() };
        let unpriced = !self.known && self.status != Status::Failed;
        Tally { calls: 1, unpriced: unpriced.into(), misdated: self.misdated.into(), ..tally }
    }
}

/// Sums of calls that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Their money, as far as it is known.
    pub money: Picodollars,
    /// What their money would be had no span been sampled away: an estimate. The same as `money` where nothing was.
    pub estimate: Picodollars,
    /// What tokens read from a cache would have cost more in full.
    pub saved: Picodollars,
    /// What customers pay for them by use: by action or by token, not by month.
    pub revenue: Picodollars,
    /// Their input tokens, cached ones included.
    pub input: u64,
    /// Of these, read from a cache.
    pub cached: u64,
    /// Their output tokens.
    pub output: u64,
    /// Of these, spent on reasoning.
    pub reasoning: u64,
    /// How many they are.
    pub calls: u64,
    /// Of how many the cost is not known. A call that failed before it used anything cost nothing, and is none of them.
    pub unpriced: u64,
    /// How many told a time that can not be, and are booked when they came.
    pub misdated: u64,
    /// Settled actions, each where the calls of its trace agree.
    pub actions: u64,
}

impl Tally {
    /// The money; `None`: of no call it is known.
    pub fn known_money(&self) -> Option<Picodollars> {
        (self.calls == 0 || self.unpriced < self.calls).then_some(self.money)
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(mut self, other: &Tally) -> Tally {
        self.add(other);
        self
    }

    #[inline]
    pub(super) fn add(&mut self, more: &Tally) {
        self.money = self.money.saturating_add(more.money);
        self.estimate = self.estimate.saturating_add(more.estimate);
        self.saved = self.saved.saturating_add(more.saved);
        self.revenue = self.revenue.saturating_add(more.revenue);
        self.input = self.input.saturating_add(more.input);
        self.cached = self.cached.saturating_add(more.cached);
        self.output = self.output.saturating_add(more.output);
        self.reasoning = self.reasoning.saturating_add(more.reasoning);
        self.calls += more.calls;
        self.unpriced += more.unpriced;
        self.misdated += more.misdated;
        self.actions += more.actions;
    }

    #[inline]
    pub(super) fn take(&mut self, less: &Tally) {
        self.money = self.money.saturating_add(-less.money);
        self.estimate = self.estimate.saturating_add(-less.estimate);
        self.saved = self.saved.saturating_add(-less.saved);
        self.revenue = self.revenue.saturating_add(-less.revenue);
        self.input = self.input.saturating_sub(less.input);
        self.cached = self.cached.saturating_sub(less.cached);
        self.output = self.output.saturating_sub(less.output);
        self.reasoning = self.reasoning.saturating_sub(less.reasoning);
        self.calls = self.calls.saturating_sub(less.calls);
        self.unpriced = self.unpriced.saturating_sub(less.unpriced);
        self.misdated = self.misdated.saturating_sub(less.misdated);
        self.actions = self.actions.saturating_sub(less.actions);
    }
}

/// Sums of all calls of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Those that count.
    pub counting: Tally,
    /// What senders say that calls cost which count and have a price of ours.
    pub reported: Picodollars,
    /// How much more that is than ours.
    pub difference: Picodollars,
    /// Calls by the number of their status, also those that do not count.
    calls: [u64; STATUSES],
}

impl Sums {
    pub(super) fn new(
        counting: Tally,
        reported: Picodollars,
        difference: Picodollars,
        by_status: impl IntoIterator<Item = (Status, u64)>,
    ) -> Self {
        let mut calls = [0; STATUSES];
        for (status, count) in by_status {
            calls[status as usize % STATUSES] += count;
        }
        Sums { counting, reported, difference, calls }
    }

    /// The sum of two.
    #[must_use]
    pub(super) fn plus(&self, other: &Sums) -> Sums {
        Sums {
            counting: self.counting.plus(&other.counting),
            reported: self.reported.saturating_add(other.reported),
            difference: self.difference.saturating_add(other.difference),
            calls: std::array::from_fn(|status| self.calls[status] + other.calls[status]),
        }
    }

    /// Calls of one status.
    pub(super) fn calls_of(&self, status: Status) -> u64 {
        self.calls[status as usize % STATUSES]
    }

    /// Calls by status, without those that there are none of.
    pub fn calls(&self) -> impl Iterator<Item = (Status, u64)> + '_ {
        let status = |(number, count): (usize, &u64)| Some((Status::from_u8(number as u8)?, *count));
        self.calls.iter().enumerate().filter(|(_, count)| **count > 0).filter_map(status)
    }

    pub(super) fn add(&mut self, amounts: &Amounts) {
        self.counting.add(&amounts.tally());
        if let Some(reported) = compared(amounts) {
            self.reported = self.reported.saturating_add(reported.cost);
            self.difference = self.difference.saturating_add(reported.difference);
        }
        self.calls[amounts.verdict.status(amounts.status) as usize % STATUSES] += 1;
    }

    pub(super) fn take(&mut self, amounts: &Amounts) {
        self.counting.take(&amounts.tally());
        if let Some(reported) = compared(amounts) {
            self.reported = self.reported.saturating_add(-reported.cost);
            self.difference = self.difference.saturating_add(-reported.difference);
        }
        let calls = &mut self.calls[amounts.verdict.status(amounts.status) as usize % STATUSES];
        *calls = calls.saturating_sub(1);
    }
}

fn compared(amounts: &Amounts) -> Option<&Reported> {
    amounts.reported.as_deref().filter(|_| amounts.verdict == Counted::Here)
}
