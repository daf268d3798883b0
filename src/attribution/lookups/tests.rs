//! Tables: what they fill, what is wrong with their files, and how much a million rows take.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::attribution::{Attribution, Hasher};

const DIMENSIONS: [&str; 6] = ["user", "tenant", "tier", "team", "plan", "region"];

fn attribution() -> Attribution {
    Attribution::of_keys(&DIMENSIONS.map(|name| (name, &[][..])))
}

fn source<'a>(name: &'a str, by: &'a str, text: &'a str) -> Source<'a> {
    Source { name, bytes: text.as_bytes(), by }
}

fn tables(sources: &[Source<'_>]) -> Lookups {
    read(sources, &attribution()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// All dimensions of one call after the tables, as `tenant=acme tier=gold`, and what was unknown.
fn filled(lookups: &Lookups, said: &[(&str, &str)]) -> (String, Vec<String>) {
    let mut values = [Text::default(); DIMENSIONS.len()];
    for (name, value) in said {
        values[DIMENSIONS.iter().position(|known| known == name).unwrap()] = (*value).into();
    }
    let mut unknown = Vec::new();
    lookups.fill(&mut values, |table, value| unknown.push(format!("{table}:{}", value.as_str())));
    let known = DIMENSIONS.iter().zip(values).filter(|(_, value)| !value.is_empty());
    (known.map(|(name, value)| format!("{name}={}", value.as_str())).collect::<Vec<_>>().join(" "), unknown)
}

fn known(lookups: &Lookups, said: &[(&str, &str)]) -> String {
    let (filled, unknown) = filled(lookups, said);
    assert_eq!(unknown, Vec::<String>::new());
    filled
}

const CSV: &str =
    "\u{feff}Tier , tenant, note,team\r\n\r\n gold,acme,\"a, \"\"b\"\"\",red\r\n,\"beta, inc\",,blue\r\n";

/// Scenario: CSV as spreadsheets write it: a byte order mark, CRLF, quotes, blanks, an empty line, a column of no dimension.
/// Guarantees: a row fills what is not known yet, and nothing else; an empty cell says nothing; a key that stands nowhere is
/// told; the foreign column is a notice.
#[test]
fn csv_is_read() {
    let lookups = tables(&[source("tenants.csv", "tenant", CSV)]);
    assert_eq!(known(&lookups, &[("tenant", "acme")]), "tenant=acme tier=gold team=red");
    assert_eq!(known(&lookups, &[("tenant", "acme"), ("tier", "free")]), "tenant=acme tier=free team=red");
    assert_eq!(known(&lookups, &[("tenant", "beta, inc")]), "tenant=beta, inc team=blue");
    assert_eq!(known(&lookups, &[("user", "acme")]), "user=acme");
    let (filled, unknown) = filled(&lookups, &[("tenant", "Acme")]);
    assert_eq!((filled.as_str(), unknown), ("tenant=Acme", vec!["0:Acme".to_owned()]));
    assert_eq!(lookups.notices(), ["tenants.csv: these columns name no dimension: note"]);
    assert_eq!(lookups.rows(), 2);
}

/// Guarantees: YAML says the same; numbers and words are texts, nothing is nothing.
#[test]
fn yaml_is_read() {
    let text =
        "acme: {tier: 1, team: yes, plan: , seats: 5}\n\"beta, inc\":\n  team: blue\n\"*\": {tier: none}\n";
    let lookups = tables(&[source("tenants.yaml", "tenant", text)]);
    assert_eq!(known(&lookups, &[("tenant", "acme")]), "tenant=acme tier=1 team=yes");
    assert_eq!(known(&lookups, &[("tenant", "beta, inc")]), "tenant=beta, inc team=blue");
    assert_eq!(known(&lookups, &[("tenant", "gamma")]), "tenant=gamma tier=none");
    assert_eq!(lookups.notices(), ["tenants.yaml: these columns name no dimension: seats"]);
}

/// Scenario: a table by the tier before the one that tells the tier; two tables that tell the team; a row for all others.
/// Guarantees: tables are asked in the order in which they can answer, else in the config's; what is unknown is told with
/// the number of the config.
#[test]
fn tables_build_on_each_other() {
    let lookups = tables(&[
        source("plans.csv", "tier", "tier,plan\ngold,p1\n*,p0\n"),
        source("users.csv", "user", "user,team,tenant\nann,red,acme\n"),
        source("tenants.csv", "tenant", "tenant,tier,team\nacme,gold,blue\nbeta,tin,green\n"),
    ]);
    assert_eq!(known(&lookups, &[("user", "ann")]), "user=ann tenant=acme tier=gold team=red plan=p1");
    assert_eq!(known(&lookups, &[("tenant", "beta")]), "tenant=beta tier=tin team=green plan=p0");
    let (values, unknown) = filled(&lookups, &[("user", "bob"), ("tenant", "gamma")]);
    assert_eq!(values, "user=bob tenant=gamma");
    assert_eq!(unknown, ["1:bob", "2:gamma"]);
}

/// Scenario: users are kept as hashes; a table is by the user, another fills it.
/// Guarantees: keys and values of hashed dimensions are hashed when the table is read; the row for all others stays one.
#[test]
fn hashed_dimensions_are_hashed_in_tables() {
    let mut attribution = attribution();
    let hasher = Hasher::new(b"0123456789abcdef");
    attribution.dimensions[0].hashed = true;
    let ann = hasher.hash(b"ann");
    attribution.hasher = Some(hasher);
    let sources = [source("users.csv", "user", "user,tier\nann,gold\n*,tin\n")];
    let lookups = read(&sources, &attribution).unwrap();
    assert_eq!(known(&lookups, &[("user", &ann)]), format!("user={ann} tier=gold"));
    assert_eq!(known(&lookups, &[("user", "ann")]), "user=ann tier=tin");
    let sources = [source("keys.csv", "team", "team,user\nred,ann\n")];
    let lookups = read(&sources, &attribution).unwrap();
    assert_eq!(known(&lookups, &[("team", "red")]), format!("user={ann} team=red"));
}

/// Guarantees: every mistake is told with its line and what to do, of many the first twenty.
#[test]
fn mistakes_are_told() {
    let long = "x".repeat(257);
    let long_csv = format!("tenant,tier\nacme,{long}\nbeta,\"gold\ngamma,{long}\n");
    for (name, by, text, mistakes) in [
        (
            "t.csv",
            "tenant",
            "tenant,tier\nacme,gold\n\nbeta,tin\nacme,tin\n",
            &["t.csv:5:1: tenant \"acme\" stands here twice, first on line 2; keep one of the two"][..],
        ),
        (
            "t.csv",
            "tenant",
            "tenant,tier\n\"multi\nline\",gold\nbeta\ngamma,tin,x\n,tin\n",
            &[
                "t.csv:4:1: 1 value, and the header has 2; write a value for each column; one with a comma stands in quotes",
                "t.csv:5:1: 3 values, and the header has 2; write a value for each column; one with a comma stands in quotes",
                "t.csv:6:1: a row without a value of tenant; write one, or `*` for values that no other row has",
            ],
        ),
        (
            "t.csv",
            "tenant",
            "customer,tier\nacme,gold\n",
            &[
                "t.csv:1:1: no column tenant, by which it is to be read; name the column with its values so in the first \
               line, which has: customer, tier",
            ],
        ),
        (
            "t.csv",
            "tenant",
            "tenant,teir\nacme,gold\n",
            &[
                "t.csv:1:1: no column besides tenant is named like a dimension; did you mean \"tier\"? (allowed: plan, \
               region, team, tier, user)",
            ],
        ),
        (
            "t.csv",
            "tenant",
            "tenant,tier,Tier\nacme,gold,tin\n",
            &["t.csv:1:1: the column Tier stands here twice; keep one of the two"],
        ),
        (
            "t.csv",
            "tenant",
            &long_csv,
            &[
                "t.csv:2:1: tier: a value of more than 256 bytes; shorten it; if it is none, a quote is open here",
                "t.csv:3:1: tier: a value of more than 256 bytes; shorten it; if it is none, a quote is open here",
            ],
        ),
        ("t.csv", "tenant", " \n", &["t.csv: the lookup is empty; write rows, or take it out of `lookups`"]),
        (
            "t.csv",
            "tennant",
            "a",
            &[
                "t.csv: \"tennant\" is no dimension; did you mean \"tenant\"? (allowed: plan, region, team, tenant, tier, user)",
            ],
        ),
        (
            "t.yaml",
            "tenant",
            "acme: {tier: gold}\nbeta: {tier: [1]}\nacme: {tier: tin}\ngamma: 5\n\" \": {tier: tin}\n",
            &[
                "t.yaml:3:1: acme: the key stands here twice, first on line 1; keep one of the two",
                "t.yaml:4:8: gamma: expected a mapping; write dimensions and their values, as in `acme: {tier: gold, team: red}`",
                "t.yaml:2:14: beta.tier: expected a value; write a text or a number",
                "t.yaml:5:1: a key of tenant must have 1 to 256 bytes; mend it",
            ],
        ),
        (
            "t.yaml",
            "tenant",
            "- acme\n",
            &[
                "t.yaml:1:1: expected a mapping; write dimensions and their values, as in `acme: {tier: gold, team: red}`",
            ],
        ),
    ] {
        let told = read(&[source(name, by, text)], &attribution()).unwrap_err().0;
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        let mut sorted = mistakes.to_vec();
        sorted.sort_unstable();
        let mut told_sorted: Vec<&str> = told.iter().map(String::as_str).collect();
        told_sorted.sort_unstable();
        assert_eq!(told_sorted, sorted, "{text}");
    }
    let latin = [Source { name: "t.csv", bytes: b"tenant,tier\nacme,gold\ncaf\xe9,tin\n", by: "tenant" }];
    assert_eq!(
        read(&latin, &attribution()).unwrap_err().to_string(),
        "t.csv:3:1: not UTF-8; save the file as UTF-8"
    );
    let many = format!("tenant,tier\n{}", "acme,gold\n".repeat(100));
    assert_eq!(read(&[source("t.csv", "tenant", &many)], &attribution()).unwrap_err().0.len(), 20);
}

/// Guarantees: tables that fill each other's keys, and columns that a fixed value makes useless, are mistakes.
#[test]
fn tables_go_together() {
    let circle = [
        source("c.csv", "team", "team,region\nred,eu\n"),
        source("a.csv", "tenant", "tenant,tier\nacme,gold\n"),
        source("b.csv", "tier", "tier,team,tenant\ngold,red,acme\n"),
    ];
    assert_eq!(
        read(&circle, &attribution()).unwrap_err().to_string(),
        "b.csv, a.csv: these lookups fill each other's keys in a circle: tier, tenant; take the column tier out of one of them"
    );
    let mut attribution = attribution();
    attribution.dimensions[2].value = Some("gold".to_owned());
    assert_eq!(
        read(&circle[1..2], &attribution).unwrap_err().to_string(),
        "a.csv:1:1: the column tier would never be read: tier has a fixed value; take out the column, or \
         processors.pricetag.dimensions.tier.value"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Scenario: random rows, values and keys, known and not; an own map as reference.
    /// Guarantees: a table answers as the map does.
    #[test]
    fn a_table_is_a_map(
        rows in prop::collection::btree_map("[a-z*]{1,4}", ("[a-c]{0,2}", "[x-z]{0,20}"), 0..60),
        asked in prop::collection::vec("[a-z*]{1,4}", 50),
    ) {
        let mut builder = Builder::new(1, vec![4, 2]);
        for (key, (plan, tier)) in &rows {
            let values = [plan.as_bytes(), tier.as_bytes()];
            builder.push(key.as_bytes(), values.into_iter()).unwrap();
        }
        if let Some(again) = rows.keys().next() {
            prop_assert_eq!(builder.push(again.as_bytes(), [].into_iter()), Err(0));
        }
        let table = builder.finish();
        prop_assert_eq!(table.rows(), rows.len());
        let lookups = Lookups::new(vec![table]).unwrap();
        for key in rows.keys().chain(&asked) {
            let row = rows.get(key).or_else(|| rows.get("*"));
            let mut expected = BTreeMap::from([("tenant", key.as_str())]);
            let other = (String::new(), String::new());
            let (plan, tier) = row.unwrap_or(&other);
            expected.extend([("plan", plan.as_str()), ("tier", tier)]);
            let expected: Vec<_> = DIMENSIONS
                .iter()
                .filter_map(|name| expected.get(name).map(|value| (name, value)))
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let (found, unknown) = filled(&lookups, &[("tenant", key)]);
            prop_assert_eq!(found, expected.join(" "));
            prop_assert_eq!(unknown.is_empty(), row.is_some());
        }
    }
}

/// Scenario: a table of a hundred thousand tenants; `cargo bench --bench lookups` has a million.
/// Guarantees: it is read, each row answers, and it takes at most 64 bytes a row with keys of 13 bytes.
#[test]
fn many_rows_are_read() {
    const ROWS: usize = 100_000;
    let mut text = "tenant,tier,team,plan\n".to_owned();
    for n in 0..ROWS {
        writeln!(text, "tenant-{n:06},{},team {},p{}", ["gold", "tin", ""][n % 3], n % 1000, n % 7).unwrap();
    }
    let lookups = tables(&[source("tenants.csv", "tenant", &text)]);
    assert_eq!(lookups.rows(), ROWS);
    for n in (0..ROWS).step_by(9973) {
        let tenant = format!("tenant-{n:06}");
        let tier = ["tier=gold ", "tier=tin ", ""][n % 3];
        let expected = format!("tenant={tenant} {tier}team=team {} plan=p{}", n % 1000, n % 7);
        assert_eq!(known(&lookups, &[("tenant", &tenant)]), expected);
    }
    assert!(lookups.bytes() <= 64 * ROWS, "{}", lookups.bytes());
}
