//! Spikes of cost, from spans to the event, the webhook, the metrics and the admin port.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::config::Config;
use pricetag::otlp::Signal;
use pricetag::pricing::Picodollars;
use prost::Message as _;
use serde_json::json;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, attribute, gpt_4o, request};
use crate::support::{Sink, eventually};

const PRICED: &str = "{receivers: [otlp], processors: [pricetag], exporters: [otlp/a]}";
const HOUR: u64 = 3_600_000_000_000;

/// A call of a user, at a time, for so many millionths of $2.50.
fn call(number: u64, user: &str, unix_nano: u64, input: i64) -> Span {
    let mut call = gpt_4o(number, input, 0);
    call.attributes.push(attribute("user.id", user));
    Span { start_time_unix_nano: unix_nano - 1_000_000, end_time_unix_nano: unix_nano, ..call }
}

fn spikes(sink: &Sink) -> Vec<LogRecord> {
    let requests = sink.taken(Signal::Logs).into_iter();
    let requests = requests.map(|seen| ExportLogsServiceRequest::decode(seen.body).unwrap());
    let resources = requests.flat_map(|request| request.resource_logs);
    let records = resources.flat_map(|resource| resource.scope_logs).flat_map(|scope| scope.log_records);
    records.filter(|record| record.event_name == "pricetag.spike").collect()
}

/// What a webhook got: the header and the body of each request.
type Got = Arc<Mutex<Vec<(String, String)>>>;

/// A webhook that fails once. Its URL has a secret in it.
async fn webhook() -> (String, Got) {
    let got = Got::default();
    let kept = Arc::clone(&got);
    let take = async move |headers: HeaderMap, body: String| {
        let token = headers["authorization"].to_str().unwrap().to_owned();
        let mut got = kept.lock().unwrap();
        got.push((token, body));
        if got.len() == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
    };
    let router = Router::new().route("/services/hunter2", post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/hunter2", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, got)
}

/// Scenario: ann works for two hours a day at $0.25, ben for two hours a day at $5, eve has never been seen, nobody costs more than all.
/// Now ann costs $2.50, in two calls of which one is of an open trace, ben $5, eve $50, and nobody $100.
/// Guarantees: of them ann has a spike, told once: by the event, by the webhook though it fails at first, by metrics that do not say who,
/// and by the admin port. What the webhook is called stands nowhere.
#[tokio::test]
async fn one_user_in_a_crowd_spikes() {
    let sink = Sink::start().await;
    let (url, got) = webhook().await;
    let pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline(&format!("traces: {PRICED}"))
        .pipeline(&format!("logs: {PRICED}"))
        .set(format!("processors.pricetag.spikes={{webhook: \"{url}\", webhook_headers: {{authorization: Bearer hunter3}}}}"))
        .start()
        .await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut history = Vec::new();
    for (nth, hours) in [(0, 25), (2, 26), (4, 49), (6, 50)] {
        history.push(call(nth, "ann", now - hours * HOUR, 100_000));
        history.push(call(nth + 1, "ben", now - hours * HOUR, 2_000_000));
        history.push(call(nth + 100, "", now - hours * HOUR, 100_000));
    }
    pricetag.deliver_spans(&request(history)).await;
    pricetag.settled(12).await;
    let burst = vec![
        call(10, "ann", now, 400_000),
        call(11, "ann", now, 600_000),
        call(12, "ben", now, 2_000_000),
        call(13, "eve", now, 20_000_000),
        call(14, "", now, 40_000_000),
    ];
    pricetag.deliver_spans(&request(burst)).await;

    eventually("the event", async || (!spikes(&sink).is_empty()).then_some(())).await;
    eventually("the webhook", async || (got.lock().unwrap().len() == 2).then_some(())).await;
    let [event] = &spikes(&sink)[..] else { panic!("{:#?}", spikes(&sink)) };
    assert_eq!((event.severity_number, event.severity_text.as_str()), (13, "WARN"));
    assert_eq!((event.string("user.id"), event.string("pricetag.spike.dimension")), ("ann", "user"));
    assert_eq!(event.string("pricetag.spike.state"), "firing");
    assert_eq!(
        (event.double("pricetag.spike.cost"), event.double("pricetag.spike.usual")),
        (Some(2.5), Some(0.25))
    );
    assert_eq!(event.string("pricetag.spike.cost.picodollars"), "2500000000000");
    assert_eq!(event.string("pricetag.spike.usual.picodollars"), "250000000000");
    assert_eq!(event.double("pricetag.spike.times"), Some(10.0));
    let hour = event.string("pricetag.spike.hour");

    let (_, page) = pricetag.get("/api/v1/spikes").await.unwrap();
    let expected = json!({
        "currency": "USD",
        "rule": {"by": "user", "times": "5", "above": "1", "baseline_hours": 168, "warm_up_hours": 24},
        "active": [{"value": "ann", "since": hour, "hour": hour, "cost": "2.5", "usual": "0.25", "times": 10.0}],
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&page).unwrap(), expected);

    let time = hour.replace('T', " ").replace(":00Z", " UTC");
    let line = format!("user `ann` has cost $2.50 since {time}, 10.0 times its usual hour of $0.25");
    let message = json!({
        "text": line, "unfurl_links": false, "unfurl_media": false, "allowed_mentions": {"parse": []},
    });
    let expected = ("Bearer hunter3".to_owned(), message.to_string());
    assert_eq!(
        *got.lock().unwrap(),
        [expected.clone(), expected],
        "the same again, for the first attempt failed"
    );

    // Two looks later there is still one.
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    let scrape = pricetag.scrape().await;
    let count = |state| scrape.values("pricetag_spikes", &[("dimension", "user"), ("state", state)]);
    assert_eq!((count("firing"), count("resolved")), (vec![1.0], vec![0.0]));
    assert_eq!(scrape.values("pricetag_spikes_active", &[("dimension", "user")]), [1.0]);
    assert_eq!(scrape.values("pricetag_spikes_webhook_messages", &[("outcome", "sent")]), [1.0]);
    assert_eq!((spikes(&sink).len(), got.lock().unwrap().len()), (1, 2));
    assert!(!scrape.text().contains("ann"), "{}", scrape.text());
    assert!(!pricetag.log().contains("hunter"), "{}", pricetag.log());
    assert!(pricetag.log().contains("spike of cost, firing: user ann"), "{}", pricetag.log());
}

/// Scenario: a webhook that is not there; then one that does not exist by its own word.
/// Guarantees: both are said once in the log, without the URL, and counted.
#[tokio::test]
async fn a_webhook_that_fails_is_told_of_without_its_url() {
    let sink = Sink::start().await;
    let pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline(&format!("traces: {PRICED}"))
        .set(format!(
            "processors.pricetag.spikes={{warm_up: \"0\", webhook: \"http://{}/hunter2\"}}",
            sink.address
        ))
        .start()
        .await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let users = ["ann", "ben"];
    let history =
        users.iter().zip(1..).map(|(user, number)| call(number, user, now - 2 * HOUR, 1000)).collect();
    pricetag.deliver_spans(&request(history)).await;
    let burst = users.iter().zip(11..).map(|(user, number)| call(number, user, now, 1_000_000)).collect();
    pricetag.deliver_spans(&request(burst)).await;
    eventually("two failures", async || {
        let scrape = pricetag.scrape().await;
        (scrape.values("pricetag_spikes_webhook_messages", &[("outcome", "failed")]) == [2.0]).then_some(())
    })
    .await;
    let log = pricetag.log();
    assert_eq!(log.matches("spikes can not be told to the webhook: it answered 404").count(), 1, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

/// Scenario: two users spike, one with a name that calls everybody; the webhook fails when it is told, and pricetag is stopped at once.
/// Guarantees: both are told before pricetag ends, which needs no more time than it has, and nobody is called.
#[tokio::test]
async fn what_waits_for_the_webhook_is_told_before_the_end() {
    let sink = Sink::start().await;
    let (url, got) = webhook().await;
    let mut pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline(&format!("traces: {PRICED}"))
        .set(format!("processors.pricetag.spikes={{warm_up: \"0\", webhook: \"{url}\", webhook_headers: {{authorization: x}}}}"))
        .start()
        .await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let users = ["@everyone", "ben"];
    let history =
        users.iter().zip(1..).map(|(user, number)| call(number, user, now - 2 * HOUR, 1000)).collect();
    pricetag.deliver_spans(&request(history)).await;
    pricetag.settled(2).await;
    let burst = users.iter().zip(11..).map(|(user, number)| call(number, user, now, 1_000_000)).collect();
    pricetag.deliver_spans(&request(burst)).await;
    eventually("the webhook", async || (!got.lock().unwrap().is_empty()).then_some(())).await;
    pricetag.stop().await;
    let got = got.lock().unwrap();
    let text: String = got[1..].iter().map(|(_, body)| body.as_str()).collect();
    assert!(
        text.contains("user `@\u{200b}everyone` has cost") && text.contains("user `ben` has cost"),
        "{text}"
    );
    assert!(!text.contains("@everyone"), "{text}");
    assert!(!pricetag.log().contains("webhook"), "{}", pricetag.log());
}

/// Scenario: a bare section, an empty webhook, everything said, and a dimension of one's own that is hashed.
/// Guarantees: what is left out has its default; dollars are exact; a short baseline takes the warm-up with it; nothing shows the URL.
#[test]
fn a_rule_is_read_from_the_config() {
    let spikes = |said: &str| {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{grpc: }}}}}}\nprocessors: {{pricetag: {{dimensions: {{plan: {{}}}}, spikes: {said}}}}}\n\
             exporters: {{debug: }}\nservice: {{pipelines: {{traces: {{receivers: [otlp], processors: [pricetag], exporters: [debug]}}}}}}"
        );
        let config =
            Config::parse(&text, "it", &[], &|_: &str| None).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(!format!("{config:?}").contains("hunter2"));
        config.processor.unwrap().spikes
    };
    for bare in ["", "{}", "{webhook: \"\"}", "{webhook: \"${env:UNSET:-}\"}"] {
        let it = spikes(bare).unwrap();
        assert_eq!((it.by.as_str(), it.rule.baseline, it.rule.warm_up), ("user", 168, 24));
        assert_eq!((it.rule.times.to_string().as_str(), it.rule.above.to_string().as_str()), ("5", "1"));
        assert_eq!(it.webhook, None);
    }
    let it = spikes(
        "{by: plan, times: 2.5, above: \"0.000000000001\", baseline: 12h, webhook: \"https://x/hunter2\"}",
    )
    .unwrap();
    assert_eq!((it.by.as_str(), it.rule.baseline, it.rule.warm_up), ("plan", 12, 12));
    assert_eq!((it.rule.times.to_string().as_str(), it.rule.above), ("2.5", Picodollars::new(1)));
    assert_eq!(it.webhook.unwrap().url.expose(), "https://x/hunter2");
}
