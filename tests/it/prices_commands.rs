//! `pricetag prices`: what the catalog says, for people and for scripts.

use serde_json::Value;

use crate::support::command::pricetag;

const FILE: &str = "
providers:
  acme:
    models:
      fox-1:
        retires: 2027-01-15
        rates: {input: 2, output: 8, web_search: 10}
        when:
          - {from: 2026-06-01, rates: {input: 1.5}}
          - {from: 2026-06-01, tier: priority, x: 2}
      fox-2: {rates: {input: 1, output: 4}, retires: 2026-12-01}
      hen: {rates: {input: 0.1}, retires: 2026-01-01}
      unknown-1: {}
  a-provider-with-a-long-name:
    models:
      owl-1:
        match: ['owl-*']
        rates: {input: 1.2345678, input_characters: 1.2345678, output: 2, reasoning: 3.12345, cache_read: 4.1234, web_search: 5}
        when: [{batch: true, rates: {output: null}}]
aliases: {azure/our-fox: acme/fox-1}
adjust:
  - {provider: acme, x: 0.5, from: 2026-10-01, note: settled in Berlin}
";

/// Runs a command with the file above; its output, which must be none on stderr.
fn say(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, FILE).unwrap();
    let layer = ["--prices", file.to_str().unwrap()];
    let ended = pricetag(&[&["prices"], arguments, &layer].concat());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}");
    assert!(
        ended.out.lines().all(|line| line.chars().count() <= 100 || line.starts_with('{')),
        "{}",
        ended.out
    );
    ended.out
}

/// Scenario: a model before and after a price change, under an alias, with an adjustment.
/// Guarantees: every rate and condition stands there; the stars and the sum say what holds on the day asked for; who
/// bills, the alias, the file and the retirement are named.
#[test]
fn show_says_all_of_a_model() {
    let before = say(&["show", "acme/fox-1", "--at", "2026-05-31"]);
    for part in ["acme/fox-1", "acme.yaml@", "retires    2027-01-15", "* always", "web_search 10 per 1,000"] {
        assert!(before.contains(part), "{part}: {before}");
    }
    assert!(
        before.contains("\n  from 2026-06-01\n")
            && before.contains("\n  from 2026-06-01, tier priority, rates x 2\n")
    );
    assert!(before.ends_with(
        "= a plain call on 2026-05-31\n      input 2, output 8 per 1M; web_search 10 per 1,000\n"
    ));

    let after = say(&["show", "acme/fox-1", "--at", "2026-10-01"]);
    assert!(after.contains("\n* from 2026-06-01\n      input 1.5 per 1M\n"), "{after}");
    assert!(after.contains("* adjusted x 0.5 from 2026-10-01 (settled in Berlin)"), "{after}");
    assert!(after.ends_with("input 0.75, output 4 per 1M; web_search 5 per 1,000\n"), "{after}");

    let own = say(&["show", "owl-7", "--at", "2026-10-01"]);
    assert!(own.starts_with("a-provider-with-a-long-name/owl-1\n"), "by its pattern alone: {own}");
    assert!(
        own.contains("no rate for output") && own.contains("* holds for a plain call on 2026-10-01"),
        "{own}"
    );
    assert!(own.lines().all(|line| !line.ends_with("per 1,") && !line.trim().starts_with("000")), "{own}");

    let alias = say(&["show", "azure/our-fox", "--at", "2026-10-01"]);
    assert!(alias.contains("billed by  azure") && alias.contains("an alias"), "{alias}");
    assert!(
        alias.ends_with("input 1.5, output 8 per 1M; web_search 10 per 1,000\n"),
        "acme's discount is not azure's: {alias}"
    );

    let json: Value =
        serde_json::from_str(&say(&["show", "acme/fox-1", "--json", "--at", "2026-10-01"])).unwrap();
    assert_eq!((&json["when"][0]["holds"], &json["when"][1]["holds"]), (&true.into(), &false.into()));
    assert_eq!((&json["when"][1]["x"], &json["in_force"]["input"]), (&"2".into(), &"0.75".into()));
}

/// Scenario: a name with a slip in it; a provider that there is not.
/// Guarantees: an error that says what was looked for and what may have been meant.
#[test]
fn what_is_unknown_is_said() {
    let ended = pricetag(&["prices", "show", "azure/gpt-4oo"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    for part in ["`azure/gpt-4oo` is in no list of azure", "did you mean", "openai/gpt-4o", "price file"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    let ended = pricetag(&["prices", "show", "gpt-99-nonsense"]);
    assert!(ended.err.contains("says no provider") && ended.err.contains("prices list"), "{}", ended.err);
    let ended = pricetag(&["prices", "list", "--provider", "opnai"]);
    assert!(ended.code == Some(1) && ended.err.contains("openai"), "{}", ended.err);
}

/// Scenario: the list, filtered; models with a date of retirement.
/// Guarantees: rates of the day asked for; only what was asked for, in order; the same for scripts as JSON.
#[test]
fn list_and_retiring() {
    let list = say(&["list", "--provider", "acme", "--at", "2026-11-23"]);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["acme", "fox-1", "0.75", "-", "-", "4", "+1,", "*"], "what is billed");
    assert_eq!(lines[2], ["acme", "fox-2", "0.5", "-", "-", "2", "*"]);
    assert_eq!(lines[3], ["acme", "hen", "0.05", "-", "-", "-", "*,", "retired"]);
    assert!(lines[4].starts_with(&["3", "models,", "1", "more", "without", "a", "price;"]), "{list}");
    assert!(list.contains("\n*: what you pay, changed by `adjust`"), "{list}");
    assert!(
        say(&["list", "--provider", "acme", "--model", "unknown-1"]).contains("no price"),
        "asked for by name"
    );
    let before = say(&["list", "--provider", "acme", "--at", "2026-09-30"]);
    assert!(before.contains(" 1.5 ") && !before.contains('*'), "{before}");
    let long = say(&["list", "--provider", "a-provider-with-a-long-name"]);
    assert!(long.contains("\na-provider-with-a-long-name owl-1 ") && long.contains("\n~: rounded"), "{long}");
    assert_eq!(say(&["list", "--provider", "acme", "--model", "fox*", "--json"]).lines().count(), 2);
    assert!(say(&["list", "--model", "gpt-4o"]).lines().count() > 4, "a part of the name");

    let within =
        |days: &str| say(&["retiring", "--provider", "acme", "--at", "2026-11-23", "--within", days]);
    let soon = within("60d");
    let lines: Vec<&str> = soon.lines().collect();
    assert!(lines[0].starts_with("2026-12-01  in   8 days") && lines[0].ends_with("fox-2"), "{soon}");
    assert!(lines[1].starts_with("2027-01-15") && lines[1].ends_with("fox-1"), "{soon}");
    assert!(lines[2].contains("2 of 3") && lines[2].contains("; 1 is past its date"), "{soon}");
    assert_eq!(within("52d").lines().count(), 2);
    let late = say(&["retiring", "--provider", "acme", "--at", "2026-11-30T23:00:00Z", "--within", "1d"]);
    assert!(late.starts_with("2026-12-01  in   1 day   acme fox-2\n"), "{late}");
    assert!(late.contains("1 of 3 models with a date retires within 1 day; "), "{late}");
}

/// Scenario: a config whose exporter needs a key that this shell lacks; one whose price file is named by such a variable.
/// Guarantees: commands that only price do not ask for the exporter's; what names prices they do ask for.
#[test]
fn only_what_prices_need_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = |prices: &str| {
        let path = folder.path().join("config.yaml");
        let text = format!(
            "receivers: {{otlp: {{protocols: {{grpc: }}}}}}\nprocessors: {{pricetag: {{prices: {prices}}}}}\n\
             exporters: {{otlp: {{endpoint: \"x:1\", headers: {{key: \"${{env:PRICETAG_TEST_UNSET}}\"}}}}}}\n\
             service: {{pipelines: {{traces: {{receivers: [otlp], processors: [pricetag], exporters: [otlp]}}}}}}\n"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let prices = folder.path().join("acme.yaml");
    std::fs::write(&prices, FILE).unwrap();
    let good = config(&format!("[{}]", prices.display()));
    assert_eq!(pricetag(&["check", &good]).code, Some(64), "who sends needs the key");
    let shown = pricetag(&["prices", "show", "acme/fox-1", "--config", &good]);
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""));
    assert_eq!(pricetag(&["quote", "--config", &good]).code, Some(0));
    let trace =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/captures/otel-genai-anthropic.traces.json");
    assert_eq!(pricetag(&["explain", "--config", &good, trace]).code, Some(0));
    let quoted = pricetag(&["quote", "--config", &config("[\"${env:PRICETAG_TEST_UNSET}\"]")]);
    assert!(
        quoted.code == Some(1) && quoted.err.contains("PRICETAG_TEST_UNSET is not set"),
        "{}",
        quoted.err
    );
}
