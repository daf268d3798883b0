//! Bodies that are not what they should be.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use pricetag::otlp::{Signal, items};
use proptest::test_runner::TestCaseError;
use prost::Message;

use super::tape::{self, Tape};
use super::wire::{self, Kind};
use super::{Bench, NOW, fail, no_key_twice};

/// Breaks a body in a few places: bits, bytes, missing and additional parts.
pub(crate) fn break_up(body: &mut Vec<u8>, tape: &mut Tape<'_>) {
    for _ in 0..1 + tape.below(3) {
        if body.is_empty() {
            return;
        }
        let at = tape.below(body.len().min(65_536));
        match tape.below(6) {
            0 => body.truncate(at),
            1 => body[at] = tape.byte(),
            2 => body.insert(at, tape.byte()),
            3 => drop(body.remove(at)),
            4 => {
                let end = (at + tape.below(20)).min(body.len());
                let again = body[at..end].to_vec();
                body.splice(at..at, again);
            }
            _ => body[at] ^= 1 << tape.below(8),
        }
    }
}

fn decodes<M: Message + Default>(body: &[u8]) -> bool {
    M::decode(body).is_ok()
}

fn check_traces(bench: &Bench, body: Vec<u8>) -> Result<bool, TestCaseError> {
    let body = Bytes::from(body);
    let valid = ExportTraceServiceRequest::decode(body.clone());
    let counted = items::count(Signal::Traces, &body);
    let processed = bench.processor.borrow_mut().process(body.clone(), NOW);
    bench.shared.open_traces().settle_all(&mut Vec::new());
    match (processed, valid) {
        (Err(fault), Ok(_)) => Err(fail(format!("refused with {fault}, but prost reads {body:x?}"))),
        (Err(fault), _) if fault.offset() > body.len() => Err(fail(format!("{fault:?} of {}", body.len()))),
        (Err(_), _) => Ok(false),
        (Ok(processed), valid) => {
            if counted.ok() != Some(processed.items) {
                return Err(fail(format!("counted otherwise: {body:x?}")));
            }
            let after = ExportTraceServiceRequest::decode(processed.body.clone());
            match (&valid, &after) {
                (Ok(before), Ok(after)) => no_key_twice(before, after)?,
                (Err(_), Err(_)) => {}
                _ => return Err(fail(format!("{valid:?}, but then {after:?}"))),
            }
            wire::differs_only_by_attributes(Kind::Request, &body, &processed.body).map_err(fail)?;
            Ok(valid.is_ok())
        }
    }
}

/// Scenario: 10,000 valid requests with bits flipped, bytes lost, doubled or replaced, ends cut off.
/// Guarantees: no panic; what prost reads is accepted; a refusal points into the body; what is accepted
/// leaves as readable as it came, with all of the sender's bytes.
#[test]
fn broken_requests_are_refused_or_pass_unharmed() {
    let benches = Bench::all();
    let accepted = std::cell::Cell::new(0);
    tape::check(10_000, 1_500, |tape| {
        let bench = &benches[tape.len() % benches.len()];
        let (breaks, rest) = tape.split_at(tape.len() / 8);
        let (_, body) = super::request(rest);
        let mut body = body.to_vec();
        break_up(&mut body, &mut Tape::new(breaks));
        accepted.set(accepted.get() + u32::from(check_traces(bench, body)?));
        Ok(())
    });
    assert!((1_000..9_000).contains(&accepted.get()), "{accepted:?}");
}

/// Scenario: 10,000 bodies of random bytes, most of them starting like a request.
/// Guarantees: as above, for each signal.
#[test]
fn random_bytes_do_no_harm() {
    let benches = Bench::all();
    tape::check(10_000, 60, |bytes| {
        // Plausible tags and short lengths get deeper than noise.
        let plain: Vec<u8> =
            bytes.iter().map(|byte| [0x0a, 0x12, 2, 4, 0x4a, *byte][*byte as usize % 6]).collect();
        for body in [bytes.to_vec(), plain] {
            check_items(&body)?;
            check_traces(&benches[0], body)?;
        }
        Ok(())
    });
}

fn check_items(body: &[u8]) -> Result<(), TestCaseError> {
    for signal in Signal::ALL {
        let valid = match signal {
            Signal::Traces => decodes::<ExportTraceServiceRequest>(body),
            Signal::Metrics => decodes::<ExportMetricsServiceRequest>(body),
            Signal::Logs => decodes::<ExportLogsServiceRequest>(body),
        };
        match items::count(signal, body) {
            Err(fault) if valid => return Err(fail(format!("{signal}: {fault} in {body:x?}"))),
            Err(fault) if fault.offset() > body.len() => return Err(fail(format!("{signal}: {fault:?}"))),
            _ => {}
        }
    }
    Ok(())
}

/// Scenario: captured metrics and made-up logs, whole and broken.
/// Guarantees: the items are counted as prost counts them; whatever prost reads is accepted.
#[test]
fn metrics_and_logs_are_counted_and_checked() {
    let metrics: &[u8] = include_bytes!("../../fixtures/captures/otel-openai-v2.metrics.pb");
    let request = ExportMetricsServiceRequest::decode(metrics).unwrap();
    let points: usize = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .map(|metric| {
            use opentelemetry_proto::tonic::metrics::v1::metric::Data;
            match metric.data.as_ref().unwrap() {
                Data::Gauge(gauge) => gauge.data_points.len(),
                Data::Sum(sum) => sum.data_points.len(),
                Data::Histogram(histogram) => histogram.data_points.len(),
                Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
                Data::Summary(summary) => summary.data_points.len(),
            }
        })
        .sum();
    assert_eq!(items::count(Signal::Metrics, metrics), Ok(points as u64));
    assert!(points > 0);

    let log_records = vec![LogRecord { severity_text: "INFO".into(), ..LogRecord::default() }; 3];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }; 2];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }; 2];
    let logs = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    assert_eq!(items::count(Signal::Logs, &logs), Ok(12));

    tape::check(2_000, 40, |tape| {
        for body in [metrics, logs.as_slice()] {
            let mut body = body.to_vec();
            break_up(&mut body, &mut Tape::new(tape));
            check_items(&body)?;
        }
        Ok(())
    });
}
