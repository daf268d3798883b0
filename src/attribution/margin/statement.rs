//! A statement: revenue, cost and margin of each tier, tenant or action.

use std::mem::take;

use hashbrown::HashMap;

use super::customers::Counts;
use super::{By, Customers, Fees, Months, Rules};
use crate::pricing::money::Picodollars;

/// What was booked of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// What its calls cost, as far as it is known.
    pub cost: Picodollars,
    /// What is paid for them by use.
    pub revenue: Picodollars,
    /// How many they are.
    pub calls: u64,
    /// Of how many the cost is not known.
    pub unpriced: u64,
    /// Settled actions.
    pub actions: u64,
}

/// A line of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The tier, tenant or action; empty: not known.
    pub value: String,
    /// The customers among the lookups' rows.
    pub customers: Counts,
    /// What they pay for the time.
    pub fees: Picodollars,
    /// What was booked.
    pub used: Used,
    /// What they cost besides.
    pub other_cogs: Picodollars,
}

impl Line {
    /// What is paid, by time and by use.
    pub fn revenue(&self) -> Picodollars {
        self.fees.saturating_add(self.used.revenue)
    }

    /// What the calls cost; `None` where it is known of none. It is too low by what is not known of `used.unpriced`.
    pub fn cost(&self) -> Option<Picodollars> {
        (self.used.calls == 0 || self.used.unpriced < self.used.calls).then_some(self.used.cost)
    }

    /// What is left of the revenue; `None` where the cost is not known.
    pub fn margin(&self) -> Option<Picodollars> {
        Some(self.revenue().saturating_add(-self.cost()?).saturating_add(-self.other_cogs))
    }

    /// The margin as a part of the revenue; `None` where there is no revenue.
    pub fn ratio(&self) -> Option<f64> {
        let revenue = self.revenue();
        (!revenue.is_zero()).then_some(self.margin()?.to_usd_f64() / revenue.to_usd_f64())
    }

    /// What of an amount is that of one action, rounded half to even; `None` where there is none.
    pub fn per_action(&self, amount: Picodollars) -> Option<Picodollars> {
        (self.used.actions > 0).then(|| amount.scaled(1, self.used.actions))
    }

    fn add(&mut self, more: &Line) {
        self.customers.tenants += more.customers.tenants;
        self.customers.users += more.customers.users;
        self.fees = self.fees.saturating_add(more.fees);
        self.used.cost = self.used.cost.saturating_add(more.used.cost);
        self.used.revenue = self.used.revenue.saturating_add(more.used.revenue);
        self.used.calls += more.used.calls;
        self.used.unpriced += more.used.unpriced;
        self.used.actions += more.used.actions;
        self.other_cogs = self.other_cogs.saturating_add(more.other_cogs);
    }
}

/// Revenue, cost and margin by something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// The lines with the least margin, the worst first; those whose margin is not known stand last.
    pub lines: Vec<Line>,
    /// The sum of those that were left out.
    pub rest: Option<Line>,
    /// The sum of all lines.
    pub total: Line,
    /// What is paid by the month and by no line here: no action is what a subscription pays for, no tenant what all pay together.
    pub not_allocated: Picodollars,
}

/// What a statement is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// What customers pay.
    pub rules: &'a Rules,
    /// Who they are.
    pub customers: &'a Customers<'a>,
    /// How many they are, by tier.
    pub by_tier: &'a HashMap<String, Counts>,
    /// How many months it is about.
    pub months: Months,
    /// What was booked in these, by the values that the statement is by.
    pub used: HashMap<String, Used>,
}

impl Statement {
    /// A statement by something, with so many lines at most.
    pub fn new(by: By, sources: Sources<'_>, top: usize) -> Self {
        let fees = Fees::new(&sources.rules.revenue);
        let mut making = Making { sources, fees, top, statement: Statement::default() };
        match by {
            By::Tier => making.tiers(),
            By::Tenant => making.tenants(),
            By::Action => making.actions(),
        }
        making.statement.keep(top);
        making.statement
    }

    /// Keeps so many lines, the first in their order.
    fn keep(&mut self, top: usize) {
        self.lines.sort_by_cached_key(|line| (line.margin().is_none(), line.margin(), line.value.clone()));
        for line in self.lines.drain(top.min(self.lines.len())..) {
            self.rest.get_or_insert_default().add(&line);
        }
    }
}

/// A statement in the making.
struct Making<'a> {
    sources: Sources<'a>,
    fees: Fees,
    top: usize,
    statement: Statement,
}

impl Making<'_> {
    fn tiers(&mut self) {
        for (tier, customers, fees) in self.fees_by_tier() {
            let used = self.sources.used.remove(&tier).unwrap_or_default();
            self.push(Line { value: tier, customers, fees, used, ..Line::default() });
        }
        self.unseen();
    }

    fn tenants(&mut self) {
        // What the users of each tenant pay: a user's tier may be another than his tenant's.
        let mut users: HashMap<String, (u64, Picodollars)> = HashMap::new();
        let fees = &self.fees;
        self.sources.customers.users(|user| {
            let (count, sum) = users.entry_ref(user.tenant.as_str()).or_default();
            *count += 1;
            *sum = sum.saturating_add(fees.of(user.tier.as_str()).user);
        });
        let Sources { customers, months, .. } = self.sources;
        customers.tenants(|tenant| {
            let (count, of_users) = users.remove(tenant.name.as_str()).unwrap_or_default();
            let fees = self.fees.of(tenant.tier.as_str()).tenant.saturating_add(of_users);
            let value = tenant.name.as_str().to_owned();
            let used = self.sources.used.remove(&value).unwrap_or_default();
            let customers = Counts { tenants: 1, users: count };
            self.push(Line { value, customers, fees: months.share(fees), used, ..Line::default() });
        });
        for (value, (users, fees)) in users {
            let used = self.sources.used.remove(&value).unwrap_or_default();
            let customers = Counts { tenants: 0, users };
            self.push(Line { value, customers, fees: months.share(fees), used, ..Line::default() });
        }
        self.unseen();
        let totals = self.fees.totals().map(|(_, total)| total);
        let totals = totals.fold(Picodollars::ZERO, Picodollars::saturating_add);
        self.statement.not_allocated = months.share(totals);
    }

    fn actions(&mut self) {
        self.unseen();
        let fees = self.fees_by_tier().into_iter().map(|(_, _, fees)| fees);
        self.statement.not_allocated = fees.fold(Picodollars::ZERO, Picodollars::saturating_add);
    }

    /// What the customers of each tier pay by time; every tier of a customer or a line is there.
    fn fees_by_tier(&self) -> Vec<(String, Counts, Picodollars)> {
        let mut tiers = self.sources.by_tier.clone();
        let named = self.sources.rules.revenue.iter().filter_map(|line| line.tier.as_deref());
        for tier in named.chain(self.fees.totals().map(|(tier, _)| tier)) {
            tiers.entry(tier.to_owned()).or_default();
        }
        let totals: HashMap<&str, Picodollars> = self.fees.totals().collect();
        let fees = |tier: &str, customers: Counts| {
            let fee = self.fees.of(tier);
            let times = |amount: Picodollars, count: u64| amount.get().saturating_mul(count.into());
            let once = totals.get(tier).copied().unwrap_or_default().get();
            let sum = times(fee.tenant, customers.tenants).saturating_add(times(fee.user, customers.users));
            self.sources.months.share(Picodollars::new(sum.saturating_add(once)))
        };
        let fees = tiers.into_iter().map(|(tier, customers)| {
            let fees = fees(&tier, customers);
            (tier, customers, fees)
        });
        fees.collect()
    }

    /// Adds lines of what was booked of values that have none yet.
    fn unseen(&mut self) {
        for (value, used) in take(&mut self.sources.used) {
            self.push(Line { value, used, ..Line::default() });
        }
    }

    fn push(&mut self, mut line: Line) {
        line.other_cogs = self.sources.rules.other_cogs.unwrap_or_default().of(line.revenue());
        self.statement.total.add(&line);
        self.statement.lines.push(line);
        // A table may have a million tenants.
        if self.statement.lines.len() > self.top.saturating_mul(2).saturating_add(1000) {
            self.statement.keep(self.top);
        }
    }
}
