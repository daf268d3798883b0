//! What customers pay, by their tier: for an action, for a token, for a month.

use hashbrown::HashMap;

use super::{Each, Per, Revenue};
use crate::pricing::money::Picodollars;

/// Tokens of one `per: 1k_tokens`.
const TOKENS: i128 = 1000;

/// Something of each tier that has a line, of whatever kind, and of all others.
#[derive(Clone, Debug, Default)]
struct ByTier<T> {
    tiers: HashMap<Box<str>, T>,
    any: T,
}

impl<T: Default> ByTier<T> {
    /// From the lines of a config; `add` takes each into what its tier has.
    fn new(lines: &[Revenue], add: impl Fn(&mut T, &Revenue)) -> Self {
        let mut all = Self::default();
        for line in lines {
            let of_tier = match &line.tier {
                Some(tier) => all.tiers.entry(tier.as_str().into()).or_default(),
                None => &mut all.any,
            };
            add(of_tier, line);
        }
        all
    }

    fn get(&self, tier: &str) -> &T {
        self.tiers.get(tier).unwrap_or(&self.any)
    }
}

fn add(sum: &mut Picodollars, amount: Picodollars) {
    *sum = sum.saturating_add(amount);
}

/// What is paid by use.
#[derive(Clone, Debug, Default)]
pub struct UseRevenue(ByTier<Rates>);

#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    token: Picodollars,
    action: Picodollars,
}

impl UseRevenue {
    /// From the lines of a config; several of one tier add up. Amounts have whole thousands of picodollars, so that a token's is exact.
    pub fn new(lines: &[Revenue]) -> Self {
        UseRevenue(ByTier::new(lines, |rates: &mut Rates, line| match line.per {
            Per::Month(_) => {}
            Per::Action => add(&mut rates.action, line.amount),
            Per::ThousandTokens => add(&mut rates.token, Picodollars::new(line.amount.get() / TOKENS)),
        }))
    }

    /// What a customer of a tier pays for a call that counts; `tier` is empty where it is not known.
    pub fn of_call(&self, tier: &str, tokens: u64) -> Picodollars {
        Picodollars::new(self.0.get(tier).token.get().saturating_mul(tokens.into()))
    }

    /// What a customer of a tier pays for an action that has settled.
    pub fn of_action(&self, tier: &str) -> Picodollars {
        self.0.get(tier).action
    }
}

/// What is paid for a month.
#[derive(Clone, Debug, Default)]
pub struct Fees(ByTier<Fee>);

/// What the customers of a tier pay for a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fee {
    /// Each tenant.
    pub tenant: Picodollars,
    /// Each user.
    pub user: Picodollars,
    /// All together.
    pub total: Picodollars,
}

impl Fees {
    /// From the lines of a config; several of one tier add up.
    pub fn new(lines: &[Revenue]) -> Self {
        Fees(ByTier::new(lines, |fee: &mut Fee, line| match line.per {
            Per::Month(Each::Tenant) => add(&mut fee.tenant, line.amount),
            Per::Month(Each::User) => add(&mut fee.user, line.amount),
            Per::Month(Each::Total) => add(&mut fee.total, line.amount),
            Per::Action | Per::ThousandTokens => {}
        }))
    }

    /// What each customer of a tier pays; `tier` is empty where it is not known.
    pub fn of(&self, tier: &str) -> &Fee {
        self.0.get(tier)
    }

    /// What is paid once, by tier. That of the tiers without a line stands under the empty one.
    pub fn totals(&self) -> impl Iterator<Item = (&str, Picodollars)> {
        let named = self.0.tiers.iter().map(|(tier, fee)| (&**tier, fee.total));
        named.chain([("", self.0.any.total)]).filter(|(_, total)| !total.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tier: Option<&str>, dollars: &str, per: Per) -> Revenue {
        Revenue { tier: tier.map(str::to_owned), amount: dollars.parse().unwrap(), per }
    }

    fn usd(text: &str) -> Picodollars {
        text.parse().unwrap()
    }

    /// Scenario: a tier that pays by the month and for tokens, twice; one by the month alone; everybody else for actions.
    /// Guarantees: lines of a tier add up; a tier with a line of any kind has nothing of `*`; an unknown tier has.
    #[test]
    fn tiers_pay_what_their_lines_say() {
        let lines = [
            line(Some("pro"), "20", Per::Month(Each::Tenant)),
            line(Some("pro"), "0.002", Per::ThousandTokens),
            line(Some("pro"), "0.000000001", Per::ThousandTokens),
            line(Some("flat"), "500", Per::Month(Each::Total)),
            line(None, "0.05", Per::Action),
            line(None, "3", Per::Month(Each::User)),
        ];
        let by_use = UseRevenue::new(&lines);
        assert_eq!(by_use.of_call("pro", 1500), usd("0.0030000015"));
        assert_eq!(by_use.of_call("pro", 1), usd("0.000002000001"));
        assert_eq!(by_use.of_action("pro"), usd("0"));
        assert_eq!((by_use.of_call("flat", 1500), by_use.of_action("flat")), (usd("0"), usd("0")));
        for other in ["", "free", "Pro"] {
            assert_eq!((by_use.of_call(other, 1500), by_use.of_action(other)), (usd("0"), usd("0.05")));
        }
        let fees = Fees::new(&lines);
        assert_eq!(*fees.of("pro"), Fee { tenant: usd("20"), ..Fee::default() });
        assert_eq!(*fees.of("flat"), Fee { total: usd("500"), ..Fee::default() });
        assert_eq!(*fees.of("free"), Fee { user: usd("3"), ..Fee::default() });
        assert_eq!(fees.totals().collect::<Vec<_>>(), [("flat", usd("500"))]);
    }

    /// Guarantees: nothing overflows, however many tokens somebody claims.
    #[test]
    fn the_largest_amounts_fit() {
        let by_use = UseRevenue::new(&[line(None, "1000000000", Per::ThousandTokens)]);
        let expected = i128::from(u64::MAX) * 1_000_000_000_000_000_000;
        assert_eq!(by_use.of_call("", u64::MAX).get(), expected);
    }
}
