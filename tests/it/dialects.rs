//! A user's own dialect, from its file to the price.

use std::fs;

use pricetag::genai::dialects::format::schema;

use crate::support::Sink;
use crate::support::command::pricetag;
use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, attribute, request, span, spans};

const OWN: &str = "
dialect: acme
title: Acme's client
scopes: [acme.llm]
only_in_scope: true
input: exclusive
operation: {key: span.name, values: {\"complete *\": chat, \"run *\": invoke_agent}}
attributes:
  provider: [vendor]
  model_served: [model]
  cache_read: [cached]
  user: [who]
documents:
  tokens: {input: [in], output: [out.all]}
";

/// Scenario: a file for a client of one's own: bare keys, numbers in a JSON text, an agent that repeats them, and the same keys
/// in somebody else's scope.
/// Guarantees: its calls are priced by what the file says and no others, and its agents are aggregates.
#[tokio::test]
async fn a_dialect_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    fs::write(&file, OWN).unwrap();
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("processors.pricetag.dialects=[{}]", file.display()))
        .start()
        .await;
    let told = |name: &str, tokens: &str| {
        let attributes = vec![
            attribute("vendor", "openai"),
            attribute("model", "gpt-4o"),
            attribute("cached", 1_000_000),
            attribute("who", "ann"),
            attribute("tokens", tokens),
        ];
        let mut span = span(1, attributes);
        span.name = name.to_owned();
        span
    };
    let mut agent = told("run sums", "{\"in\": 1000000, \"out\": {\"all\": 1000000}}");
    agent.span_id = vec![9; 8];
    let mut call = told("complete a sum", "{\"in\": 1000000, \"out\": {\"all\": 1000000}}");
    call.parent_span_id = agent.span_id.clone();
    let mut sent = request(vec![agent, call]);
    sent.resource_spans[0].scope_spans[0].scope = Some(Default::default());
    sent.resource_spans[0].scope_spans[0].scope.as_mut().unwrap().name = "acme.llm".to_owned();
    let mut elsewhere = sent.resource_spans[0].scope_spans[0].clone();
    elsewhere.scope.as_mut().unwrap().name = "acme.http".to_owned();
    for span in &mut elsewhere.spans {
        span.trace_id[0] = 0xff;
    }
    sent.resource_spans[0].scope_spans.push(elsewhere);
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    let found: Vec<_> = spans(&arrived)
        .into_iter()
        .map(|span| (span.keys("pricetag.status").len(), span.double("pricetag.cost.total")))
        .collect();
    // A million each of input, cached input and output: $2.50, $1.25, $10.
    assert_eq!(found, [(1, None), (1, Some(13.75)), (0, None), (0, None)]);
    assert_eq!(spans(&arrived)[0].string("pricetag.status"), "aggregate");
}

/// Scenario: a file with a mistake, and one that is not there.
/// Guarantees: `check` and `run` name file, line, key and remedy, and end with 64.
#[test]
fn mistakes_in_a_dialect_are_mistakes_in_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    fs::write(&file, OWN.replace("model_served", "model_servd")).unwrap();
    let missing = folder.path().join("missing.yaml");
    for (file, words) in [
        (
            &file,
            "acme.yaml:10:3: attributes.model_servd: `model_servd` is not what an attribute can say; did you mean",
        ),
        (&missing, "missing.yaml: the dialect can not be read: "),
    ] {
        for command in ["check", "run"] {
            let set = format!("processors.pricetag.dialects=[{}]", file.display());
            let ended = pricetag(&[command, "--set", &set]);
            assert_eq!(ended.code, Some(64), "{command}: {}", ended.err);
            assert!(ended.err.contains(words), "{command}: {}", ended.err);
        }
    }
}

/// Guarantees: the schema that editors use is that of the code.
#[test]
fn the_committed_schema_is_that_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/dialect.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(file, schema()).unwrap();
    }
    let committed = fs::read_to_string(file).unwrap_or_default();
    let remedy = "config/dialect.schema.json is out of date: UPDATE_SCHEMA=1 cargo test --test it schema";
    assert!(committed == schema(), "{remedy}");
}
