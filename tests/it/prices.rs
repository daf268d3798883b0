//! Price files: their schema, and the mistakes in them.

mod schema;

use std::path::{Path, PathBuf};

use pricetag::pricing::format::schema;
use pricetag::pricing::{Catalog, CatalogFile};
use serde_json::Value;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

/// The files of a folder, by name, in order.
fn folder(path: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(file(path))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

const INVALID: &str = "tests/fixtures/prices/invalid";

/// Scenario: every file of fixtures/prices/invalid; beside it stands `LINE KEY: MESSAGE; REMEDY` of each mistake.
/// Guarantees: exactly these mistakes are told, all that reading finds at once, and all that meaning finds, each with its
/// line, in YAML and in JSON.
#[test]
fn every_mistake_is_told_with_line_key_and_remedy() {
    let update = std::env::var_os("UPDATE_PRICE_ERRORS").is_some();
    let mut seen = 0;
    for (name, text) in folder(INVALID).into_iter().filter(|(name, _)| !name.ends_with(".txt")) {
        let read = if name.ends_with(".json") { CatalogFile::from_json } else { CatalogFile::from_yaml };
        let mistakes = read(&name, &text)
            .and_then(|file| Catalog::from_layers([(name.as_str(), file)]))
            .map(drop)
            .expect_err(&name);
        let found: Vec<String> = mistakes
            .0
            .iter()
            .map(|mistake| {
                assert_eq!(mistake.source, name);
                let remedy = mistake.remedy.as_deref().unwrap_or_else(|| panic!("no remedy: {mistake}"));
                let line = mistake.line.unwrap_or_else(|| panic!("no line: {mistake}"));
                format!("{line} {}: {}; {remedy}\n", mistake.key, mistake.message)
            })
            .collect();
        let beside = format!("{INVALID}/{name}.txt");
        if update {
            std::fs::write(file(&beside), found.concat()).unwrap();
        } else {
            let expected = std::fs::read_to_string(file(&beside)).unwrap_or_default();
            assert_eq!(found.concat(), expected, "{name}: if that is meant, UPDATE_PRICE_ERRORS=1");
        }
        seen += 1;
    }
    assert!(seen > 9, "{seen}");
}

/// Scenario: mistakes in two files that are laid over each other.
/// Guarantees: each is told with its own file.
#[test]
fn each_layer_answers_for_its_own_mistakes() {
    let layer = |name: &'static str, yaml: &str| (name, CatalogFile::from_yaml(name, yaml).unwrap());
    let mistakes = Catalog::from_layers([
        layer("list.yaml", "providers:\n  p:\n    models: {m: {match: ['/(/']}}\n"),
        layer("mine.yaml", "providers:\n  p:\n    models:\n      n: {when: [{x: 2}]}\n"),
    ])
    .unwrap_err()
    .to_string();
    let lines: Vec<&str> = mistakes.lines().collect();
    assert!(lines[0].starts_with("list.yaml:3:26: providers.p.models.m.match[0]: "), "{mistakes}");
    assert!(lines[1].starts_with("mine.yaml:4:18: providers.p.models.n.when[0]: "), "{mistakes}");
    assert_eq!(lines.len(), 2);
}

/// Guarantees: editors are told what the code takes.
#[test]
fn the_committed_schema_is_that_of_the_code() {
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file("config/prices.schema.json"), schema()).unwrap();
    }
    let committed = std::fs::read_to_string(file("config/prices.schema.json")).unwrap_or_default();
    assert!(
        committed == schema(),
        "config/prices.schema.json is out of date: UPDATE_SCHEMA=1 cargo test --test it schema"
    );
}

/// What the schema finds wrong with a file.
fn against_the_schema(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let value: Value = serde_yaml::from_str(text).unwrap();
    schema::Validator::new(&schema).faults(&value)
}

/// Scenario: the files that are good, and those that are not.
/// Guarantees: the schema takes the good ones, and finds every mistake that is one of shape.
#[test]
fn the_schema_takes_what_the_code_takes() {
    assert_eq!(against_the_schema(&read("tests/fixtures/prices/example.yaml")), Vec::<String>::new());
    assert_eq!(against_the_schema(&read("config/catalog.json")), Vec::<String>::new());
    // What only meaning can find: ends before beginnings, names of nothing, sums; and what YAML readers find themselves.
    let of_meaning = [
        "adjust.yaml",
        "comma.json",
        "meaning.json",
        "dollar.yaml",
        "duplicates.yaml",
        "euro.yaml",
        "gpu.yaml",
        "meaning.yaml",
        "syntax.yaml",
    ];
    for (name, text) in folder(INVALID) {
        if !name.ends_with(".txt") && !of_meaning.contains(&name.as_str()) {
            assert!(!against_the_schema(&text).is_empty(), "{name}");
        }
    }
    let faults = against_the_schema("providers: {p: {models: {m: {when: [{form: 2026-01-01, x: 2}]}}}}");
    assert_eq!(faults, ["/providers/p/models/m/when/0/form: no such key"]);
}
