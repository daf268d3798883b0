//! The config is another one while pricetag runs: by SIGHUP, and by POST of who has logged in.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::otlp::Signal;
use pricetag::pricing::Picodollars;
use prost::Message as _;
use serde_json::Value;

use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request, spans};
use crate::support::{Pricetag, Sink, eventually};

/// What a call of [`gpt_4o`] with a million tokens of input costs, in picodollars.
const COST: i128 = 2_500_000_000_000;

/// With a login at the admin port.
fn guarded(setup: Setup) -> Setup {
    setup
        .set("extensions={bearertokenauth/ops: {token: canary}}")
        .set("service.extensions=[bearertokenauth/ops]")
        .set("service.telemetry.metrics.auth={authenticator: bearertokenauth/ops}")
}

/// Its config with this in place of that.
fn edit(pricetag: &Pricetag, from: &str, to: &str) {
    let file = pricetag.folder().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

async fn post(pricetag: &Pricetag, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let mut request = pricetag.client.post(format!("http://{}/-/reload", pricetag.admin));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

const CANARY: (&str, &str) = ("authorization", "Bearer canary");

async fn costs(pricetag: &Pricetag) -> Value {
    let url = format!("http://{}/api/v1/costs?by=user", pricetag.admin);
    let answer = pricetag.client.get(url).bearer_auth("canary").send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// All money, settled or not, in picodollars.
fn sum(costs: &Value) -> i128 {
    let money = |key: &str| costs[key].as_str().unwrap().parse::<Picodollars>().unwrap().get();
    money("total") + money("pending")
}

async fn is_good(pricetag: &Pricetag) -> bool {
    let page = pricetag.client.get(format!("http://{}/metrics", pricetag.admin)).bearer_auth("canary");
    let page = page.send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("pricetag_config_last_reload_successful")).unwrap();
    line.ends_with(" 1")
}

/// Scenario: POST of somebody without the token, of a browser that a stranger's page makes ask, where nobody has to log in; then of who may,
/// with files that are as they were, new, and broken.
/// Guarantees: only the last is heard, and told what came of each kind of files, with file, line and remedy; what was in force stays.
#[tokio::test]
async fn who_has_logged_in_may_ask() {
    let sink = Sink::start().await;
    let open = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let (status, answer) = post(&open, &[CANARY]).await;
    assert_eq!(status, 403);
    assert!(answer["error"].as_str().unwrap().contains("service.telemetry.metrics.auth"), "{answer}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    let prices = |input: &str| {
        format!("providers:\n  openai:\n    models:\n      gpt-4o: {{rates: {{{input}: 7, output: 1}}}}\n")
    };
    fs::write(&file, prices("input")).unwrap();
    let setup = guarded(Setup::new(&[sink.otlp("a", "")], "otlp/a"));
    let pricetag = setup.set(format!("processors.pricetag.prices=['{}']", file.display())).start().await;
    assert_eq!(post(&pricetag, &[]).await.0, 401);
    assert_eq!(post(&pricetag, &[("authorization", "Bearer canar")]).await.0, 401);
    assert_eq!(post(&pricetag, &[CANARY, ("sec-fetch-site", "cross-site")]).await.0, 403);
    let get = pricetag.client.get(format!("http://{}/-/reload", pricetag.admin)).bearer_auth("canary");
    let get = get.send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));
    assert!(!pricetag.log().contains("reading"), "{}", pricetag.log());

    let outcome = |answer: &Value| {
        let all = answer["files"].as_array().unwrap();
        all.iter().find(|it| it["files"] == "price files").unwrap().clone()
    };
    let (status, answer) = post(&pricetag, &[CANARY, ("sec-fetch-site", "same-origin")]).await;
    assert_eq!((status, &answer["config"]), (200, &Value::from("unchanged")), "{answer}");
    assert_eq!(outcome(&answer)["outcome"], "unchanged");
    fs::write(&file, prices("inptu")).unwrap();
    for _ in 0..2 {
        let (status, answer) = post(&pricetag, &[CANARY]).await;
        let outcome = outcome(&answer);
        assert_eq!((status, &outcome["outcome"]), (422, &Value::from("refused")), "{answer}");
        let error = outcome["error"].as_str().unwrap();
        assert!(
            error.contains("prices.yaml:4:") && error.contains("inptu") && error.contains("input"),
            "{error}"
        );
    }
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1_000_000, 0)])).await;
    assert_eq!(sink.traces(1).await.len(), 1);
    assert!(!pricetag.log().contains("canary"), "{}", pricetag.log());
}

/// Scenario: a config that is wrong, one with a file that can not be read, one whose port somebody else has, one whose ledger can not be
/// there, and then a right one with a second exporter.
/// Guarantees: the first four leave in force what was, which goes on, on the same ports, say why, and are told by a metric; the last is
/// taken, on the same ports and with the same sums.
#[tokio::test]
async fn a_wrong_config_is_not_taken_a_right_one_is() {
    let (one, other) = (Sink::start().await, Sink::start().await);
    let pricetag = guarded(Setup::new(&[one.otlp("a", ""), other.otlp("b", "")], "otlp/a")).start().await;
    let mut sent = 0;
    let mut call = async || {
        sent += 1;
        pricetag.deliver_spans(&request(vec![gpt_4o(sent, 1_000_000, 0)])).await;
        assert_eq!(one.traces(sent as usize).await.len(), sent as usize);
    };
    call().await;
    let settles = "settle_after: 300ms";
    for (wrong, says) in [
        ("settle_afetr: 300ms", "settle_after"),
        ("settle_after: 300ms\n    prices: [nowhere.yaml]", "nowhere.yaml"),
    ] {
        edit(&pricetag, settles, wrong);
        let (status, answer) = post(&pricetag, &[CANARY]).await;
        assert_eq!((status, &answer["config"]), (422, &Value::from("refused")), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
        assert!(!is_good(&pricetag).await);
        edit(&pricetag, wrong, settles);
        call().await;
    }
    assert_eq!(post(&pricetag, &[CANARY]).await.0, 200);
    assert!(is_good(&pricetag).await);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let moved = format!("http: {{endpoint: \"{}\"}}", taken.local_addr().unwrap());
    edit(&pricetag, "http: {endpoint: \"127.0.0.1:0\"}", &moved);
    let (status, answer) = post(&pricetag, &[CANARY]).await;
    assert!(
        status == 422 && answer["error"].as_str().unwrap().contains("another process has it"),
        "{answer}"
    );
    edit(&pricetag, &moved, "http: {endpoint: \"127.0.0.1:0\"}");
    let nowhere = "settle_after: 300ms\n    ledger: {file: /proc/nowhere/ledger.db}";
    edit(&pricetag, settles, nowhere);
    assert_eq!(post(&pricetag, &[CANARY]).await.0, 202);
    let line = "the one before stays in force";
    eventually(line, async || pricetag.log().contains(line).then_some(())).await;
    let ready = async |times| {
        eventually("ready", async || (pricetag.log().matches("ready: ").count() == times).then_some(())).await
    };
    ready(2).await;
    call().await;
    assert!(!is_good(&pricetag).await);

    edit(&pricetag, nowhere, settles);
    edit(&pricetag, "exporters: [otlp/a]}", "exporters: [otlp/a, otlp/b]}");
    assert_eq!(post(&pricetag, &[CANARY]).await.0, 202);
    ready(3).await;
    call().await;
    assert_eq!(other.traces(1).await.len(), 1);
    assert!(is_good(&pricetag).await);
    eventually("the sum of all", async || {
        let sum = sum(&costs(&pricetag).await);
        assert!(sum <= COST * 5, "counted twice");
        (sum == COST * 5).then_some(())
    })
    .await;
}

/// Scenario: a second exporter comes and goes, again and again, while clients send; the config is wrong every third time.
/// Guarantees: nobody is turned away; everything that was acknowledged arrives at the first exporter, and its money is in the ledger once.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_config_changes() {
    let (one, other) = (Sink::start().await, Sink::start().await);
    let setup = Setup::new(&[one.otlp("a", ""), other.otlp("b", "")], "otlp/a")
        .set("processors.pricetag.settle_after=30s");
    let pricetag = Arc::new(guarded(setup).start().await);
    let stop = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4_u64)
        .map(|client| {
            let (pricetag, stop) = (Arc::clone(&pricetag), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut sent = 0;
                while stop.load(Ordering::Relaxed) == 0 {
                    sent += 1;
                    let body = request(vec![gpt_4o(client * 1_000_000 + sent, 1_000_000, 0)]).encode_to_vec();
                    // It is at once told to come again, or heard: a connection that is refused would be an error here.
                    loop {
                        let status = match client % 2 {
                            0 => {
                                pricetag
                                    .post(
                                        Signal::Traces,
                                        &[("content-type", "application/x-protobuf")],
                                        body.clone().into(),
                                    )
                                    .await
                                    .status
                            }
                            _ => pricetag
                                .send_grpc(Signal::Traces, body.clone().into(), false)
                                .await
                                .map_or_else(|status| status.code() as u16, |_| 200),
                        };
                        match status {
                            200 => break,
                            // UNAVAILABLE by gRPC.
                            503 | 14 => tokio::time::sleep(Duration::from_millis(20)).await,
                            other => panic!("{other} instead of an answer"),
                        }
                    }
                }
                sent
            })
        })
        .collect();

    let (alone, both) = ("exporters: [otlp/a]}", "exporters: [otlp/a, otlp/b]}");
    let (right, wrong) = ("processors: [pricetag]", "processors: [pricetga]");
    let mut taken = 1;
    for round in 0..12 {
        match round % 3 {
            0 => edit(&pricetag, alone, both),
            1 => edit(&pricetag, right, wrong),
            _ => edit(&pricetag, wrong, right),
        }
        if round % 3 == 2 {
            edit(&pricetag, both, alone);
        }
        let (status, answer) = post(&pricetag, &[CANARY]).await;
        assert_eq!(status, if round % 3 == 1 { 422 } else { 202 }, "{answer}");
        if status == 202 {
            taken += 1;
            eventually("the new config in force", async || {
                (pricetag.log().matches("ready: ").count() == taken).then_some(())
            })
            .await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(1, Ordering::Relaxed);
    let mut sent = 0;
    for client in clients {
        sent += client.await.unwrap();
    }
    assert!(sent > 100, "{sent}");
    let arrived = eventually("all spans", async || {
        let all = one
            .taken(Signal::Traces)
            .into_iter()
            .map(|seen| ExportTraceServiceRequest::decode(seen.body).unwrap());
        let ids = |it: ExportTraceServiceRequest| {
            spans(&it).into_iter().map(|span| span.trace_id.clone()).collect::<Vec<_>>()
        };
        let arrived = all.flat_map(ids).collect::<HashSet<_>>().len() as u64;
        (arrived >= sent).then_some(arrived)
    })
    .await;
    assert_eq!(arrived, sent);
    assert!(!other.taken(Signal::Traces).is_empty());
    eventually("the sum", async || {
        let answer = costs(&pricetag).await;
        let sum = sum(&answer);
        assert!(sum <= COST * i128::from(sent), "counted twice: {answer}");
        (sum == COST * i128::from(sent)).then_some(())
    })
    .await;
}
