//! Small bodies that are large ones, and large ones that would be larger still where they are decoded.

use pricetag::otlp::wire::put_bytes;

use crate::support::client::gzip;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{Pricetag, Sink};

/// Bytes of a body before compression. The limit would allow eight times as many.
const LARGE: usize = 8 << 20;

/// Sends a body compressed; gives the status of the answer and what it says.
async fn send(pricetag: &Pricetag, signal: &str, content_type: &str, body: &[u8]) -> (u16, String) {
    let sent = pricetag
        .client
        .post(format!("http://{}/v1/{signal}", pricetag.http))
        .header("content-type", content_type)
        .header("content-encoding", "gzip")
        .body(gzip(body));
    let answer = sent.send().await.unwrap();
    (answer.status().as_u16(), String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned())
}

/// A field around the content.
fn within(number: u32, content: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, number, &content);
    out
}

/// Scenario: 8 MiB of spans, log records, scopes, resources or metrics without content, and of JSON with as many; then a
/// call.
/// Guarantees: refused for good, with the limit and what to do, at no more memory than a body takes that is good; the call is priced.
#[tokio::test]
async fn what_holds_too_much_is_refused() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let empty = |number: u8| [number << 3 | 2, 0].repeat(LARGE / 2);
    let protobuf = "application/x-protobuf";
    for (what, signal, body) in [
        ("spans", "traces", within(1, within(2, empty(2)))),
        ("scopes", "traces", within(1, empty(2))),
        ("resources", "traces", empty(1)),
        ("log records", "logs", within(1, within(2, empty(2)))),
        ("resources of logs", "logs", empty(1)),
        ("metrics", "metrics", within(1, within(2, empty(2)))),
        ("data points", "metrics", within(1, within(2, within(2, within(5, empty(1)))))),
    ] {
        let most = if what == "resources" { "100000 resources" } else { "1000000 items" };
        let (status, message) = send(&pricetag, signal, protobuf, &body).await;
        assert_eq!(status, 400, "{what}: {message}");
        assert!(
            message.contains(&format!("more than {most} in a request; send smaller batches")),
            "{what}: {message}"
        );
    }
    let json = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#,
        "{},".repeat(LARGE / 3 - 32)
    );
    let (status, message) = send(&pricetag, "traces", "application/json", json.as_bytes()).await;
    assert_eq!(status, 400, "{message}");
    assert!(message.contains("more than 1000000 JSON values; send smaller batches"), "{message}");

    // Decoded, the first of them would take 1 GB, and the last half of that.
    let peak = pricetag.peak_memory();
    assert!(peak.is_none_or(|peak| peak < 384 << 20), "{peak:?}");
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1_000_000, 0)])).await;
    assert_eq!(pricetag.settled(1).await.sum("pricetag_cost", &[]), 2.5);
}
