//! Whose words a span is written in: a user's own dialect, from its file to the price; scopes, marks and resources.

use std::fs;
use std::sync::Arc;

use pricetag::config::Config;
use pricetag::genai::dialects::format::{DialectFile, schema};
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Shared};
use prost::Message as _;

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

/// What calls used, and whose they are: of spans of these scopes with these attributes, below a resource with a `user.email`.
fn calls(own: &str, told: &[(&str, &[(&str, &str)])]) -> Vec<String> {
    let config = Config::load(None, &[], &|_: &str| None).unwrap();
    let mut settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
    settings.dialects = vec![DialectFile::from_yaml("own.yaml", own).unwrap()];
    let user = settings.attribution.dimensions.iter().position(|it| it.name == "user").unwrap();
    let mut processor =
        Processor::new(Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone()))));
    let mut sent = request(Vec::new());
    let resource = &mut sent.resource_spans[0];
    resource.resource.get_or_insert_default().attributes = vec![attribute("user.email", "ann@acme.com")];
    let scope_spans = resource.scope_spans.pop().unwrap();
    for (n, (scope, attributes)) in told.iter().enumerate() {
        let attributes = attributes.iter().map(|(key, value)| attribute(key, *value)).collect();
        let mut scope_spans = scope_spans.clone();
        scope_spans.scope.as_mut().unwrap().name = (*scope).to_owned();
        scope_spans.spans = vec![span(1 + n as u64, attributes)];
        resource.scope_spans.push(scope_spans);
    }
    let mut calls = Vec::new();
    processor
        .process_with(sent.encode_to_vec().into(), Now::default(), |call, _, _, dimensions| {
            let mut told = call.operation.as_str().to_owned();
            for (bucket, count) in call.usage().unwrap().iter() {
                told += &format!(" {bucket} {count}");
            }
            calls.push(told + dimensions[user].as_str());
        })
        .unwrap();
    calls
}

/// 100 tokens in and 40 from a cache, of Bedrock: what Traceloop writes so are 140.
const BEDROCK: [(&str, &str); 4] = [
    ("gen_ai.operation.name", "chat"),
    ("gen_ai.provider.name", "aws.bedrock"),
    ("gen_ai.usage.input_tokens", "100"),
    ("gen_ai.usage.cache_read.input_tokens", "40"),
];

/// Scenario: a key that only Traceloop writes, in its own scope, in one of OpenTelemetry's and in one that nobody knows.
/// Guarantees: a known scope tells the dialect; only where nobody knows it the key does.
#[test]
fn a_known_scope_needs_no_mark() {
    let marked = [&[("traceloop.workflow.name", "sums")][..], &BEDROCK].concat();
    let scopes = ["opentelemetry.instrumentation.bedrock", "opentelemetry.util.genai.x", "somebody.else"];
    let told = [(scopes[0], &marked[..]), (scopes[1], &marked), (scopes[2], &marked), (scopes[2], &BEDROCK)];
    let (with, without) = ("chat input 100 cache_read 40", "chat input 60 cache_read 40");
    assert_eq!(calls("dialect: own", &told), [with, without, with, without]);
}

/// Scenario: a dialect of one's own with a mark that one of ours has, and one with a key of the kind that is a mark of ours.
/// Guarantees: the own one is read.
#[test]
fn own_marks_win_over_ours() {
    let told = [&[("openinference.span.kind", "LLM")][..], &BEDROCK].concat();
    let told = [("somebody.else", &told[..])];
    let marked = "dialect: own\ninput: exclusive\nmarks: [openinference.span.kind]";
    let kind = "dialect: own\ninput: exclusive\noperation: {key: openinference.span.kind, values: {LLM: embeddings}}";
    assert_eq!(calls("dialect: own", &told), ["chat input 60 cache_read 40"]);
    assert_eq!(calls(marked, &told), ["chat input 100 cache_read 40"]);
    assert_eq!(calls(kind, &told), ["embeddings input 100 cache_read 40"]);
}

/// Scenario: a resource with a key that names the user in one dialect only.
/// Guarantees: it names nobody, for other services mean something else by it.
#[test]
fn a_resource_is_of_no_dialect() {
    let own = "dialect: own\nscopes: [own]\nonly_in_scope: true\nattributes: {user: [user.email]}";
    assert_eq!(calls(own, &[("somebody.else", &BEDROCK)]), ["chat input 60 cache_read 40"]);
}

/// Scenario: an answer as a document on an agent's span and on a call's, neither with counts of its own.
/// Guarantees: details alone make no agent's sum; a call tells them.
#[test]
fn details_make_no_sum() {
    let answer = "{\"usage\": {\"cache_creation\": {\"ephemeral_1h_input_tokens\": 7}}}";
    let told = |kind| [("openinference.span.kind", kind), ("output.value", answer)];
    let (agent, call) = (told("AGENT"), told("LLM"));
    let scope = "openinference.instrumentation.openai";
    assert_eq!(calls("dialect: own", &[(scope, &agent), (scope, &call)]), ["chat cache_write_1h 7"]);
}

/// Scenario: searches of the web and of files, under keys of one's own.
/// Guarantees: both are counted, each by itself.
#[test]
fn searches_are_counted_by_kind() {
    let own = "dialect: own\nscopes: [own]\nattributes: {searches: [web], file_searches: [files]}";
    let told = [&BEDROCK[..], &[("web", "2"), ("files", "3")]].concat();
    assert_eq!(calls(own, &[("own", &told)]), ["chat input 60 cache_read 40 web_search 2 file_search 3"]);
}

/// Scenario: more documents than a byte can number.
/// Guarantees: a mistake of the config, not silence.
#[test]
fn too_many_documents_are_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    let documents: String = (0..256).map(|n| format!("  doc{n}: {{input: [in]}}\n")).collect();
    fs::write(&file, format!("dialect: acme\nscopes: [acme]\ndocuments:\n{documents}")).unwrap();
    let ended = pricetag(&["check", "--set", &format!("processors.pricetag.dialects=[{}]", file.display())]);
    assert_eq!(ended.code, Some(64), "{}", ended.err);
    assert!(ended.err.contains("documents, and 256 is the most"), "{}", ended.err);
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
