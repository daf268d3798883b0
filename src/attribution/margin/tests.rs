//! Statements from tables and sums, worked out by hand.

use hashbrown::HashMap;
use jiff::Timestamp;

use super::statement::Sources;
use super::*;
use crate::attribution::lookups::{Source, read};
use crate::attribution::{Attribution, Hasher, Lookups};
use crate::yaml::Mistakes;

const TENANTS: &str = "tenant,tier\nacme,pro\nbeta,pro\nquiet,pro\ngamma,free\ndelta,\n*,free\n";
const USERS: &str = "user,tenant,tier\nann,acme,\nbob,acme,\ncem,beta,free\ndan,unknown,\neve,,\n";

fn usd(text: &str) -> Picodollars {
    text.parse().unwrap()
}

fn revenue(tier: &str, amount: &str, per: Per) -> Revenue {
    Revenue { tier: (tier != "*").then(|| tier.to_owned()), amount: usd(amount), per }
}

fn attribution(revenue: Vec<Revenue>) -> Attribution {
    let dimensions = ["user", "tenant", "tier"].map(|name| (name, &[][..]));
    let margin = Rules { revenue, other_cogs: Share::new(15_000_000), ..Rules::default() };
    Attribution { margin, ..Attribution::of_keys(&dimensions) }
}

fn tables(attribution: &Attribution) -> Result<Lookups, Mistakes> {
    let source = |name, by, text: &'static str| Source { name, bytes: text.as_bytes(), by };
    read(&[source("t.csv", "tenant", TENANTS), source("u.csv", "user", USERS)], attribution)
}

fn used(cost: &str, revenue: &str, calls: u64, unpriced: u64, actions: u64) -> Used {
    Used { cost: usd(cost), revenue: usd(revenue), calls, unpriced, actions }
}

/// Half a month of February, and what was booked in it.
fn statement(by: By, attribution: &Attribution, booked: &[(&str, Used)], top: usize) -> Statement {
    let lookups = tables(attribution).unwrap();
    let customers = Customers::new(attribution, &lookups);
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let months =
        Months::of(Period::new(at("2026-02-01T00:00Z"), at("2026-02-15T00:00Z")), &attribution.margin.zone);
    let used: HashMap<String, Used> = booked.iter().map(|(name, used)| ((*name).to_owned(), *used)).collect();
    let by_tier = customers.by_tier();
    let rules = &attribution.margin;
    Statement::new(by, Sources { rules, customers: &customers, by_tier: &by_tier, months, used }, top)
}

/// `value: tenants users revenue cost other margin` of each line.
fn written(lines: &[Line]) -> Vec<String> {
    let amount = |amount: Option<Picodollars>| amount.map_or("?".to_owned(), |amount| amount.to_string());
    let line = |line: &Line| {
        format!(
            "{}: {} {} {} {} {} {}",
            line.value,
            line.customers.tenants,
            line.customers.users,
            line.revenue(),
            amount(line.cost()),
            line.other_cogs,
            amount(line.margin()),
        )
    };
    lines.iter().map(line).collect()
}

fn all() -> Vec<Revenue> {
    vec![
        revenue("pro", "20", Per::Month(Each::Tenant)),
        revenue("pro", "3", Per::Month(Each::User)),
        revenue("flat", "500", Per::Month(Each::Total)),
        revenue("*", "0.5", Per::Month(Each::User)),
        revenue("*", "100", Per::Month(Each::Total)),
        revenue("*", "0.05", Per::Action),
    ]
}

/// Scenario: tenants with and without calls and tiers, a row `*`; users whose tier is their own, their tenant's, that of an unlisted
/// tenant, and unknown; all kinds of fees; a tier that only calls have; one whose calls have no price.
/// Guarantees: who pays is who stands in the tables, with the tier that a call of theirs would have; the row `*` is no customer; a
/// tier without a line has that of `*`; what all of `*` pay together stands at the unknown tier; an unknown cost makes an
/// unknown margin.
#[test]
fn tiers() {
    let booked = [
        ("pro", used("7", "0", 9, 2, 3)),
        ("free", used("1.5", "0.15", 3, 0, 3)),
        ("gold", used("0", "0.05", 1, 1, 1)),
    ];
    let statement = statement(By::Tier, &attribution(all()), &booked, 10);
    // Half a month: pro 3 tenants x 10 and ann and bob x 1.5; free cem and dan (whose tenant is nobody, so `*`) x 0.25.
    assert_eq!(
        written(&statement.lines),
        [
            "free: 1 2 0.65 1.5 0.0975 -0.9475",
            "pro: 3 2 33 7 4.95 21.05",
            ": 1 1 50.25 0 7.5375 42.7125",
            "flat: 0 0 250 0 37.5 212.5",
            "gold: 0 0 0.05 ? 0.0075 ?",
        ]
    );
    assert_eq!(written(&[statement.total]), [": 5 5 333.95 8.5 50.0925 275.3575"]);
    assert_eq!((statement.rest, statement.not_allocated), (None, Picodollars::ZERO));
    assert_eq!(statement.lines[1].ratio(), Some(21.05 / 33.0));
    assert_eq!(statement.lines[4].ratio(), None);
}

/// Guarantees: a tenant pays its fee and those of its users, quiet ones too; one that only calls or users name pays no fee of its
/// own; what is paid once is no tenant's; of many lines those with the least margin are kept, and the others summed.
#[test]
fn tenants() {
    let booked = [("acme", used("40", "0", 9, 2, 3)), ("zeta", used("1", "0.15", 3, 0, 3))];
    let statement = |top| statement(By::Tenant, &attribution(all()), &booked, top);
    let all = statement(10);
    assert_eq!(
        written(&all.lines),
        [
            "acme: 1 2 13 40 1.95 -28.95",
            "zeta: 0 0 0.15 1 0.0225 -0.8725",
            "delta: 1 0 0 0 0 0",
            "gamma: 1 0 0 0 0 0",
            ": 0 1 0.25 0 0.0375 0.2125",
            "unknown: 0 1 0.25 0 0.0375 0.2125",
            "quiet: 1 0 10 0 1.5 8.5",
            "beta: 1 1 10.25 0 1.5375 8.7125",
        ]
    );
    assert_eq!(all.not_allocated, usd("300"));
    let two = statement(2);
    assert_eq!(two.lines, all.lines[..2]);
    assert_eq!((two.total.clone(), two.not_allocated), (all.total, all.not_allocated));
    assert_eq!(written(&[two.rest.unwrap()]), [": 4 3 20.75 0 3.1125 17.6375"]);
}

/// Guarantees: actions have what is paid by use, and what is paid by the month is told beside them, to the last picodollar as by tier.
#[test]
fn actions() {
    let booked = [("chat", used("0.4", "0.1", 9, 2, 2)), ("search", used("0.01", "0.15", 3, 0, 3))];
    let found = statement(By::Action, &attribution(all()), &booked, 10);
    assert_eq!(
        written(&found.lines),
        ["chat: 0 0 0.1 0.4 0.015 -0.315", "search: 0 0 0.15 0.01 0.0225 0.1175"]
    );
    let by_tier = statement(By::Tier, &attribution(all()), &[], 10);
    assert_eq!(found.not_allocated, by_tier.total.fees);
}

/// Scenario: users and tenants are kept as hashes.
/// Guarantees: the same fees.
#[test]
fn hashed_customers_pay_the_same() {
    let plain = attribution(all());
    let mut hashed = plain.clone();
    hashed.hasher = Some(Hasher::new(b"0123456789abcdef"));
    hashed.dimensions[0].hashed = true;
    hashed.dimensions[1].hashed = true;
    let counts = |attribution: &Attribution| -> HashMap<String, customers::Counts> {
        Customers::new(attribution, &tables(attribution).unwrap()).by_tier()
    };
    assert_eq!(counts(&hashed), counts(&plain));
}

/// Guarantees: a fee that no table can tell the payers of is a mistake that says where to write their tiers.
#[test]
fn fees_need_a_column() {
    let attribution = attribution(vec![revenue("pro", "3", Per::Month(Each::User))]);
    let source = |by, text: &'static str| Source { name: "u.csv", bytes: text.as_bytes(), by };
    let missing = read(&[source("user", "user,tenant\nann,acme\n")], &attribution).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "u.csv: processors.pricetag.margin.revenue[0] is paid by each user of the tier \"pro\", and no lookup tells a user's tier; \
         add a column tier"
    );
    let tables = [source("user", "user,tenant\nann,acme\n"), source("tenant", "tenant,tier\nacme,pro\n")];
    assert!(read(&tables, &attribution).is_ok());
    let mut fixed = attribution;
    fixed.dimensions[2].value = Some("pro".to_owned());
    assert!(read(&tables[..1], &fixed).is_ok());
}
