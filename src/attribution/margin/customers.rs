//! Who pays by the month: the rows of the lookups by tenant and by user, also of customers that make no calls.

use hashbrown::HashMap;

use super::{Each, Per, Rules};
use crate::attribution::{Attribution, Lookups};
use crate::otlp::view::Text;
use crate::yaml::Mistake;

/// How many customers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tenants.
    pub tenants: u64,
    /// Users.
    pub users: u64,
}

/// The customers that tables name. What a table does not say of one the others may, as for a call: the user's tier is his tenant's
/// where only the table by tenant has one.
#[derive(Debug)]
pub struct Customers<'l> {
    attribution: &'l Attribution,
    lookups: &'l Lookups,
    /// What each dimension has without any table.
    fixed: Vec<Vec<u8>>,
    tenant: Option<usize>,
    tier: Option<usize>,
}

/// One of them; what is not known is empty.
#[derive(Clone, Copy, Debug)]
pub struct Customer<'l> {
    /// What it is called.
    pub name: Text<'l>,
    /// Whose it is.
    pub tenant: Text<'l>,
    /// What it pays for.
    pub tier: Text<'l>,
}

impl<'l> Customers<'l> {
    /// Those of tables that were read with these dimensions.
    pub fn new(attribution: &'l Attribution, lookups: &'l Lookups) -> Self {
        let fixed = attribution.dimensions.iter().map(|dimension| {
            let value = dimension.value.as_deref().unwrap_or_default();
            match &attribution.hasher {
                Some(hasher) if dimension.hashed && !value.is_empty() => hasher.hash(value.as_bytes()).into(),
                _ => value.into(),
            }
        });
        let fixed = fixed.collect();
        let (tenant, tier) = (attribution.index("tenant"), attribution.index("tier"));
        Customers { attribution, lookups, fixed, tenant, tier }
    }

    /// Every tenant.
    pub fn tenants(&self, see: impl FnMut(Customer<'_>)) {
        self.each("tenant", see);
    }

    /// Every user.
    pub fn users(&self, see: impl FnMut(Customer<'_>)) {
        self.each("user", see);
    }

    /// How many there are of each tier.
    pub fn by_tier(&self) -> HashMap<String, Counts> {
        let mut counts: HashMap<String, Counts> = HashMap::new();
        self.tenants(|tenant| counts.entry_ref(tenant.tier.as_str()).or_default().tenants += 1);
        self.users(|user| counts.entry_ref(user.tier.as_str()).or_default().users += 1);
        counts
    }

    /// Every row of the tables by a dimension, but for `*`, which is no customer.
    fn each(&self, by: &str, mut see: impl FnMut(Customer<'_>)) {
        let Some(by) = self.attribution.index(by) else { return };
        let mut values = Vec::with_capacity(self.fixed.len());
        for (nth, table) in self.lookups.tables_by(by).enumerate() {
            for key in table.keys() {
                // One that stands in two tables is one.
                if self.lookups.tables_by(by).take(nth).any(|before| before.has(key)) {
                    continue;
                }
                values.clear();
                values.extend(self.fixed.iter().map(|value| Text(value)));
                values[by] = key;
                self.lookups.fill(&mut values, |_, _| {});
                let value = |dimension: Option<usize>| dimension.map_or(Text::default(), |at| values[at]);
                see(Customer { name: key, tenant: value(self.tenant), tier: value(self.tier) });
            }
        }
    }

    /// What is missing in the tables so that fees can be counted.
    pub fn mistakes(&self, rules: &Rules, names: &[(&str, &str)]) -> Vec<Mistake> {
        let missing = |(index, by): (usize, &str)| {
            let tier = rules.revenue[index].tier.as_deref()?;
            let by_dimension = self.attribution.index(by)?;
            if self.tells_tier(by_dimension) {
                return None;
            }
            let source = names.iter().find(|(_, known)| *known == by).map(|(name, _)| *name);
            Some(Mistake {
                source: source.unwrap_or("lookups").to_owned(),
                line: None,
                column: None,
                key: String::new(),
                message: format!(
                    "processors.pricetag.margin.revenue[{index}] is paid by each {by} of the tier {tier:?}, and no lookup \
                     tells a {by}'s tier"
                ),
                remedy: Some("add a column tier".to_owned()),
            })
        };
        let fees = rules.revenue.iter().enumerate().filter_map(|(index, line)| match line.per {
            Per::Month(Each::Tenant) => Some((index, "tenant")),
            Per::Month(Each::User) => Some((index, "user")),
            _ => None,
        });
        fees.filter_map(missing).collect()
    }

    /// Whether a column may tell the tier of those that are read by a dimension.
    fn tells_tier(&self, by: usize) -> bool {
        let mut known: Vec<bool> = self.fixed.iter().map(|value| !value.is_empty()).collect();
        known[by] = true;
        // Each table stands behind those that fill its key.
        for table in self.lookups.tables() {
            if known[table.by()] {
                known.iter_mut().enumerate().for_each(|(at, known)| *known |= table.fills(at));
            }
        }
        self.tier.is_some_and(|tier| known[tier])
    }
}
