//! Whose money it is in the end: requests through the processor into the ledger, in any order, beside a plain look at whole traces.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::attribution::Attribution;
use pricetag::booking::Entries;
use pricetag::ledger::Ledger;
use pricetag::ledger::store::Limits;
use pricetag::ledger::sums::Tally;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Restater, Settings, Shared};
use proptest::test_runner::TestCaseError;
use prost::Message as _;

use crate::differential::tape::{self, Tape};
use crate::support::spans::{attribute, gpt_4o, request};

/// Each dimension with the keys that tell it, the better one first.
pub(crate) const DIMENSIONS: [(&str, &[&str]); 3] =
    [("user", &["user.id", "enduser.id"]), ("tenant", &["tenant.id"]), ("feature", &["feature"])];
/// Values that have accounts; what comes later shares one.
const MAX_VALUES: usize = 4;

/// What is booked, by dimension and value: picodollars, calls and input tokens.
pub(crate) type Totals = BTreeMap<(String, String), (i128, u64, u64)>;

/// Two traces of calls and plain spans, each below another, of which any may say something of the dimensions, well or less well. The
/// second has no root, the first may have several; some spans lack the one above them.
pub(crate) fn traces(tape: &mut Tape<'_>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for number in 0..2 + tape.below(10) as u64 {
        let trace = if tape.chance(30) { 2_u8 } else { 1 };
        let is_call = tape.chance(50);
        let mut span = gpt_4o(number, 1 + tape.below(1000) as i64, tape.below(1000) as i64);
        if !is_call {
            span.attributes = vec![attribute("http.request.method", "POST")];
        }
        span.trace_id = vec![trace; 16];
        let same: Vec<&Span> = spans.iter().filter(|other| other.trace_id == span.trace_id).collect();
        span.parent_span_id = match (same.is_empty(), trace) {
            (true, 1) => Vec::new(),
            (true, _) => vec![9; 8],
            (_, 1) if tape.chance(8) => Vec::new(),
            _ if tape.chance(15) => vec![8; 8],
            _ => same[tape.below(same.len())].span_id.clone(),
        };
        for keys in DIMENSIONS.map(|(_, keys)| keys) {
            for key in keys {
                if tape.chance(25) {
                    let value = ["ann", "bob", "eve", "joe", "kim", "lea", "max"][tape.below(7)];
                    span.attributes.push(attribute(key, value));
                }
            }
        }
        spans.push(span);
    }
    spans
}

fn said(span: &Span, keys: &[&str]) -> Option<(usize, String)> {
    keys.iter().enumerate().find_map(|(rank, key)| {
        let attribute = span.attributes.iter().find(|attribute| attribute.key == **key)?;
        let Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)) =
            attribute.value.as_ref()?.value.as_ref()
        else {
            return None;
        };
        Some((rank, text.clone()))
    })
}

/// What the calls of whole traces cost, and whose they are.
fn plain(spans: &[Span]) -> Totals {
    let mut totals = Totals::new();
    for call in spans.iter().filter(|span| span.attributes.iter().any(|it| it.key.starts_with("gen_ai"))) {
        let within = |other: &&Span| other.trace_id == call.trace_id;
        let mut above: Vec<&Span> = Vec::new();
        let mut parent = &call.parent_span_id;
        while let Some(next) = spans.iter().filter(within).find(|other| other.span_id == *parent) {
            above.push(next);
            parent = &next.parent_span_id;
        }
        let roots: Vec<&Span> =
            spans.iter().filter(within).filter(|other| other.parent_span_id.is_empty()).collect();
        // Of several nobody knows which stands above a span whose parent never came.
        if let [root] = roots[..] {
            above.push(root);
        }
        let root = roots.iter().min_by_key(|root| &root.span_id);
        let count = |key: &str| {
            let found = call.attributes.iter().find(|attribute| attribute.key == key);
            match found.and_then(|it| it.value.as_ref()).and_then(|it| it.value.as_ref()) {
                Some(opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue(count)) => *count,
                _ => 0,
            }
        };
        let (input, output) = (count("gen_ai.usage.input_tokens"), count("gen_ai.usage.output_tokens"));
        // $2.50 and $10 for a million.
        let money = i128::from(input) * 2_500_000 + i128::from(output) * 10_000_000;
        let mut of: Vec<(&str, String)> = DIMENSIONS
            .iter()
            .map(|(name, keys)| {
                let better = above.iter().filter_map(|span| said(span, keys)).min_by_key(|(rank, _)| *rank);
                (*name, said(call, keys).or(better).map_or(String::new(), |(_, value)| value))
            })
            .collect();
        of.push(("action", root.map_or(String::new(), |root| root.name.clone())));
        for (name, value) in of {
            let total = totals.entry((name.to_owned(), value)).or_default();
            *total = (total.0 + money, total.1 + 1, total.2 + input as u64);
        }
    }
    totals
}

/// The sums of all dimensions, settled and pending together; each must be the ledger's.
fn booked(ledger: &Ledger) -> Result<Totals, TestCaseError> {
    let (settled, pending) = ledger.books().tally();
    let mut totals = Totals::new();
    for name in ledger.dimensions() {
        let (mut sum, mut waiting) = <(Tally, Tally)>::default();
        for row in ledger.rows(&name, 0..u32::MAX).unwrap() {
            let row_settled = Tally { actions: 0, ..row.settled };
            (sum, waiting) = (row_settled.plus(&sum), row.pending.plus(&waiting));
            let all = row_settled.plus(&row.pending);
            if all != Tally::default() {
                totals.insert((name.clone(), row.value), (all.money.get(), all.calls, all.input));
            }
        }
        if (sum, waiting) != (settled, pending) {
            return Err(TestCaseError::fail(format!(
                "{name}: {sum:?} {waiting:?}\nnot {settled:?} {pending:?}"
            )));
        }
    }
    Ok(totals)
}

struct Bench {
    shared: Arc<Shared>,
    processor: Processor,
    ledger: Ledger,
}

impl Bench {
    fn new(catalog: &Arc<Catalog>, max_open_bytes: usize, max_values: usize) -> Self {
        let settings = Settings {
            max_open_bytes,
            attribution: Attribution::of_keys(&DIMENSIONS),
            ..Settings::default()
        };
        let shared = Arc::new(Shared::new(&settings, Arc::clone(catalog)));
        let names: Vec<&str> = shared.dimensions().iter().map(|it| &*it.name).collect();
        let ledger =
            Ledger::open(None, &names, &[], Limits { values: max_values, ..Limits::default() }).unwrap();
        Bench { processor: Processor::new(Arc::clone(&shared)), shared, ledger }
    }

    fn deliver(&mut self, spans: Vec<Span>) {
        let body = Bytes::from(request(spans).encode_to_vec());
        self.ledger.apply(&self.processor.process(body, Now::default()).unwrap().entries);
        if self.shared.open_traces().is_over_budget() {
            self.settle(|shared, settled| shared.open_traces().make_room(settled));
        }
    }

    fn settle(&mut self, due: impl FnOnce(&Shared, &mut Vec<pricetag::settlement::Settled>)) {
        let (mut settled, mut entries) = (Vec::new(), Entries::default());
        due(&self.shared, &mut settled);
        let mut restater = Restater::new(&self.shared, Now::default());
        for settled in &settled {
            restater.push(settled, &mut entries);
        }
        self.ledger.apply(&entries.take());
    }
}

/// In any order, in any portions.
pub(crate) fn portions(mut spans: Vec<Span>, tape: &mut Tape<'_>) -> Vec<Vec<Span>> {
    tape.shuffle(&mut spans);
    let mut portions = vec![Vec::new()];
    for span in spans {
        if tape.chance(50) {
            portions.push(Vec::new());
        }
        portions.last_mut().unwrap().push(span);
    }
    portions
}

/// Scenario: 3,000 pairs of traces, see [`traces`], their spans arriving in any order, in any portions.
/// Guarantees: in the end each call's money is whose a plain look at its whole trace finds it to be, whatever the order; at every
/// moment the sum over any dimension is the total, to the picodollar.
#[test]
fn money_is_whose_the_whole_trace_says() {
    let catalog = Arc::new(Catalog::embedded().clone());
    let moved = std::cell::Cell::new(0);
    tape::check(3_000, 300, |tape| {
        let mut tape = Tape::new(tape);
        let spans = traces(&mut tape);
        let mut expected = plain(&spans);
        let mut bench = Bench::new(&catalog, 1 << 26, 100);
        let portions = portions(spans, &mut tape);
        for portion in portions.clone() {
            bench.deliver(portion);
            booked(&bench.ledger)?;
        }
        let of_dimensions = |mut totals: Totals| {
            totals.retain(|(name, _), _| DIMENSIONS.iter().any(|it| it.0 == name) || name == "action");
            totals
        };
        let before = of_dimensions(booked(&bench.ledger)?);
        bench.settle(|shared, settled| shared.open_traces().settle_all(settled));
        let after = of_dimensions(booked(&bench.ledger)?);
        expected.retain(|_, total| *total != (0, 0, 0));
        if after != expected {
            let spans: String = portions.iter().map(|portion| format!("request {portion:#?}\n")).collect();
            return Err(TestCaseError::fail(format!("{spans}became {after:#?}\nnot {expected:#?}")));
        }
        let without_action = |totals: &Totals| {
            totals.iter().filter(|((name, _), _)| name != "action").map(|it| (it.0.clone(), *it.1)).collect()
        };
        let (before, after): (Totals, Totals) = (without_action(&before), without_action(&after));
        moved.set(moved.get() + u32::from(before != after));
        Ok(())
    });
    // The traffic must be worth the name.
    assert!(moved.get() > 500, "{moved:?}");
}

/// Scenario: a stream of such traces into a table that settles most of them early, and a ledger that knows four values of each dimension.
/// Guarantees: at every moment the sum over any dimension is the total to the picodollar, and in the end nothing is pending and the
/// total is what the calls cost.
#[test]
fn early_settlements_and_overflow_change_no_sum() {
    let catalog = Arc::new(Catalog::embedded().clone());
    let mut bench = Bench::new(&catalog, 1 << 13, MAX_VALUES);
    let mut total = 0;
    let seed: Vec<u8> =
        (0..120_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
    for (nth, tape) in seed.chunks(120).enumerate() {
        let mut tape = Tape::new(tape);
        let mut spans = traces(&mut tape);
        for span in &mut spans {
            span.trace_id[..8].copy_from_slice(&(nth as u64).to_be_bytes());
        }
        total +=
            plain(&spans).iter().filter(|((name, _), _)| name == "user").map(|(_, sum)| sum.0).sum::<i128>();
        for portion in portions(spans, &mut tape) {
            bench.deliver(portion);
        }
        booked(&bench.ledger).unwrap();
    }
    assert!(bench.shared.open_traces().size().early > 100);
    bench.settle(|shared, settled| shared.open_traces().settle_all(settled));
    booked(&bench.ledger).unwrap();
    bench.ledger.write().unwrap();
    booked(&bench.ledger).unwrap();
    let (settled, pending) = bench.ledger.books().total();
    assert_eq!((settled.get(), pending.get()), (total, 0));
    assert!(bench.ledger.books().folded_values().any(|(_, calls)| calls > 100));
}
