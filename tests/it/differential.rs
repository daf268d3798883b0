//! The processor against a reference that decodes, edits and encodes, on 10,000 requests.
//!
//! `tape` and `traffic` make up requests, `wire` writes them in unusual but valid bytes and compares bytes,
//! `reference` says what should come out, `hostile` breaks bodies; `redacted` is the same of what is dropped
//! before requests leave; `remembered` reads requests with and without others before them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

pub(crate) mod hostile;
mod redacted;
mod reference;
mod remembered;
pub(crate) mod tape;
mod traffic;
mod wire;

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use pricetag::attribution::Attribution;
use pricetag::booking::{Counted, Entry, entries};
use pricetag::pricing::Catalog;
use pricetag::processor::{Attributes, Now, Processed, Processor, Settings, Shared};
use proptest::test_runner::TestCaseError;
use prost::Message as _;

use reference::{ALIASES, Booked, DIMENSIONS, Run, Verdict};
use tape::Tape;
use wire::Kind;

const NOW: Now = Now { unix_nano: traffic::TIME, monotonic: 1 };

/// A processor, kept from case to case as in production.
struct Bench {
    run: Run,
    shared: Arc<Shared>,
    processor: RefCell<Processor>,
}

impl Bench {
    fn new(run: Run, catalog: &Arc<Catalog>) -> Self {
        let settings = Settings {
            attributes: if run.full { Attributes::Full } else { Attributes::Default },
            aliases: ALIASES.map(str::to_owned).to_vec(),
            trust_upstream: run.trust_upstream,
            attribution: Attribution::of_keys(&DIMENSIONS.map(|(name, _, keys)| (name, keys))),
            ..Settings::default()
        };
        let shared = Arc::new(Shared::new(&settings, Arc::clone(catalog)));
        Bench { run, processor: RefCell::new(Processor::new(Arc::clone(&shared))), shared }
    }

    fn all() -> Vec<Bench> {
        let file = Catalog::embedded_file().unwrap();
        let catalog = Arc::new(Catalog::from_layers([("embedded", file)]).unwrap());
        [(false, true), (true, true), (false, false), (true, false)]
            .map(|(full, trust_upstream)| Bench::new(Run { full, trust_upstream }, &catalog))
            .into()
    }

    /// Processes a request that is its traces' last: nothing may be left to change at settlement.
    fn process(&self, body: &Bytes) -> Result<Processed, TestCaseError> {
        let processed = self.processor.borrow_mut().process(body.clone(), NOW);
        let mut settled = Vec::new();
        self.shared.open_traces().settle_all(&mut settled);
        if let Some(settled) = settled.into_iter().find(|settled| !settled.changes.is_empty()) {
            return Err(fail(format!("changed at settlement: {settled:?}")));
        }
        processed.map_err(|fault| fail(format!("refused: {fault}")))
    }
}

fn fail(reason: String) -> TestCaseError {
    TestCaseError::fail(reason)
}

/// A request from one half of the tape, its bytes scrambled by the other.
fn request(tape: &[u8]) -> (ExportTraceServiceRequest, Bytes) {
    let (traffic, noise) = tape.split_at(tape.len() / 2);
    let request = traffic::request(&mut Tape::new(traffic));
    let body = wire::scramble(Kind::Request, &request.encode_to_vec(), &mut Tape::new(noise));
    (request, Bytes::from(body))
}

/// A request in a few lines, for people.
fn brief(request: &ExportTraceServiceRequest) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for resource in &request.resource_spans {
        let of = resource.resource.as_ref().map_or(String::new(), |resource| pairs(&resource.attributes));
        let _ = writeln!(text, "resource [{of}]");
        for scope in &resource.scope_spans {
            let _ = writeln!(text, "  scope {:?}", scope.scope.as_ref().map(|scope| &scope.name));
            for span in &scope.spans {
                let ids = [&span.trace_id, &span.span_id, &span.parent_span_id].map(|id| format!("{id:x?}"));
                let (code, end) = (span.status.as_ref().map(|status| status.code), span.end_time_unix_nano);
                let of = pairs(&span.attributes);
                let _ = writeln!(
                    text,
                    "    {} kind {} status {code:?} end {end} [{of}]",
                    ids.join(" in "),
                    span.kind
                );
            }
        }
    }
    text
}

fn pairs(attributes: &[KeyValue]) -> String {
    let value = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(value) => format!("{value:?}"),
        None => "nothing".to_owned(),
    };
    attributes.iter().map(|attribute| format!("{}={}, ", attribute.key, value(attribute))).collect()
}

/// Empties the reasons that we wrote, and sorts what we wrote by key.
fn normalised(
    mut request: ExportTraceServiceRequest,
    input: &ExportTraceServiceRequest,
) -> Vec<Vec<KeyValue>> {
    let spans = |request: &ExportTraceServiceRequest| -> Vec<usize> {
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(|span| span.attributes.len()).collect()
    };
    let before = spans(input);
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    let mut added = Vec::new();
    for (span, before) in scopes.flat_map(|scope| &mut scope.spans).zip(before) {
        let mut ours = span.attributes.split_off(before.min(span.attributes.len()));
        for attribute in ours.iter_mut().filter(|attribute| attribute.key == "pricetag.reason") {
            if let Some(Value::StringValue(text)) =
                attribute.value.as_mut().and_then(|any| any.value.as_mut())
            {
                assert!(!text.is_empty() || cfg!(test), "a reason says something");
                *text = if text.is_empty() { "no reason at all".to_owned() } else { String::new() };
            }
        }
        ours.sort_by(|a, b| a.key.cmp(&b.key));
        added.push(ours);
    }
    added
}

fn booked(entries_: &[u8]) -> Vec<Booked> {
    let booking = |entry| match entry {
        Ok(Entry::Booking(booking)) => booking,
        other => panic!("{other:?}"),
    };
    entries(entries_)
        .map(booking)
        .map(|booking| Booked {
            span: booking.span.to_vec(),
            status: booking.status.as_str(),
            verdict: match booking.verdict {
                Counted::Here => Verdict::Counts,
                Counted::AsDuplicate => Verdict::Duplicate(Vec::new()),
                Counted::AsAggregate => Verdict::Aggregate,
            },
            picodollars: booking.money.map(|money| money.get() as u128),
            dimensions: booking.dimensions.iter().map(|value| value.as_str().to_owned()).collect(),
            tokens: [booking.input, booking.output],
        })
        .collect()
}

/// Scenario: 10,000 requests: several resources, scopes and spans, attributes of all kinds, calls in current
/// and older names, odd counts and costs, upstream's marks, odd ids; in bytes with fields in any order,
/// unknown fields, padded varints, repeated and split singular fields.
/// Guarantees: what comes out decodes to what the reference makes of it, and is booked as it says; all bytes
/// of the sender's are still there, but for length prefixes; no key is written twice; without an edit the
/// same allocation leaves.
#[test]
fn splicing_equals_decoding_editing_and_encoding() {
    let benches = Bench::all();
    let (edited, untouched, seen) = (RefCell::new(0), RefCell::new(0), RefCell::new(Seen::default()));
    tape::check(10_000, 3_000, |tape| {
        let bench = &benches[tape.len() % benches.len()];
        let (input, body) = request(tape);
        let decoded = ExportTraceServiceRequest::decode(body.clone()).unwrap();
        same(&decoded, &input, "the scrambled request")?;
        let processed = bench.process(&body)?;

        let mut expected = decoded.clone();
        let mut bookings = reference::process(&mut expected, bench.run, bench.shared.catalog().version());
        seen.borrow_mut().note(&bookings);
        let output = ExportTraceServiceRequest::decode(processed.body.clone())
            .map_err(|error| fail(format!("the output is no protobuf: {error}")))?;
        let (ours, theirs) = (normalised(output.clone(), &input), normalised(expected.clone(), &input));
        if ours != theirs {
            let differ = |(ours, theirs): (Vec<_>, Vec<_>)| {
                (ours != theirs).then(|| format!("we added {}\nnot      {}\n", pairs(&ours), pairs(&theirs)))
            };
            let differences: String = ours.into_iter().zip(theirs).filter_map(differ).collect();
            return Err(fail(format!("of {}\n{differences}", brief(&input))));
        }
        same(&stripped(output.clone(), &input), &input, "without our attributes")?;
        for booking in &mut bookings {
            if let Verdict::Duplicate(of) = &mut booking.verdict {
                of.clear(); // a booking does not say whose
            }
        }
        if booked(&processed.entries) != bookings {
            let booked = booked(&processed.entries);
            return Err(fail(format!("of {}\nwe booked {booked:#?}\nnot {bookings:#?}", brief(&input))));
        }

        wire::differs_only_by_attributes(Kind::Request, &body, &processed.body).map_err(fail)?;
        no_key_twice(&input, &output)?;
        let same_allocation = (body.as_ptr(), body.len()) == (processed.body.as_ptr(), processed.body.len());
        let unchanged = output.encode_to_vec() == input.encode_to_vec();
        if same_allocation != unchanged {
            return Err(fail(format!("same allocation: {same_allocation}, of {}", brief(&input))));
        }
        *if same_allocation { untouched.borrow_mut() } else { edited.borrow_mut() } += 1;
        Ok(())
    });
    // The traffic must be worth the name.
    assert!(*edited.borrow() > 5_000 && *untouched.borrow() > 500, "{edited:?} {untouched:?}");
    seen.borrow().check();
}

/// Scenario: 1,000 requests, each sent again because the sender saw no answer.
/// Guarantees: the second body leaves as the first did, and nothing is booked twice but what has no ids.
#[test]
fn a_request_that_comes_again_is_booked_once() {
    let bench = &Bench::all()[0];
    tape::check(1_000, 2_000, |tape| {
        let (input, body) = request(tape);
        let first = bench.processor.borrow_mut().process(body.clone(), NOW);
        let again = bench.process(&body)?;
        if first.map(|first| first.body) != Ok(again.body) {
            return Err(fail(format!("annotated otherwise the second time: {}", brief(&input))));
        }
        match booked(&again.entries).into_iter().find(|booked| !booked.span.is_empty()) {
            Some(twice) => Err(fail(format!("booked twice: {twice:?} of {}", brief(&input)))),
            None => Ok(()),
        }
    });
}

/// Which statuses and verdicts the traffic brought.
#[derive(Debug, Default)]
struct Seen(std::collections::BTreeMap<String, u64>);

impl Seen {
    fn note(&mut self, bookings: &[Booked]) {
        for booking in bookings {
            let verdict = match booking.verdict {
                Verdict::Counts => booking.status,
                Verdict::Duplicate(_) => "duplicate",
                Verdict::Aggregate => "aggregate",
            };
            *self.0.entry(verdict.to_owned()).or_default() += 1;
        }
    }

    fn check(&self) {
        for status in [
            "priced",
            "partial",
            "unknown_model",
            "unknown_provider",
            "no_usage",
            "failed",
            "implausible",
            "reported",
            "duplicate",
            "aggregate",
        ] {
            assert!(self.0.get(status).is_some_and(|count| *count >= 20), "too few {status}: {self:?}");
        }
    }
}

/// Compares by encoding: NaN is not equal to itself.
fn same(
    left: &ExportTraceServiceRequest,
    right: &ExportTraceServiceRequest,
    what: &str,
) -> Result<(), TestCaseError> {
    if left.encode_to_vec() == right.encode_to_vec() {
        return Ok(());
    }
    Err(fail(format!("{what}: {}\nis not {}", brief(left), brief(right))))
}

fn stripped(
    mut output: ExportTraceServiceRequest,
    input: &ExportTraceServiceRequest,
) -> ExportTraceServiceRequest {
    for (output, input) in output.resource_spans.iter_mut().zip(&input.resource_spans) {
        for (output, input) in output.scope_spans.iter_mut().zip(&input.scope_spans) {
            for (output, input) in output.spans.iter_mut().zip(&input.spans) {
                output.attributes.truncate(input.attributes.len());
            }
        }
    }
    output
}

fn no_key_twice(
    input: &ExportTraceServiceRequest,
    output: &ExportTraceServiceRequest,
) -> Result<(), TestCaseError> {
    let spans = |request: &ExportTraceServiceRequest| -> Vec<Vec<String>> {
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let keys =
            |attributes: &[KeyValue]| attributes.iter().map(|attribute| attribute.key.clone()).collect();
        scopes.flat_map(|scope| &scope.spans).map(|span| keys(&span.attributes)).collect()
    };
    for (before, after) in spans(input).iter().zip(spans(output)) {
        let (old, new) = after.split_at(before.len());
        if let Some(twice) =
            new.iter().enumerate().find(|(n, key)| old.contains(key) || new[..*n].contains(key))
        {
            return Err(fail(format!("{twice:?} stands there twice: {after:?}")));
        }
    }
    Ok(())
}
