//! The rule: when an hour of a value costs more than its usual hour. Pure, and exact: integers only.

use crate::pricing::Picodollars;
use crate::pricing::decimal::{Decimal, DecimalError};

/// Digits after the point that [`Times`] may have.
const PLACES: u32 = 3;
const PER_ONE: i128 = 10i128.pow(PLACES);

/// When a value spikes: an hour in which it costs more than `above`, and more than `times` its usual hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How many times its usual hour.
    pub times: Times,
    /// What an hour may cost in any case.
    pub above: Picodollars,
    /// How many hours before tell what is usual.
    pub baseline: u32,
    /// How many hours ago a value must have cost something for the first time, or nothing is usual yet.
    pub warm_up: u32,
}

/// A factor, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Times(u64);

impl Times {
    /// So many times.
    pub const fn whole(times: u32) -> Self {
        Times(times as u64 * PER_ONE as u64)
    }
}

impl TryFrom<Decimal> for Times {
    type Error = DecimalError;
    /// # Errors
    /// It is negative, too large, or has more than three digits after the point.
    fn try_from(times: Decimal) -> Result<Self, DecimalError> {
        let thousandths = times.not_negative()?.at_scale(PLACES)?;
        u64::try_from(thousandths).map(Times).map_err(|_| DecimalError::TooLarge)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Decimal::new(self.0.into(), PLACES).fmt(f)
    }
}

/// What the hours of a value usually cost: the mean of those in which it cost anything. Quiet hours are left out, or whoever works two
/// hours a day would have a usual hour of a twelfth of his own, and spike whenever he works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    sum: Picodollars,
    hours: u32,
    /// The first of them.
    first: u32,
}

impl Usual {
    /// What is usual by these hours and what each of them cost; `None` where it never cost anything.
    pub fn of(history: impl IntoIterator<Item = (u32, Picodollars)>) -> Option<Usual> {
        let costly = history.into_iter().filter(|(_, cost)| *cost > Picodollars::ZERO);
        costly.fold(None, |usual, (hour, cost)| {
            let Usual { sum, hours, first } =
                usual.unwrap_or(Usual { sum: Picodollars::ZERO, hours: 0, first: hour });
            Some(Usual { sum: sum.saturating_add(cost), hours: hours + 1, first: first.min(hour) })
        })
    }

    /// The usual hour, rounded to the picodollar.
    pub fn hour(&self) -> Picodollars {
        let hours = i128::from(self.hours);
        Picodollars::new(self.sum.get().saturating_add(hours / 2) / hours)
    }

    /// How many usual hours that is, for people.
    pub fn times(&self, cost: Picodollars) -> f64 {
        cost.to_usd_f64() * f64::from(self.hours) / self.sum.to_usd_f64()
    }
}

impl Rule {
    /// Whether an hour that costs so much is more than is usual; nothing is, where nothing is usual.
    pub fn is_exceeded(&self, cost: Picodollars, usual: Option<&Usual>) -> bool {
        let Some(usual) = usual.filter(|_| cost > self.above) else { return false };
        // Both stop at 10³⁸ picodollars, 10²⁶ dollars, which is far from what can be owed.
        let hours = i128::from(usual.hours) * PER_ONE;
        cost.get().saturating_mul(hours) > usual.sum.get().saturating_mul(self.times.0.into())
    }

    /// Whether a spike begins in `hour`: the same, and the value is not new.
    pub fn is_spike(&self, hour: u32, cost: Picodollars, usual: Option<&Usual>) -> bool {
        let is_warm = |usual: &Usual| usual.first.saturating_add(self.warm_up) <= hour;
        usual.is_some_and(is_warm) && self.is_exceeded(cost, usual)
    }

    /// The hours that tell what is usual in `hour`, from the first to the one before `end`.
    pub fn baseline_of(&self, hour: u32, end: u32) -> std::ops::Range<u32> {
        hour.saturating_sub(self.baseline)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule =
        Rule { times: Times::whole(5), above: Picodollars::new(100), baseline: 168, warm_up: 24 };

    fn usual(history: &[(u32, i128)]) -> Option<Usual> {
        Usual::of(history.iter().map(|(hour, cost)| (*hour, Picodollars::new(*cost))))
    }

    fn spikes(hour: u32, cost: i128, usual: Option<Usual>) -> bool {
        RULE.is_spike(hour, Picodollars::new(cost), usual.as_ref())
    }

    /// Guarantees: quiet hours and corrections change nothing of what is usual.
    #[test]
    fn the_usual_hour_is_the_mean_of_the_hours_that_cost_anything() {
        let it = usual(&[(10, 30), (11, 0), (12, -50), (200, 31)]).unwrap();
        assert_eq!((it.hour(), it.first), (Picodollars::new(31), 10));
        assert_eq!(it.times(Picodollars::new(305)), 10.0);
        assert_eq!(usual(&[]), None);
        assert_eq!(usual(&[(10, 0)]), None);
    }

    #[test]
    fn both_limits_must_be_passed() {
        let fifty = usual(&[(10, 60), (50, 40)]);
        assert!(!spikes(60, 250, fifty), "five times is not more than five times");
        assert!(spikes(60, 251, fifty));
        let one = usual(&[(10, 1), (50, 1)]);
        assert!(!spikes(60, 100, one), "a hundred times, and not above the least");
        assert!(spikes(60, 101, one));
        // A third can not be told as picodollars, so nothing may be rounded before it is compared.
        let third = usual(&[(10, 20), (11, 20), (12, 21)]);
        assert!(!spikes(60, 101, third), "303 is not more than 305");
        assert!(spikes(60, 102, third));
    }

    #[test]
    fn who_is_new_has_no_usual_hour() {
        assert!(!spikes(33, 1_000_000, usual(&[(10, 1), (32, 1)])), "23 hours");
        assert!(spikes(34, 1_000_000, usual(&[(10, 1), (32, 1)])));
        assert!(!spikes(34, 1_000_000, None));
        assert!(!RULE.is_exceeded(Picodollars::new(1_000_000), None));
    }

    /// The table in docs/spikes.md.
    #[test]
    fn the_examples_of_the_page() {
        let dollars = |text: &str| text.parse::<Picodollars>().unwrap();
        let rule = Rule { above: dollars("1.00"), ..RULE };
        let spikes = |cost: &str, usual: Option<Usual>| rule.is_spike(200, dollars(cost), usual.as_ref());
        let ann = Usual::of((100..110).map(|hour| (hour, dollars(if hour < 105 { "0.40" } else { "0.42" }))));
        assert_eq!(ann.map(|ann| ann.hour()), Some(dollars("0.41")));
        assert!(!spikes("2.00", ann) && !spikes("2.05", ann) && spikes("2.06", ann));
        assert!(!spikes("30", Usual::of((50..200).map(|hour| (hour, dollars("30"))))));
        let eve = Usual::of((50..200).map(|hour| (hour, dollars("0.001"))));
        assert!(!spikes("0.90", eve) && spikes("1.01", eve));
    }

    #[test]
    fn factors_have_three_places() {
        let times = |text: &str| Times::try_from(text.parse::<Decimal>().unwrap());
        assert_eq!(times("2.5"), Ok(Times(2500)));
        assert_eq!(times("2.5").unwrap().to_string(), "2.5");
        assert_eq!(times("5"), Ok(Times::whole(5)));
        assert!(times("2.5001").is_err() && times("-1").is_err() && times(&"9".repeat(30)).is_err());
        let half = Rule { times: times("1.5").unwrap(), ..RULE };
        let usual = usual(&[(10, 100)]);
        assert!(!half.is_exceeded(Picodollars::new(150), usual.as_ref()));
        assert!(half.is_exceeded(Picodollars::new(151), usual.as_ref()));
    }

    /// Guarantees: sums that stopped at the largest amount end nothing.
    #[test]
    fn absurd_amounts_do_not_overflow() {
        let usual = usual(&[(10, i128::MAX), (11, i128::MAX)]).unwrap();
        assert!(!RULE.is_spike(60, Picodollars::new(i128::MAX), Some(&usual)));
        assert!(usual.hour() > Picodollars::ZERO && usual.times(Picodollars::ZERO) == 0.0);
    }
}
