//! Requests that are too large for a backend, and what becomes of those that none takes.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::otlp::Signal;
use prost::Message as _;
use serde_json::Value;
use tonic::Code;

use crate::support::command::{Ended, pricetag_with};
use crate::support::process::Setup;
use crate::support::spans::{attribute, gpt_4o, request, spans};
use crate::support::{Answer, Pricetag, Sink, Via, eventually};

/// A config that prices what was priced.
const PRICES_ANEW: &str = "
receivers: {otlp: {protocols: {grpc: {}}}}
processors: {pricetag: {upstream: ignore}}
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [otlp], processors: [pricetag], exporters: [debug]}}}
";

/// A hundred calls, one of which carries a prompt of 100 kB.
fn with_a_large_prompt() -> ExportTraceServiceRequest {
    let mut calls: Vec<_> = (1..=100).map(|number| gpt_4o(number, 1000, 100)).collect();
    calls[41].attributes.push(attribute("gen_ai.prompt", "p".repeat(100_000).as_str()));
    request(calls)
}

/// The names of the spans that a sink has taken, in their order, once there are so many.
async fn names(sink: &Sink, count: usize) -> Vec<String> {
    eventually(&format!("{count} spans"), async || {
        let taken = sink.taken(Signal::Traces).into_iter();
        let taken = taken.map(|seen| ExportTraceServiceRequest::decode(seen.body).unwrap());
        let names: Vec<String> = taken
            .flat_map(|request| spans(&request).into_iter().map(|span| span.name.clone()).collect::<Vec<_>>())
            .collect();
        (names.len() >= count).then_some(names)
    })
    .await
}

/// Attempts that a sink has seen.
fn attempts(sink: &Sink) -> usize {
    sink.seen().iter().filter(|seen| seen.signal == Signal::Traces).count()
}

/// What `pricetag dead-letters --json` lists, by the state folder alone: the ledger of tests is there.
fn dead_letters(pricetag: &Pricetag) -> Vec<Value> {
    let listed = run(pricetag, &["dead-letters", "--json"]).out;
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Another command, with the same state folder.
fn run(pricetag: &Pricetag, arguments: &[&str]) -> Ended {
    let state = pricetag.folder().to_str().unwrap();
    let ended = pricetag_with(arguments, &[("XDG_STATE_HOME", state)], b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// What `pricetag dead-letters` says with the config of what runs.
fn table(pricetag: &Pricetag) -> Ended {
    let config = pricetag.folder().join("config.yaml");
    run(pricetag, &["dead-letters", "--config", config.to_str().unwrap()])
}

/// Scenario: backends that take a hundred and twenty kilobytes get a hundred spans of which one has a prompt of 100 kB; then the same again.
/// Guarantees: all arrive, in order, once each, in a few requests; the second time none is refused.
#[tokio::test]
async fn a_large_prompt_kills_no_batch() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    let expected: Vec<String> = (1..=100).map(|number| format!("span {number}")).collect();
    for sink in [&by_grpc, &by_http] {
        sink.take_at_most(120_000);
    }
    pricetag.deliver_spans(&with_a_large_prompt()).await;
    for sink in [&by_grpc, &by_http] {
        assert_eq!(names(sink, 100).await, expected);
        assert_eq!(attempts(sink), 4, "the whole, what stands before the prompt, the prompt, the rest");
    }
    pricetag.deliver_spans(&with_a_large_prompt()).await;
    for sink in [&by_grpc, &by_http] {
        assert_eq!(names(sink, 200).await.len(), 200);
        assert_eq!(attempts(sink), 7);
    }
    let scrape = eventually("all counted", async || {
        let scrape = pricetag.scrape().await;
        (scrape.sum("otelcol_exporter_sent_spans", &[]) == 400.0).then_some(scrape)
    })
    .await;
    assert_eq!(scrape.sum("otelcol_exporter_send_failed_spans", &[]), 0.0);
    assert!(dead_letters(&pricetag).is_empty());
    assert!(table(&pricetag).out.starts_with("no dead letters in "));
}

/// Scenario: the same hundred spans for backends that take 60 kB; one exporter must not get prompts.
/// Guarantees: 99 arrive, and the large one is a dead letter of each, which is counted, listed, and can be explained; the exporter that
/// drops the prompt has no dead letter, for what it sends is small.
#[tokio::test]
async fn an_item_that_is_too_large_is_a_dead_letter() {
    let sinks = [Sink::start().await, Sink::start().await, Sink::start().await];
    let [by_grpc, by_http, redacted] = &sinks;
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b/c", ""), redacted.otlp("d", "")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b/c")
        .set("processors.redact={drop: [messages]}")
        .pipeline("traces/d: {receivers: [otlp], processors: [pricetag, redact], exporters: [otlp/d]}")
        .start()
        .await;
    for sink in &sinks {
        sink.take_at_most(60_000);
    }
    pricetag.deliver_spans(&with_a_large_prompt()).await;
    let mut expected: Vec<String> = (1..=100).map(|number| format!("span {number}")).collect();
    assert_eq!(names(redacted, 100).await, expected);
    expected.remove(41);
    for sink in [by_grpc, by_http] {
        assert_eq!(names(sink, 99).await, expected);
    }
    let scrape = eventually("298 spans sent, and two dead letters", async || {
        let scrape = pricetag.scrape().await;
        let sum = |name| scrape.sum(name, &[]);
        let all = (sum("otelcol_exporter_sent_spans"), sum("pricetag_exporter_dead_letter_items"));
        (all == (298.0, 2.0)).then_some(scrape)
    })
    .await;
    assert_eq!(scrape.sum("otelcol_exporter_send_failed_spans", &[]), 2.0);
    assert_eq!(scrape.sum("pricetag_exporter_dead_letter_items", &[("exporter", "otlp/d")]), 0.0);
    assert_eq!(scrape.sum("pricetag_exporter_dead_letter_lost_items", &[]), 0.0);

    let anew = pricetag.folder().join("anew.yaml");
    std::fs::write(&anew, PRICES_ANEW).unwrap();
    let mut letters = dead_letters(&pricetag);
    letters.sort_by_key(|letter| letter["exporter"].to_string());
    let words = [("otlp/a", "ResourceExhausted"), ("otlphttp/b/c", "HTTP 413")];
    assert_eq!(letters.len(), words.len());
    let table = run(&pricetag, &["dead-letters"]).out;
    for (letter, (exporter, why)) in letters.iter().zip(words) {
        assert_eq!((&letter["exporter"], &letter["items"]), (&exporter.into(), &1.into()), "{letter}");
        assert_eq!(letter["signal"], "traces");
        assert!(letter["why"].as_str().unwrap().contains(why), "{letter}");
        let file = letter["file"].as_str().unwrap();
        assert!(table.contains(file) && table.contains(why), "{table}");
        assert!(pricetag.log().lines().any(|line| line.contains(file)), "the log does not name {file}");
        let body = std::fs::read(file).unwrap();
        assert_eq!(letter["bytes"], body.len());
        let held = ExportTraceServiceRequest::decode(&*body).unwrap();
        assert_eq!(spans(&held)[0].name, "span 42");
        assert_eq!(held.resource_spans[0].resource, with_a_large_prompt().resource_spans[0].resource);
        let read = run(&pricetag, &["explain", file]);
        assert!(read.out.starts_with("1 span: "), "it was priced already: {read:?}");
        let explained = run(&pricetag, &["explain", "--config", anew.to_str().unwrap(), file]);
        assert!(explained.out.contains("gpt-4o"), "{explained:?}");
    }
}

/// Scenario: a backend refuses one of several parts with INVALID_ARGUMENT and fails another one twice; parts have ten spans, as the config says.
/// Guarantees: what is refused is a dead letter of ten spans, all else arrives once, in order.
#[tokio::test]
async fn parts_are_settled_each_for_itself() {
    let sink = Sink::start().await;
    let exporters = [sink.otlp("a", "sending_queue: {batch: {max_size: 10, sizer: items}}")];
    let pricetag = Setup::new(&exporters, "otlp/a").start().await;
    let down = || Answer::Fail(Code::Unavailable);
    sink.script([Answer::Ok, Answer::Fail(Code::InvalidArgument), down(), down()]);
    let calls = request((1..=40).map(|number| gpt_4o(number, 1000, 100)).collect());
    pricetag.deliver_spans(&calls).await;
    let expected: Vec<String> = (1..=10).chain(21..=40).map(|number| format!("span {number}")).collect();
    assert_eq!(names(&sink, 30).await, expected);
    assert_eq!(attempts(&sink), 6);
    let letters = dead_letters(&pricetag);
    assert_eq!((letters.len(), &letters[0]["items"]), (1, &10.into()));
    assert!(table(&pricetag).out.contains(letters[0]["file"].as_str().unwrap()));
}

/// Scenario: a hundred spans for an exporter whose requests have at most 5,000 bytes.
/// Guarantees: no part is larger, all but one are nearly as large, and nothing is missing.
#[tokio::test]
async fn the_config_limits_bytes() {
    let sink = Sink::start().await;
    let exporters = [sink.otlphttp("a", "sending_queue: {batch: {max_size: 5000, sizer: bytes}}")];
    let pricetag = Setup::new(&exporters, "otlphttp/a").start().await;
    pricetag.deliver_spans(&request((1..=100).map(|number| gpt_4o(number, 1000, 100)).collect())).await;
    assert_eq!(names(&sink, 100).await.len(), 100);
    assert!(sink.taken(Signal::Traces).iter().all(|seen| seen.body.len() <= 5000));
    assert!(
        sink.taken(Signal::Traces).iter().filter(|seen| seen.body.len() < 4000).count() <= 1,
        "parts are full"
    );
}

/// Scenario: everything waits in memory, and a backend refuses a request.
/// Guarantees: it is counted and told in the log, and there is no file of it.
#[tokio::test]
async fn in_memory_there_are_no_dead_letters() {
    let sink = Sink::start().await;
    let exporters = [sink.otlp("a", "sending_queue: {storage: memory}")];
    let pricetag =
        Setup::new(&exporters, "otlp/a").set("processors.pricetag.ledger={file: ':memory:'}").start().await;
    sink.script([Answer::Fail(Code::InvalidArgument)]);
    pricetag
        .deliver(Via::Grpc, Signal::Traces, request(vec![gpt_4o(1, 1000, 100)]).encode_to_vec().into())
        .await;
    eventually("the failure", async || {
        let failed = pricetag.scrape().await.sum("otelcol_exporter_send_failed_spans", &[]);
        (failed == 1.0 && pricetag.log().contains("1 spans lost")).then_some(())
    })
    .await;
    let said = table(&pricetag);
    assert!(said.out.starts_with("no dead letters in "), "{said:?}");
    assert!(!pricetag.folder().join("pricetag/queue").exists());
}
