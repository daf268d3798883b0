//! Adjustments: what a buyer pays beside the list, such as a negotiated discount or provisioned throughput.
//!
//! They are laid upon the finished price. An adjustment multiplies every rate, those for searches and requests too,
//! because a discount is negotiated on the bill; a `when`'s `x` multiplies token rates only. Several that hold at once
//! multiply. What is paid by the month is kept and shown, but not spread over calls: nobody knows how many will come.

use std::fmt;

use super::catalog::ProviderId;
use super::decimal::Decimal;
use super::pattern::Pattern;
use super::rate::Factor;
use super::when::Moment;

/// The most adjustments that a catalog may have: one bit each.
pub(super) const MAX_ADJUSTS: usize = 64;

/// Some of a catalog's adjustments, by position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adjusted(u64);

impl Adjusted {
    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their positions, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_ADJUSTS - self.0.leading_zeros() as usize).filter(move |nth| self.0 >> nth & 1 == 1)
    }

    fn from_positions(positions: impl Iterator<Item = usize>) -> Self {
        Self(positions.take_while(|nth| *nth < MAX_ADJUSTS).fold(0, |bits, nth| bits | 1 << nth))
    }
}

/// A change to what a provider bills.
#[derive(Clone, Debug)]
pub struct Adjustment {
    pub(super) provider: ProviderId,
    /// Lowercase. `None`: every model.
    pub(super) model: Option<Pattern>,
    pub(super) x: Factor,
    pub(super) from: Option<Moment>,
    pub(super) until: Option<Moment>,
    pub(super) fixed_per_month: Option<Decimal>,
    pub(super) note: Option<Box<str>>,
    pub(super) layer: u8,
}

impl Adjustment {
    /// Whose bill it changes.
    pub const fn provider(&self) -> ProviderId {
        self.provider
    }

    /// What every rate is multiplied by.
    pub const fn x(&self) -> Factor {
        self.x
    }

    /// Dollars that are paid each month, however many calls there are; no receipt has them in it.
    pub const fn fixed_per_month(&self) -> Option<Decimal> {
        self.fixed_per_month
    }

    /// What its author wrote about it.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The layer that it stands in, by position in [`Catalog::layers`](super::Catalog::layers).
    pub fn layer(&self) -> usize {
        self.layer.into()
    }

    fn is_meant(&self, provider: ProviderId, names: &[&str]) -> bool {
        let named = |pattern: &Pattern| names.iter().any(|name| pattern.matches(name));
        self.provider == provider && self.model.as_ref().is_none_or(named)
    }

    fn holds(&self, moment: Moment) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

/// In words: `adjusted x 0.88 from 2026-07-01 until 2027-07-01 (negotiated)`.
impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "adjusted x {}", self.x.decimal())?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(until) = self.until {
            write!(f, " until {until}")?;
        }
        if let Some(dollars) = self.fixed_per_month {
            write!(f, ", beside ${dollars} a month")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// The adjustments for calls that a provider bills and that go by any of these names, in lowercase.
pub(super) fn meant(all: &[Adjustment], provider: ProviderId, names: &[&str]) -> Adjusted {
    let meant = all.iter().enumerate().filter(|(_, adjustment)| adjustment.is_meant(provider, names));
    Adjusted::from_positions(meant.map(|(nth, _)| nth))
}

/// Those of `meant` that hold at a moment.
pub(super) fn in_force(all: &[Adjustment], meant: Adjusted, moment: Moment) -> Adjusted {
    if meant.is_empty() {
        return meant;
    }
    Adjusted::from_positions(meant.iter().filter(|nth| all[*nth].holds(moment)))
}

/// What rates are multiplied by; `None` where it does not fit.
pub(super) fn factor(all: &[Adjustment], adjusted: Adjusted) -> Option<Factor> {
    adjusted.iter().map(|nth| all[nth].x).try_fold(Factor::ONE, Factor::checked_mul)
}
