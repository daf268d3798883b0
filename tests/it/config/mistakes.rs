//! What every mistake is told, and what is never shown.

use std::path::Path;

use pricetag::cli::check::Check;
use pricetag::config::Config;

use super::{default_with, file, grpc, load, nothing, only_error, parse};

/// Scenario: every file of fixtures/config/invalid; its last lines say `#~ LINE KEY: MESSAGE; REMEDY`.
/// Guarantees: exactly these errors are told, all at once, in the order of the file.
#[test]
fn every_mistake_is_told_with_line_key_and_remedy() {
    let update = std::env::var_os("UPDATE_CONFIG_ERRORS").is_some();
    let mut seen = 0;
    for entry in std::fs::read_dir(file("tests/fixtures/config/invalid")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (said, expected): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| !line.starts_with("#~ "));
        let environment = |name: &str| {
            let line = said.iter().find_map(|line| line.strip_prefix("# env: "))?.strip_prefix(name)?;
            Some(line.strip_prefix('=')?.to_owned())
        };
        let errors = Config::load(Some(&path), &[], &environment).map(|_| ()).unwrap_err();
        let found: Vec<String> = errors
            .0
            .iter()
            .map(|error| {
                assert_eq!(error.source, path.display().to_string());
                assert_eq!(error.line.is_some(), error.column.is_some());
                let remedy = error.remedy.as_deref().unwrap_or_else(|| panic!("no remedy: {error}"));
                format!("#~ {} {}: {}; {remedy}", error.line.unwrap_or(0), error.key, error.message)
            })
            .collect();
        if update {
            std::fs::write(&path, [said.join("\n"), found.join("\n")].join("\n") + "\n").unwrap();
        } else {
            assert_eq!(found, expected, "{}: if that is meant, UPDATE_CONFIG_ERRORS=1", path.display());
        }
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn an_error_is_printed_as_file_line_key_message_remedy() {
    let text = "receivers: {otlp: {protocols: {grpc: }}}\nexporters:\n  otlp/jaeger:\n    endpont: x:1\nservice:\n  \
                pipelines: {traces: {receivers: [otlp], exporters: [otlp/jaeger]}}\n";
    assert_eq!(
        only_error(parse(text)),
        "config.yaml:4:5: exporters.otlp/jaeger.endpont: unknown key; did you mean \"endpoint\"? (allowed: \
         compression, endpoint, headers, retry_on_failure, sending_queue, timeout, tls)"
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let error = only_error(Config::load(Some(Path::new("/nonexistent/pricetag.yaml")), &[], &nothing));
    assert!(
        error.starts_with("/nonexistent/pricetag.yaml: cannot be read: No such file or directory"),
        "{error}"
    );
    let binary = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(binary.path(), [b'a', b':', 0xff]).unwrap();
    let error = only_error(Config::load(Some(binary.path()), &[], &nothing));
    assert!(error.contains("cannot be read: not UTF-8 after byte 2"), "{error}");
}

#[test]
fn honeycomb_without_its_key_says_so() {
    let errors = Config::load(Some(&file("config/honeycomb.yaml")), &[], &nothing).unwrap_err();
    assert_eq!(errors.0.len(), 2, "{errors}");
    assert!(errors.0[0].message.contains("HONEYCOMB_API_KEY is not set"), "{errors}");
    assert_eq!(errors.0[0].key, "exporters.otlp/honeycomb.headers.x-honeycomb-team");
}

#[test]
fn a_wrong_set_is_named_without_its_value() {
    for (set, message) in [
        ("exporters.debug.verbose=1", "--set exporters.debug.verbose: exporters.debug.verbose: unknown key"),
        ("exporters.debug.verbosity=hunter2", "--set exporters.debug.verbosity: exporters.debug.verbosity: "),
        ("verbosity", "--set verbosity: `--set` without `=`"),
        ("=x", "--set : `--set` without a key"),
        ("exporters..x=1", "--set exporters..x: exporters: an empty key"),
        ("service.pipelines.traces.receivers.x=1", "service.pipelines.traces.receivers is no mapping"),
        ("exporters.debug=[", "--set exporters.debug: not valid YAML"),
        ("exporters.otlp/x={headers: {a: 'hunter2\\n'}}", "--set exporters.otlp/x: "),
    ] {
        let errors = default_with(&[set]).unwrap_err().to_string();
        assert!(errors.contains(message), "{set}: {errors}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let config = load("config/honeycomb.yaml");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(grpc(&config, "otlp/honeycomb").headers[0].1.expose(), "hunter2");
    let check = Check { file: Some(file("config/honeycomb.yaml")), ..Check::default() };
    // Not even where it is wrong.
    for value in ["hunter2", "hunter2\n", "hunter2: {", "[hunter2]"] {
        let checked = check.check(&|name: &str| (name == "HONEYCOMB_API_KEY").then(|| value.to_owned()));
        assert_eq!(checked.code, if value.contains('\n') { 64 } else { 0 });
        assert!(!format!("{checked:?}").contains("hunter2"), "{checked:?}");
    }
    let sets = ["exporters.otlp/x={endpoint: 'a:1', headers: hunter2, tls: hunter2}"];
    assert!(!default_with(&sets).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn check_says_ok_or_every_error() {
    let checked = Check::default().check(&nothing);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    let expected = "ok: the embedded default\n  listens    gRPC     127.0.0.1:4317\n  listens    HTTP     127.0.0.1:4318\n  \
         listens    metrics  127.0.0.1:8888\n  pipeline   traces: otlp -> pricetag -> debug\n  \
         pipeline   metrics: otlp -> debug\n  pipeline   logs: otlp -> pricetag -> debug\n  exporter   debug: the console\n";
    let prices = format!("  prices     {}\n", pricetag::pricing::Catalog::embedded().source());
    assert_eq!(checked.out, format!("{expected}{prices}  ledger     in memory\n  queue      in memory\n"));
    let home = Check::default().check(&|name: &str| (name == "HOME").then(|| "/home/ann".to_owned()));
    let state = "/home/ann/.local/state/pricetag";
    let there = format!("  ledger     {state}/ledger.db\n  queue      {state}/queue\n");
    assert!(home.out.contains(&there), "{}", home.out);
    let own = format!("processors.pricetag.ledger.file={}", file("README.md").display());
    let checked = Check { sets: vec![own], ..Check::default() }.check(&nothing);
    assert!(checked.code == 64 && checked.err.contains("not a database"), "{checked:?}");
    let wrong =
        Check { config: Some(file("tests/fixtures/config/invalid/listeners.yaml")), ..Check::default() };
    let checked = wrong.check(&nothing);
    assert_eq!((checked.code, checked.out.as_str()), (64, ""));
    assert!(
        checked.err.contains("listeners.yaml:5:14: receivers.otlp.protocols.http.endpoint: "),
        "{}",
        checked.err
    );
    assert!(checked.err.ends_with("\n6 errors\n"), "{}", checked.err);
}

#[test]
fn check_finds_an_exporter_that_sends_to_ourselves() {
    for endpoint in ["localhost:4317", "http://127.0.0.1:4318", "0.0.0.0:4317"] {
        let sets = vec![
            format!("exporters.otlp={{endpoint: '{endpoint}'}}"),
            "service.pipelines.logs.exporters=[otlp]".to_owned(),
        ];
        let checked = Check { sets, ..Check::default() }.check(&nothing);
        assert_eq!(checked.code, 64, "{endpoint}: {}", checked.out);
        assert!(checked.err.starts_with("exporters.otlp.endpoint: "), "{}", checked.err);
        assert!(checked.err.contains("own listener"), "{}", checked.err);
    }
}

/// Scenario: `{a: ${env:NAME}}`, which is no YAML, in the Collector neither.
/// Guarantees: the error says that quotes are missing.
#[test]
fn a_variable_in_braces_without_quotes_is_told() {
    let error = only_error(parse("receivers: {otlp: {protocols: {grpc: {endpoint: ${env:HOST}}}}}\n"));
    assert!(
        error.starts_with("config.yaml:1:") && error.contains("write \"${env:NAME}\" in quotes"),
        "{error}"
    );
}

/// Scenario: an alias that doubles at every step, and brackets without end.
/// Guarantees: an error, and soon.
#[test]
fn yaml_bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let error = only_error(parse(&bomb));
    assert!(error.contains("too deep or too large"), "{error}");
    let error = only_error(parse(&"[".repeat(100_000)));
    assert!(error.starts_with("config.yaml:1:"), "{error}");
    let error = only_error(parse(&format!("a: {}1{}", "{b: ".repeat(200), "}".repeat(200))));
    assert!(error.contains("too deep"), "{error}");
}
