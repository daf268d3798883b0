//! The conversion, on lists made up for it.

use super::*;
use crate::pricing::format::WhenEntry;
use crate::pricing::{Catalog, ModelQuery, write};

/// Providers and models of genai-prices 0.2.3, as published.
const SAMPLE: &str = include_str!("../../../../tests/fixtures/import/genai_prices_sample.json");

/// Scenario: a sample of the list that the embedded catalog was made from is converted again.
/// Guarantees: every model comes out as it was committed, but for what LiteLLM's list adds to it (names, retirements, uplifts of regions): nobody
/// edited the catalog by hand, and no change of the converter was left without a new catalog.
#[test]
fn the_embedded_catalog_is_a_fresh_conversion() {
    let committed = Catalog::embedded_file().unwrap();
    for (provider, entry) in &convert(SAMPLE, "0.2.3").unwrap().providers.0 {
        let (_, known) = committed.providers.0.iter().find(|(id, _)| id == provider).unwrap();
        for (one, other) in
            [(&entry.names, &known.names), (&entry.hosts, &known.hosts), (&entry.serves, &known.serves)]
        {
            // Providers that the sample leaves out come as names only.
            assert!(
                one == other || (entry.models.0.is_empty() && one.iter().all(|name| other.contains(name))),
                "{provider}"
            );
        }
        for (id, model) in &entry.models.0 {
            let (_, known) = known.models.0.iter().find(|(known, _)| known == id).unwrap();
            assert!(known.matches.starts_with(&model.matches), "{provider}/{id}");
            let uplift =
                |when: &WhenEntry| when.x.is_some() && !when.region.is_empty() && !model.when.contains(when);
            let when = known.when.iter().filter(|when| !uplift(when)).cloned().collect();
            let (matches, retires) = (model.matches.clone(), model.retires);
            let known = ModelEntry { matches, retires, when, ..known.clone() };
            assert_eq!(write::model(model), write::model(&known), "{provider}/{id}");
        }
    }
}

/// Scenario: every name that a source of resellers lists, asked of the reseller.
/// Guarantees: an entry of his own, made to carry regions, takes no name from another model of the source.
#[test]
fn resellers_own_entries_take_no_other_models_names() {
    let catalog = Catalog::embedded();
    let file = Catalog::embedded_file().unwrap();
    let mut own = 0;
    for (seller, entry) in &file.providers.0 {
        let copies = |(_, model): &&(String, ModelEntry)| {
            model.source.as_ref().is_some_and(|source| source.contains("; regions "))
        };
        let Some((_, copied)) = entry.models.0.iter().find(copies) else { continue };
        own += entry.models.0.iter().filter(copies).count();
        let source = copied.source.as_deref().and_then(|source| source.split(';').next()).unwrap();
        let (_, listed) = file.providers.0.iter().find(|(id, _)| id == source).unwrap();
        for (id, model) in &listed.models.0 {
            for name in [id].into_iter().chain(&model.matches).filter(|name| !name.contains(['*', '/'])) {
                let find = |provider: &str| {
                    let query = ModelQuery { provider, served: name, ..ModelQuery::default() };
                    catalog.resolve(&query).model.map(|model| catalog.model(model))
                };
                let (here, there) = (find(seller), find(source));
                let is_his = here.is_some_and(|model| {
                    catalog.provider(model.provider()).id() == seller
                        && !entry.models.0.iter().filter(copies).any(|(id, _)| id == model.id())
                });
                let ids = [here, there].map(|model| model.map(|model| model.id()));
                assert!(is_his || ids[0] == ids[1], "{seller}: {name} {ids:?}");
            }
        }
    }
    assert!(own > 0);
}

fn text(list: &str, version: &str) -> String {
    write::to_json(&convert(list, version).unwrap())
}

fn one_model(json: &str) -> String {
    let list = format!(
        r#"[{{"id": "p", "name": "P", "api_pattern": "https://api\\.p\\.com", "models": [{json}]}}]"#
    );
    let text = text(&list, "1");
    let line = text.lines().find(|line| line.starts_with("        ")).unwrap();
    line.trim().trim_end_matches(',').to_owned()
}

#[test]
fn later_lists_remove_what_they_lack() {
    let model = one_model(
        r#"{"id": "m", "match": {"equals": "m"}, "prices": [
            {"prices": {"input_mtok": {"base": "1", "tiers": [{"start": 9, "price": "2"}]}, "cache_read_mtok": "0.1"}},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": "3"}}]}"#,
    );
    assert_eq!(
        model,
        r#""m": {"rates":{"input":1,"cache_read":0.1},"when":[{"over":9,"rates":{"input":2}},{"from":"2026-01-01","rates":{"input":3,"cache_read":null}}]}"#
    );
}

#[test]
fn hours_hold_from_the_last_date_on() {
    let model = one_model(
        r#"{"id": "m", "match": {"equals": "m"}, "prices": [
            {"prices": {"input_mtok": "1"}},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": "2"}},
            {"constraint": {"start_time": "01:00:00+00:00", "end_time": "04:00:00+00:00"}, "prices": {"input_mtok": "4"}},
            {"constraint": {"start_time": "06:00:00+00:00", "end_time": "10:00:00+00:00"}, "prices": {"input_mtok": "4"}}]}"#,
    );
    assert!(
        model.ends_with(
            r#"{"from":"2026-01-01","hours":["01:00-04:00","06:00-10:00"],"rates":{"input":4}}]}"#
        ),
        "{model}"
    );
}

#[test]
fn variants_are_tiers_and_batches_in_order_of_date() {
    let model = one_model(
        r#"{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": "1"}, "price_variants": [
            {"when": {"processing": "batch"}, "constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": "0.7"}},
            {"when": {"processing": "batch"}, "constraint": {"start_date": "2026-10-14"}, "prices": {"input_mtok": "0.5"}},
            {"when": {"service_tier": "default"}, "prices": {}},
            {"when": {"service_tier": "priority"}, "prices": {"input_mtok": "2"}},
            {"when": {"service_tier": "fast"}, "prices": {"input_mtok": "2"}},
            {"when": {"search_type": "fast"}, "prices": {"web_searches_kcount": "1"}}]}"#,
    );
    assert_eq!(
        model,
        r#""m": {"rates":{"input":1},"when":[{"tier":["priority","fast"],"rates":{"input":2}},{"from":"2026-10-14","batch":true,"rates":{"input":0.5}},{"from":"2027-01-01","batch":true,"rates":{"input":0.7}}]}"#
    );
}

#[test]
fn clauses_become_names() {
    let names = |clause: &str| {
        let model = one_model(&format!(r#"{{"id": "m-1", "match": {clause}, "prices": {{}}}}"#));
        model.strip_prefix(r#""m-1": "#).unwrap().to_owned()
    };
    assert_eq!(names(r#"{"equals": "M-1"}"#), "{}");
    assert_eq!(names(r#"{"starts_with": "m-1-2025"}"#), r#"{"match":["m-1-2025"]}"#);
    assert_eq!(names(r#"{"regex": "^m-1\\.5-\\d{8}$"}"#), r#"{"match":["m-1.5"]}"#);
    assert_eq!(names(r#"{"regex": "^(a/)?m-1$"}"#), r#"{"match":["/^(a/)?m-1$/"]}"#);
    assert_eq!(names(r#"{"contains": "moderation"}"#), r#"{"match":["*moderation*"]}"#);
    assert_eq!(names(r#"{"ends_with": "/us.m-1"}"#), r#"{"match":["us.m-1"]}"#);
    assert_eq!(
        names(r#"{"and": [{"starts_with": "m-1-pro"}, {"regex": "^(?!.*-tts)"}]}"#),
        r#"{"match":["m-1-pro"]}"#
    );
}

#[test]
fn what_cannot_be_said_is_refused() {
    let refused = |model: &str| {
        let list =
            format!(r#"[{{"id": "p", "name": "P", "api_pattern": "https://p", "models": [{model}]}}]"#);
        convert(&list, "1").unwrap_err().to_string()
    };
    let unit = refused(r#"{"id": "m", "match": {"equals": "m"}, "prices": {"qubits_mtok": "1"}}"#);
    assert_eq!(unit, "p/m: the unit `qubits_mtok`");
    let shape = refused(r#"{"id": "m", "match": {"sounds_like": "m"}, "prices": {}}"#);
    assert!(shape.starts_with("at [0].models[0].match"), "{shape}");
}

/// Guarantees: a name is claimed as genai-prices' own matching would, by a reseller's sources too.
#[test]
fn names_are_claimed_by_clauses() {
    let list = r#"[
        {"id": "p", "name": "P", "api_pattern": "https://p", "models": [
            {"id": "m-1", "match": {"and": [{"starts_with": "m-1"}, {"regex": "^(?!.*-tts)"}]}, "prices": {}},
            {"id": "n", "match": {"or": [{"regex": "^n-\\d{8}$"}, {"ends_with": "/n"}]}, "prices": {}}]},
        {"id": "q", "name": "Q", "api_pattern": "https://q", "fallback_model_providers": ["p"], "models": []}]"#;
    let (_, claims) = convert_with_claims(list, "1").unwrap();
    assert_eq!(claims.model("p", "M-1-cyber"), Some(("p", "m-1")));
    assert_eq!(claims.model("q", "m-1-cyber"), Some(("p", "m-1")));
    assert_eq!(claims.model("p", "m-1-tts"), None);
    assert_eq!(claims.model("p", "n-20260101"), Some(("p", "n")));
    assert_eq!(claims.model("p", "n-1"), None);
    assert_eq!(claims.model("x", "m-1"), None);
}
