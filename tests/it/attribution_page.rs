//! docs/attribution.md: its keys are those of the code, and its examples load.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pricetag::attribution::{defaults, written_as};
use pricetag::genai::dialects::Dialects;
use pricetag::genai::dialects::format::{Members, Word};
use regex::Regex;

use crate::support::command::pricetag;

/// Everything behind it is made here.
const MARK: &str = "<!-- What follows is made from src/attribution/defaults.rs and config/dialects: UPDATE_DOCS=1 cargo test --test \
                    it attribution_page -->\n";

fn code(texts: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("`{}`", text.as_ref())).collect();
    quoted.join(", ")
}

/// What a dialect says of dimensions: keys, and paths in documents.
fn told(attributes: &[(Word, Vec<String>)], documents: &[(String, Members)], of: &str) -> Vec<String> {
    let is_it = |word: &Word| matches!(word, Word::Dimension(name) if *name == of);
    let keys = attributes.iter().filter(|(word, _)| is_it(word)).map(|(_, keys)| code(keys));
    let members = documents.iter().flat_map(|(key, Members(members))| {
        members.iter().filter(|(word, _)| is_it(word)).map(move |(_, paths)| match paths.as_slice() {
            [all] if all == "." => format!("`{key}`"),
            paths => format!("{} in `{key}`", code(paths)),
        })
    });
    keys.chain(members).collect()
}

fn tables() -> String {
    let mut page =
        "\n## The keys\n\n| dimension | written as | read from, the preferred first |\n|---|---|---|\n"
            .to_owned();
    for (name, keys) in defaults::DIMENSIONS {
        writeln!(page, "| {name} | `{}` | {} |", written_as(name, false), code(keys)).unwrap();
    }
    page += "| one of your own | `pricetag.<name>` | `pricetag.<name>`, `<name>` |\n";
    page += "\nAnd after them what instrumentations write, whoever wrote it but for those in brackets:\n\n";
    page += "| dimension | dialect | read from |\n|---|---|---|\n";
    for (name, _) in defaults::DIMENSIONS {
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in Dialects::embedded() {
            let shown = if file.only_in_scope { format!("({})", file.dialect) } else { file.dialect.clone() };
            let row = rows.entry(shown).or_default();
            row.extend(told(&file.attributes, &file.documents, name));
            if let Some(events) = &file.events {
                let row = rows.entry(format!("({}, log events)", file.dialect)).or_default();
                row.extend(told(&events.attributes, &events.documents, name));
            }
        }
        for (dialect, keys) in rows.iter().filter(|(_, keys)| !keys.is_empty()) {
            writeln!(page, "| {name} | {dialect} | {} |", keys.join(", ")).unwrap();
        }
    }
    page
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attribution.md")
}

/// Guarantees: the page lists the keys that the code has.
#[test]
fn the_page_lists_the_keys() {
    let page = fs::read_to_string(path()).unwrap();
    let (head, found) = page.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), format!("{head}{MARK}{}", tables())).unwrap();
    } else {
        assert!(
            found == tables(),
            "docs/attribution.md is out of date: UPDATE_DOCS=1 cargo test --test it attribution_page"
        );
    }
}

/// Scenario: the page's config, with its two tables beside it.
/// Guarantees: all load as they stand there, without a notice.
#[test]
fn the_examples_of_the_page_load() {
    let page = fs::read_to_string(path()).unwrap();
    let blocks = Regex::new(r"```(?:yaml|csv)\n((?s:.*?))```\n").unwrap();
    // Those that show one key need files of their own, or stand for themselves.
    let is_whole = |block: &String| !block.contains("auth: true") && !block.contains("hold: ");
    let blocks: Vec<_> =
        blocks.captures_iter(&page).map(|found| found[1].to_owned()).filter(is_whole).collect();
    let [config, csv, yaml] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let config = config
        .replace("${env:PRICETAG_HASH_KEY}", "a key of 16 bytes")
        .replace("tenants.csv", &write("tenants.csv", csv))
        .replace("plans.yaml", &write("plans.yaml", yaml))
        + "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n\
           service: {pipelines: {traces: &it {receivers: [otlp], processors: [pricetag], exporters: [debug]}, logs: *it}}\n";
    let checked = pricetag(&["check", &write("config.yaml", &config)]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""));
    assert!(checked.out.contains("lookups    5 rows") && !checked.out.contains("notice"), "{}", checked.out);
}
