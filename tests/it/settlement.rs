//! Counting once, whatever the order in which spans arrive.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

pub(crate) mod money;
mod reference;
pub(crate) mod whose;

use std::collections::BTreeMap;

use pricetag::genai::call::{Call, Cloud, Ids, Known, Role};
use pricetag::genai::found::{Found, SpanNote};
use pricetag::genai::usage::{Bucket, Usage};
use pricetag::settlement::{Change, Facts, Judgement, OpenTraces, Settled, Told, Verdict};
use proptest::test_runner::TestCaseError;

use crate::differential::tape::{self, Tape};
use reference::Fate;

/// A span of the traces that a test makes up.
#[derive(Clone, Debug)]
struct Span {
    trace: u8,
    id: u8,
    parent: u8,
    facts: Option<Facts>,
}

fn id(number: u8) -> [u8; 8] {
    if number == 0 { [0; 8] } else { [number, 1, 1, 1, 1, 1, 1, 1] }
}

/// A call that tells what these facts are of; its models are called by their hashes.
fn tell(facts: &Facts) -> Told {
    let mut usage = Usage::NOTHING;
    (usage[Bucket::Input], usage[Bucket::Output]) = (facts.input, facts.output);
    let name = |hash: u64| if hash == 0 { String::new() } else { hash.to_string() };
    let (asked, served) = (name(facts.asked), name(facts.served));
    let call = Call {
        kind: facts.kind,
        end_unix_nano: 1,
        role: facts.role,
        model_asked: asked.as_str().into(),
        model_served: served.as_str().into(),
        usage: Known::Usage { usage, clamped: false },
        ..Call::default()
    };
    Told::of(&call, Cloud::default())
}

fn model(call: &Call<'_>) -> u64 {
    call.model().as_str().parse().unwrap_or(0)
}

/// What becomes of each report, and the tokens of no one model: `deliveries` are requests, in the order of arrival.
fn fates(deliveries: &[Vec<Span>]) -> (BTreeMap<u8, Fate>, u64) {
    let table = OpenTraces::new(1_000, 1 << 24);
    let mut fates = BTreeMap::new();
    let mut settled = Vec::new();
    let mut judgement = Judgement::default();
    for (now, spans) in deliveries.iter().enumerate() {
        let mut calls = Vec::new();
        let mut notes = Vec::new();
        for span in spans {
            let call = span.facts.map(|facts| {
                calls.push((span.id, facts));
                calls.len() as u32 - 1
            });
            let ids = Ids { trace: [span.trace; 16], span: id(span.id), parent: id(span.parent) };
            notes.push(SpanNote::new(ids, call));
        }
        judgement.reset(calls.len());
        let mut found = Found::default();
        found.spans = notes;
        table.judge(
            now as u64,
            &found,
            |_, _| {},
            |n| calls[n as usize].1,
            |n| tell(&calls[n as usize].1),
            &mut judgement,
        );
        for (nth, ((span, facts), judged)) in calls.iter().zip(&judgement.verdicts).enumerate() {
            assert!(judged.open);
            let told = tell(facts);
            let mut call = told.call();
            if let Some((_, names)) = judgement.lent.iter().find(|(to, _)| *to as usize == nth) {
                names.lend(&mut call);
            }
            fates.insert(*span, (judged.verdict, (facts.input, facts.output), model(&call)));
        }
    }
    table.settle_all(&mut settled);
    for Change { span, verdict, restated, .. } in
        settled.into_iter().flat_map(|Settled { changes, .. }| changes)
    {
        let fate = fates.get_mut(&span[0]).unwrap();
        assert!(fate.0 != verdict || restated.is_some(), "no change");
        fate.0 = verdict;
        if let Some(restated) = restated {
            fate.1 = (restated.usage.input_tokens(), restated.usage.output_tokens());
            fate.2 = model(&restated.call());
        }
    }
    (fates, table.size().unassigned_tokens)
}

/// In any order, in any portions.
fn deliver(spans: &[Span], tape: &mut Tape<'_>) -> Vec<Vec<Span>> {
    let mut spans = spans.to_vec();
    tape.shuffle(&mut spans);
    let mut deliveries = vec![Vec::new()];
    for span in spans {
        if tape.chance(40) {
            deliveries.push(Vec::new());
        }
        deliveries.last_mut().unwrap().push(span);
    }
    deliveries
}

/// Two traces of plain spans, agents with sums of any size and calls. Up to three spans report a call, each below the
/// one before, with plain spans between them by chance; some tell no usage, some no model, some no id. A call may be
/// told of once more in another branch or in the other trace. `ties`: reports may be equally rich; then no call is told of
/// elsewhere, where of equals that say the same the first counts and not the lowest.
fn traces(tape: &mut Tape<'_>, ties: bool) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let add = |spans: &mut Vec<Span>, (trace, parent), facts| {
        let id = spans.len() as u8 + 1;
        spans.push(Span { trace, id, parent, facts });
        (trace, id)
    };
    let place = |spans: &[Span], tape: &mut Tape<'_>| match tape.below(spans.len() + 2) {
        0 => (1, 0),
        1 => (2, 0),
        nth => (spans[nth - 2].trace, spans[nth - 2].id),
    };
    let mut ranks: Vec<u8> = (1..100).collect();
    for number in 0..1 + tape.below(8) {
        let mut at = place(&spans, tape);
        let kind = tape.below(6);
        if kind == 0 {
            add(&mut spans, at, None);
        } else if kind < 3 {
            let model = tape.below(3) as u64;
            let (input, output) = (tape.below(5) as u64 * 60, tape.below(4) as u64 * 20);
            let richness = if input + output == 0 { 0 } else { 1 };
            let (scope, served) = (9, model);
            let (role, names) = (Role::Container, model);
            add(
                &mut spans,
                at,
                Some(Facts { role, scope, served, names, input, output, richness, ..Facts::NOTHING }),
            );
        } else {
            let response_id = if tape.chance(60) { number as u64 + 1 } else { 0 };
            let (asked, served) = (1 + tape.below(2) as u64, 1 + tape.below(2) as u64);
            let (input, output) = (100 + 20 * tape.below(2) as u64, 20);
            let mut rank = |tape: &mut Tape<'_>| match ties {
                true => 1 + tape.below(2) as u8,
                false => ranks.remove(tape.below(ranks.len())),
            };
            for scope in 1..2 + tape.below(3) as u64 {
                if tape.chance(20) {
                    at = add(&mut spans, at, None);
                }
                let mut facts = Facts { scope, kind: 3, response_id, asked, served, ..Facts::NOTHING };
                if tape.chance(25) {
                    (facts.asked, facts.served) = if tape.chance(50) { (asked, 0) } else { (0, 0) };
                }
                facts.names = facts.asked * 10 + facts.served;
                if tape.chance(30) {
                    facts.response_id = 0;
                }
                if !tape.chance(20) {
                    (facts.input, facts.output, facts.richness) = (input, output, rank(tape));
                }
                at = add(&mut spans, at, Some(facts));
            }
            if response_id != 0 && !ties && tape.chance(30) {
                let (names, richness) = (asked * 10 + served, rank(tape));
                let facts = Facts { scope: 7, kind: 3, response_id, asked, served, names, ..Facts::NOTHING };
                let at = place(&spans, tape);
                add(&mut spans, at, Some(Facts { input, output, richness, ..facts }));
            }
        }
    }
    spans
}

fn differ<T: std::fmt::Debug>(deliveries: &[Vec<Span>], ours: T, theirs: T) -> TestCaseError {
    let line = |span: &Span| {
        let facts = span
            .facts
            .map(|f| (f.role, f.scope, f.response_id, (f.asked, f.served), (f.input, f.output), f.richness));
        format!("  {} of {} below {}: {facts:?}\n", span.id, span.trace, span.parent)
    };
    let requests: String = deliveries
        .iter()
        .map(|request| "request\n".to_owned() + &request.iter().map(line).collect::<String>())
        .collect();
    TestCaseError::fail(format!("{requests}became {ours:?}\nnot    {theirs:?}"))
}

/// Tokens that count, by model; what the table calls unassigned under a name of its own.
fn totals((fates, unassigned): &(BTreeMap<u8, Fate>, u64)) -> BTreeMap<u64, (u64, u64)> {
    let mut totals = BTreeMap::from([(u64::MAX, (*unassigned, 0))]);
    for (_, (input, output), model) in fates.values().filter(|fate| fate.0 == Verdict::Counts) {
        let total = totals.entry(*model).or_default();
        *total = (total.0 + input, total.1 + output);
    }
    totals.retain(|_, tokens| *tokens != (0, 0));
    totals
}

/// Scenario: 10,000 pairs of traces, see [`traces`]; spans arriving in any order, in any portions.
/// Guarantees: verdicts, tokens and models are in the end those that a plain look at all spans at once finds, so the
/// same for every order.
#[test]
fn the_end_does_not_depend_on_the_order_of_arrival() {
    tape::check(10_000, 300, |tape| {
        let (shape, order) = tape.split_at(tape.len() / 2);
        let spans = traces(&mut Tape::new(shape), false);
        let deliveries = deliver(&spans, &mut Tape::new(order));
        let ours = fates(&deliveries);
        let theirs = reference::fates(&spans);
        let final_of = |(fates, lost): &(BTreeMap<u8, Fate>, u64)| {
            // Which report of the call is named hangs on what settles first, if there are reports in several places.
            let kind = |verdict| if let Verdict::Duplicate { .. } = verdict { None } else { Some(verdict) };
            let fates = fates.iter().map(|(span, fate)| (*span, kind(fate.0))).collect::<Vec<_>>();
            (fates, *lost)
        };
        let same = final_of(&ours) == final_of(&theirs) && totals(&ours) == totals(&theirs);
        if same { Ok(()) } else { Err(differ(&deliveries, ours, theirs)) }
    });
}

/// Scenario: as above, with equally rich reports; two orders of each.
/// Guarantees: the tokens that count, and their models, are the same.
#[test]
fn ties_do_not_depend_on_the_order_of_arrival() {
    tape::check(10_000, 300, |tape| {
        let (shape, order) = tape.split_at(tape.len() / 2);
        let spans = traces(&mut Tape::new(shape), true);
        let deliveries = deliver(&spans, &mut Tape::new(order));
        let (ours, other) = (totals(&fates(&deliveries)), totals(&fates(&[spans])));
        if ours == other { Ok(()) } else { Err(differ(&deliveries, ours, other)) }
    });
}

/// Scenario: fifty calls that look all the same side by side, and another instrumentation's report above one
/// or all of them, in any order and portions.
/// Guarantees: fifty count: one report stands for one call.
#[test]
fn fifty_equal_calls_are_fifty() {
    tape::check(500, 300, |tape| {
        let tape = &mut Tape::new(tape);
        let (served, names, input, output) = (1, 1, 100, 20);
        let call = Facts { scope: 1, served, names, input, output, richness: 2, ..Facts::NOTHING };
        let above = tape.chance(50).then_some(Facts { scope: 2, richness: 1 + tape.below(3) as u8, ..call });
        let mut spans = vec![Span { trace: 1, id: 1, parent: 0, facts: above }];
        spans.extend((2..52).map(|id| Span { trace: 1, id, parent: 1, facts: Some(call) }));
        let deliveries = deliver(&spans, tape);
        let (fates, _) = fates(&deliveries);
        let counting = fates.values().filter(|fate| fate.0 == Verdict::Counts).count();
        if counting == 50 { Ok(()) } else { Err(differ(&deliveries, counting, 50)) }
    });
}
