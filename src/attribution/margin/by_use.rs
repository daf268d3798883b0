//! What customers pay by use: for an action, for a token.

use hashbrown::HashMap;

use super::{Per, Revenue};
use crate::pricing::money::Picodollars;

/// Tokens of one `per: 1k_tokens`.
const TOKENS: i128 = 1000;

/// What is paid by use, by tier.
#[derive(Clone, Debug, Default)]
pub struct UseRevenue {
    /// Every tier that has a line, also of another kind.
    tiers: HashMap<Box<str>, Rates>,
    /// Of all other tiers, and of none.
    any: Rates,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    token: Picodollars,
    action: Picodollars,
}

impl UseRevenue {
    /// From the lines of a config; several of one tier add up. Amounts have whole thousands of picodollars, so that a token's is exact.
    pub fn new(lines: &[Revenue]) -> Self {
        let mut all = UseRevenue::default();
        for Revenue { tier, amount, per } in lines {
            let rates = match tier {
                Some(tier) => all.tiers.entry(tier.as_str().into()).or_default(),
                None => &mut all.any,
            };
            match per {
                Per::Month(_) => {}
                Per::Action => rates.action = rates.action.saturating_add(*amount),
                Per::ThousandTokens => {
                    let token = Picodollars::new(amount.get() / TOKENS);
                    rates.token = rates.token.saturating_add(token);
                }
            }
        }
        all
    }

    /// What a customer of a tier pays for a call that counts; `tier` is empty where it is not known.
    pub fn of_call(&self, tier: &str, tokens: u64) -> Picodollars {
        Picodollars::new(self.rates(tier).token.get().saturating_mul(tokens.into()))
    }

    /// What a customer of a tier pays for an action that has settled.
    pub fn of_action(&self, tier: &str) -> Picodollars {
        self.rates(tier).action
    }

    fn rates(&self, tier: &str) -> &Rates {
        self.tiers.get(tier).unwrap_or(&self.any)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Each;
    use super::*;

    fn line(tier: Option<&str>, dollars: &str, per: Per) -> Revenue {
        Revenue { tier: tier.map(str::to_owned), amount: dollars.parse().unwrap(), per }
    }

    /// Scenario: a tier that pays by the month and for tokens, twice; one by the month alone; everybody else for actions.
    /// Guarantees: lines of a tier add up; a tier with a line of any kind has nothing of `*`; an unknown tier has.
    #[test]
    fn tiers_pay_what_their_lines_say() {
        let by_use = UseRevenue::new(&[
            line(Some("pro"), "20", Per::Month(Each::Tenant)),
            line(Some("pro"), "0.002", Per::ThousandTokens),
            line(Some("pro"), "0.000000001", Per::ThousandTokens),
            line(Some("flat"), "500", Per::Month(Each::Total)),
            line(None, "0.05", Per::Action),
        ]);
        let usd = |text: &str| text.parse::<Picodollars>().unwrap();
        assert_eq!(by_use.of_call("pro", 1500), usd("0.0030000015"));
        assert_eq!(by_use.of_call("pro", 1), usd("0.000002000001"));
        assert_eq!(by_use.of_action("pro"), usd("0"));
        assert_eq!((by_use.of_call("flat", 1500), by_use.of_action("flat")), (usd("0"), usd("0")));
        for other in ["", "free", "Pro"] {
            assert_eq!((by_use.of_call(other, 1500), by_use.of_action(other)), (usd("0"), usd("0.05")));
        }
    }

    /// Guarantees: nothing overflows, however many tokens somebody claims.
    #[test]
    fn the_largest_amounts_fit() {
        let by_use = UseRevenue::new(&[line(None, "1000000000", Per::ThousandTokens)]);
        let expected = i128::from(u64::MAX) * 1_000_000_000_000_000_000;
        assert_eq!(by_use.of_call("", u64::MAX).get(), expected);
    }
}
