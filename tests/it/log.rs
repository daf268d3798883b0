//! The log: structured, and never flooded.

use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use serde_json::Value;
use tonic::Code;

use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{Answer, Sink, Via, eventually};

/// How often each thing happens.
const OFTEN: usize = 250;

/// Scenario: requests that nobody can read, by the hundred, and a backend that takes none of those that can be.
/// Guarantees: every line is a JSON object; a hundred lines of each, and the count of the others: none is missing.
#[tokio::test]
async fn a_flood_is_counted() {
    let sink = Sink::start().await;
    sink.script(vec![Answer::Fail(Code::InvalidArgument); OFTEN]);
    let mut pricetag = Setup::bare(&[sink.otlp("strict", "")])
        .pipeline("traces: {receivers: [otlp], exporters: [otlp/strict]}")
        .set("service.telemetry.logs.encoding=json")
        .start()
        .await;
    for number in 0..OFTEN {
        let broken = pricetag.post(Signal::Traces, &[], Bytes::from_static(b"no protobuf")).await;
        assert!(broken.status >= 400);
        let call = request(vec![gpt_4o(number as u64 + 1, 1, 1)]).encode_to_vec().into();
        pricetag.deliver(Via::Grpc, Signal::Traces, call).await;
    }
    eventually("all are refused", async || (sink.seen().len() == OFTEN).then_some(())).await;
    pricetag.stop().await;
    let log = pricetag.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for (what, exporter) in [
        ("OTLP/HTTP: refused a request of traces", None),
        ("the backend refuses a request", Some("otlp/strict")),
    ] {
        let (mut said, mut left_out) = (0, 0);
        for line in &lines {
            let fields = &line["fields"];
            let Some(at) = fields["message"].as_str().unwrap().find(what) else { continue };
            assert_eq!(fields["exporter"].as_str(), exporter, "{line}");
            let count = fields["message"].as_str().unwrap()[..at].split_once(" more lines were left out");
            match count {
                Some((count, _)) => left_out += count.parse::<usize>().unwrap(),
                None => said += 1,
            }
        }
        // One more each ten seconds, on a machine that does something else.
        assert!((100..110).contains(&said), "{what}: {said}\n{log}");
        assert_eq!(said + left_out, OFTEN, "{what}\n{log}");
    }
}
