//! What is dropped before it leaves: the whole way through the binary, and docs/privacy.md.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use pricetag::cli::check::Check;
use pricetag::config::Config;
use pricetag::otlp::Signal;
use pricetag::redaction::Redaction;
use pricetag::redaction::messages::{ANYWHERE, EVENTS, IN_EVENTS, Source};
use prost::Message as _;
use regex::Regex;
use tonic::Code;

use crate::support::process::{Pricetag, Setup};
use crate::support::spans::{Attributes as _, attribute, chat, gpt_4o, request, spans, without_ours};
use crate::support::wire::{self, len, uint};
use crate::support::{Answer, Sink, Via, eventually};

/// Stands in everything that must not leave.
const SECRET: &str = "canary-5d1e";

/// Everything behind it is made here.
const MARK: &str = "<!-- What follows is made from src/redaction/messages.rs: UPDATE_DOCS=1 cargo test --test it privacy -->\n";

/// Keys that calls are priced by.
const PRICED: [&str; 10] = [
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.response.model",
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "ai.usage.",
    "langfuse.observation.usage_details",
    "input_token_count",
    "cost_usd",
];

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn secret(key: &str) -> KeyValue {
    attribute(key, &*format!("{key} {SECRET}"))
}

/// A request of spans with secrets in all places where attributes stand.
fn secret_spans() -> bytes::Bytes {
    let mut call = gpt_4o(1, 1_000_000, 100);
    call.attributes.insert(0, attribute("user.id", SECRET));
    call.attributes.extend([secret("gen_ai.input.messages"), attribute("app", "shop"), secret("user.email")]);
    call.events.push(Event {
        name: "kept".to_owned(),
        attributes: vec![secret("user.id")],
        ..Event::default()
    });
    let in_event = vec![secret("content"), attribute("role", "user")];
    call.events.push(Event { name: "gen_ai.user.message".into(), attributes: in_event, ..Event::default() });
    call.links.push(Link { trace_id: vec![1; 16], attributes: vec![secret("user.id")], ..Link::default() });
    let mut sent = request(vec![call]);
    let resource = Resource { attributes: vec![secret("user.name")], ..Resource::default() };
    sent.resource_spans[0].resource = Some(resource);
    let scope = sent.resource_spans[0].scope_spans[0].scope.as_mut().unwrap();
    scope.attributes = vec![secret("input.value"), attribute("kept", "yes")];
    sent.encode_to_vec().into()
}

/// A request of a log record with secrets in its body and in an attribute.
fn secret_logs() -> bytes::Bytes {
    let record = LogRecord {
        event_name: "gen_ai.user.message".to_owned(),
        body: secret("x").value,
        attributes: vec![attribute("user.id", SECRET), attribute("kept", "yes")],
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

/// Traces and logs to one sink as they are, and to another without messages and users.
async fn inside_and_outside(inside: &Sink, outside: &Sink) -> Pricetag {
    let exporters = [inside.otlp("inside", ""), outside.otlphttp("outside", "")];
    let mut setup = Setup::bare(&exporters).set("processors.redact/outside={drop: [messages, 'user.*']}");
    for signal in ["traces", "logs"] {
        setup = setup
            .pipeline(&format!("{signal}: {{receivers: [otlp], processors: [pricetag], exporters: [otlp/inside]}}"))
            .pipeline(&format!(
                "{signal}/outside: {{receivers: [otlp], processors: [pricetag, redact/outside], exporters: [otlphttp/outside]}}"
            ));
    }
    setup.start().await
}

/// Scenario: a call and a log event of a user, with prompts and names on resource, scope, span, events, link and body, go to two
/// backends, of which one may not have them, and fails twice.
/// Guarantees: the one gets all of it, the other none of it but all else, and the price; each attempt has the same bytes; what was
/// dropped is counted, once; the money is the user's.
#[tokio::test]
async fn one_backend_gets_all_and_the_other_none_of_it() {
    let (inside, outside) = (Sink::start().await, Sink::start().await);
    let pricetag = inside_and_outside(&inside, &outside).await;
    outside.script([Answer::Fail(Code::Unavailable), Answer::Fail(Code::Unavailable)]);
    pricetag.deliver(Via::Grpc, Signal::Traces, secret_spans()).await;

    let whole = &inside.traces(1).await[0];
    assert_eq!(without_ours(whole).encode_to_vec(), secret_spans());
    let left = &outside.traces(1).await[0];
    let attempts: Vec<_> = outside.seen().into_iter().filter(|seen| seen.signal == Signal::Traces).collect();
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt.body == attempts[0].body));
    let (whole, left) = (spans(whole)[0], spans(left)[0]);
    assert_eq!(left.double("pricetag.cost.total"), Some(2.501));
    assert_eq!(left.string("app"), "shop");
    assert_eq!((left.events[0].name.as_str(), left.events.len(), left.links.len()), ("kept", 2, 1));
    assert_eq!(left.events[1].attributes, [attribute("role", "user")]);
    assert_eq!(whole.attributes.len() - left.attributes.len(), 3);

    pricetag.deliver(Via::ProtobufGzip, Signal::Logs, secret_logs()).await;
    inside.wait_for(Signal::Logs, 1).await;
    outside.wait_for(Signal::Logs, 1).await;
    // The event that tells whose action it was goes both ways, too.
    inside.wait_for(Signal::Logs, 2).await;
    outside.wait_for(Signal::Logs, 2).await;
    let ours = inside.taken(Signal::Logs).into_iter().filter(|seen| contains(&seen.body, "pricetag.action"));
    assert!(
        ours.map(|seen| seen.body).all(|body| contains(&body, SECRET)),
        "the event tells the user inside"
    );
    for seen in outside.seen() {
        assert!(!contains(&seen.body, SECRET), "{}: {}", seen.signal, String::from_utf8_lossy(&seen.body));
    }
    assert!(contains(&outside.taken(Signal::Logs)[0].body, "kept"));

    let labels = [("processor", "redact/outside"), ("exporter", "otlphttp/outside")];
    let dropped = eventually("the count", async || {
        let scrape = pricetag.scrape().await;
        let dropped = scrape.sum("pricetag_redacted_attributes", &labels);
        // Of the span 3, its events 2, its link 1, resource and scope 1 each; of the record 2; of our event the user.
        (dropped >= 11.0).then_some((dropped, scrape.sum("pricetag_redacted_attributes", &[])))
    })
    .await;
    assert_eq!(dropped, (11.0, 11.0));
    let (_, costs) = pricetag.get("/api/v1/costs?by=user").await.unwrap();
    assert!(costs.contains(SECRET) && costs.contains("2.501"), "{costs}");
}

/// Scenario: requests without anything that is dropped, and metrics, go through the same pipelines.
/// Guarantees: they leave byte for byte.
#[tokio::test]
async fn what_has_nothing_to_drop_is_left_alone() {
    let (inside, outside) = (Sink::start().await, Sink::start().await);
    let pricetag = inside_and_outside(&inside, &outside).await;
    let spans = request(vec![chat(1, "gpt-4o", vec![attribute("users", "many")])]).encode_to_vec();
    pricetag.deliver(Via::Grpc, Signal::Traces, spans.into()).await;
    inside.wait_for(Signal::Traces, 1).await;
    outside.wait_for(Signal::Traces, 1).await;
    assert_eq!(inside.taken(Signal::Traces)[0].body, outside.taken(Signal::Traces)[0].body);
    assert_eq!(pricetag.scrape().await.values("pricetag_redacted_attributes", &[]), [0.0]);
}

/// Scenario: a call with a prompt of two mebibytes, which takes long enough to be looked through elsewhere.
/// Guarantees: inside it is whole, outside it is gone.
#[tokio::test]
async fn a_large_prompt_does_not_leave() {
    let (inside, outside) = (Sink::start().await, Sink::start().await);
    let pricetag = inside_and_outside(&inside, &outside).await;
    let prompt = attribute("gen_ai.input.messages", &*"long ".repeat(400_000));
    let sent = request(vec![chat(1, "gpt-4o", vec![prompt, attribute("kept", "yes")])]);
    pricetag.deliver(Via::Grpc, Signal::Traces, sent.encode_to_vec().into()).await;
    assert_eq!(without_ours(&inside.traces(1).await[0]), sent);
    let left = outside.traces(1).await;
    let left = spans(&left[0])[0];
    assert!(left.value("gen_ai.input.messages").is_none() && left.string("kept") == "yes", "{left:?}");
    assert!(outside.taken(Signal::Traces)[0].body.len() < 1_000);
}

/// Scenario: attributes, a link, an event and a resource whose insides are no protobuf, beside good ones; a body that is none at all.
/// Guarantees: the innermost thing that can be told from its neighbours is dropped, and counted; the body is an error.
#[test]
fn what_can_not_be_read_is_dropped() {
    let redaction = Redaction::new(&["messages".to_owned()]);
    let good = |number| wire::attribute(number, b"kept", b"yes");
    let broken = |number| len(number, [0x0a, 0x7f, b'x']);
    let resource = |inside: &[Vec<u8>]| len(1, inside.concat());
    let spans = |inside: &[Vec<u8>]| len(2, len(2, inside.concat()));
    let event = |inside: &[Vec<u8>]| len(11, inside.concat());
    let (key_is_a_number, attribute_is_a_number) = (len(9, uint(1, 7)), uint(9, 7));
    let body = len(
        1,
        [
            resource(&[good(1), broken(1)]),
            len(1, [0x0a, 0x7f]),
            spans(&[
                good(9),
                key_is_a_number,
                attribute_is_a_number,
                event(&[good(3), broken(3)]),
                broken(11),
                broken(13),
            ]),
        ]
        .concat(),
    );
    let expected = len(1, [resource(&[good(1)]), spans(&[good(9), event(&[good(3)])])].concat());
    let redacted = redaction.apply(Signal::Traces, &body.into()).unwrap();
    assert_eq!((&*redacted.body, redacted.dropped), (&*expected, 7));
    assert!(redaction.apply(Signal::Traces, &vec![0x0a, 0x7f].into()).is_err());
    let broken_span = redaction.apply(Signal::Traces, &len(1, len(2, broken(2))).into()).unwrap();
    assert_eq!((&*broken_span.body, broken_span.dropped), (&*len(1, len(2, [])), 1));
}

/// Guarantees: `check` shows where something is dropped, and mentions what looks like an oversight.
#[test]
fn check_says_what_is_dropped_where() {
    let set =
        |sets: &[&str]| Check { sets: sets.iter().map(|it| (*it).to_owned()).collect(), ..Check::default() };
    let traces = "service.pipelines.traces.processors=[pricetag, redact/a]";
    let checked = set(&["processors.redact/a={drop: [messages, message]}", traces]).check(&|_: &str| None);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    for line in [
        "  pipeline   traces: otlp -> pricetag -> redact/a -> debug\n",
        "  pipeline   logs: otlp -> pricetag -> debug\n",
        "processors.redact/a.drop[1]: an attribute of this name; the group is called `messages`\n",
        "redact/a drops messages from traces, but those in logs reach debug through logs\n",
    ] {
        assert!(checked.out.contains(line), "{line}{}", checked.out);
    }
    let logs = "service.pipelines.logs.processors=[pricetag, redact/a]";
    let checked = set(&["processors.redact/a={drop: [messages]}", traces, logs]).check(&|_: &str| None);
    assert!(!checked.out.contains("notice"), "{}", checked.out);
}

/// Scenario: captures of real instrumentations with messages switched on, whose backend answered "Hello there", or called a tool for
/// Paris; and of two assistants that wrote "REDACTED" where a prompt would stand.
/// Guarantees: neither prompt nor answer is left; what calls cost, and what is priced, is.
#[test]
fn captures_leave_without_messages() {
    let redaction = Redaction::new(&["messages".to_owned()]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/messages");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let body = bytes::Bytes::from(fs::read(&path).unwrap());
        let signal = if name.contains("logs") { Signal::Logs } else { Signal::Traces };
        let content = ["Hello there", "REDACTED", "Paris", "FAIL"];
        assert!(content.iter().any(|text| contains(&body, text)), "{name}");
        let left = redaction.apply(signal, &body).unwrap();
        for text in content {
            assert!(!contains(&left.body, text), "{text} in {name}");
        }
        let count =
            |body: &[u8], text: &str| body.windows(text.len()).filter(|it| *it == text.as_bytes()).count();
        for key in PRICED {
            assert_eq!(count(&left.body, key), count(&body, key), "{key} in {name}");
        }
        assert!(PRICED.iter().any(|key| contains(&left.body, key)), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

fn page() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/privacy.md");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// Guarantees: the page's config is right as it stands, without a notice, and its pipelines drop what it says.
#[test]
fn the_config_of_the_page_is_right() {
    let (_, page) = page();
    let blocks = Regex::new(r"(?s)```yaml\n(.*?)```").unwrap();
    let blocks: Vec<&str> = blocks.captures_iter(&page).map(|found| found.get(1).unwrap().as_str()).collect();
    let [said] = &blocks[..] else { panic!("{} blocks", blocks.len()) };
    let config = Config::parse(said, "docs/privacy.md", &[], &|_: &str| Some("a key of 16 bytes".to_owned()));
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.notices.is_empty(), "{:?}", config.notices);
    let drops: Vec<(String, Vec<&str>)> = config
        .pipelines
        .iter()
        .map(|it| {
            let drop = it.redact.as_ref().map_or(&[][..], |redact| &redact.drop);
            (it.id.to_string(), drop.iter().map(String::as_str).collect())
        })
        .collect();
    let outside = vec!["messages", "user.*", "session.id"];
    let expected =
        [("traces", &[][..]), ("logs", &[]), ("traces/outside", &outside), ("logs/outside", &outside)];
    assert_eq!(drops, expected.map(|(id, drop)| (id.to_owned(), drop.to_vec())));
}

fn table(text: &mut String, head: &str, sources: &[Source]) {
    writeln!(text, "| who writes it | {head} |\n|---|---|").unwrap();
    for (who, keys) in sources {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        writeln!(text, "| {who} | {} |", keys.join(", ")).unwrap();
    }
}

/// Guarantees: the page lists the keys that the group stands for.
#[test]
fn the_page_lists_the_group() {
    let mut tables = String::from("\n");
    table(&mut tables, "dropped wherever it stands", ANYWHERE);
    tables += "\nEvents, by their names:\n\n";
    table(&mut tables, "events that may carry messages", EVENTS);
    tables += "\nand what is dropped of these alone, besides a log record's body:\n\n";
    table(&mut tables, "dropped in such events", IN_EVENTS);
    let (path, page) = page();
    let (head, found) = page.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{head}{MARK}{tables}")).unwrap();
    } else {
        assert!(
            found == tables,
            "docs/privacy.md is out of date: UPDATE_DOCS=1 cargo test --test it privacy"
        );
    }
}
