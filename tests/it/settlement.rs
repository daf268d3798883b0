//! Counting once, whatever the order in which spans arrive.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use pricetag::genai::call::{Ids, Role};
use pricetag::genai::found::SpanNote;
use pricetag::settlement::{Facts, Judged, OpenTraces, Verdict};
use proptest::test_runner::TestCaseError;

use crate::differential::tape::{self, Tape};

/// A span of the tree that a test makes up, and what should become of it in the end.
#[derive(Clone, Debug)]
struct Span {
    id: u8,
    parent: u8,
    facts: Option<Facts>,
    /// Number of the real call that it reports; containers and other spans report none.
    reports: Option<usize>,
}

fn id(number: u8) -> [u8; 8] {
    if number == 0 { [0; 8] } else { [number, 1, 1, 1, 1, 1, 1, 1] }
}

/// Final verdicts by span: `deliveries` are requests, in the order of their arrival.
fn final_verdicts(deliveries: &[Vec<Span>]) -> BTreeMap<[u8; 8], Verdict> {
    let table = OpenTraces::new(1_000, 1 << 24);
    let mut verdicts = BTreeMap::new();
    let mut settled = Vec::new();
    for (now, spans) in deliveries.iter().enumerate() {
        let mut calls = Vec::new();
        let mut notes = Vec::new();
        for span in spans {
            let call = span.facts.map(|facts| {
                calls.push((id(span.id), facts));
                calls.len() as u32 - 1
            });
            notes.push(SpanNote {
                ids: Ids { trace: [1; 16], span: id(span.id), parent: id(span.parent) },
                call,
            });
        }
        let mut judged = vec![Judged::ALONE; calls.len()];
        table.judge(now as u64, &notes, |n| calls[n as usize].1, &mut judged);
        for ((span, _), judged) in calls.iter().zip(judged) {
            assert!(judged.open);
            verdicts.insert(*span, judged.verdict);
        }
    }
    assert!(settled.is_empty());
    table.settle_all(&mut settled);
    for (span, verdict) in settled.into_iter().flat_map(|settled| settled.changes) {
        assert!(verdicts.insert(span, verdict).is_some_and(|before| before != verdict), "no change");
    }
    verdicts
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

/// A tree: plain spans, containers, and calls of which one to three spans report, each below the one before,
/// with plain spans between them by chance. `richness` is that of the nth of the reports of one call.
fn tree(tape: &mut Tape<'_>, richness: impl Fn(&mut Tape<'_>, usize) -> [u8; 3]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    // Where a new call or container may hang: not below another call, see `call`.
    let mut places = vec![0u8];
    let add = |spans: &mut Vec<Span>, parent, facts, reports| {
        let id = spans.len() as u8 + 1;
        spans.push(Span { id, parent, facts, reports });
        id
    };
    let call = Facts {
        role: Role::Call,
        scope: 0,
        kind: 3,
        response_id: 0,
        model: 1,
        input: 100,
        output: 20,
        richness: 1,
    };
    for number in 0..1 + tape.below(7) {
        let parent = tape.pick(&places);
        match tape.below(5) {
            0 => places.push(add(&mut spans, parent, None, None)),
            1 => {
                let facts = Facts { role: Role::Container, richness: tape.below(3) as u8, ..call };
                places.push(add(&mut spans, parent, Some(facts), None));
            }
            _ => {
                // Calls without a response id look all the same. So a call below the report of another one
                // has an id of its own: excluded are namesakes among ancestors, which nothing tells apart.
                let below_a_call = tape.chance(20) && !spans.is_empty();
                let named = below_a_call || tape.chance(50);
                let reports = 1 + tape.below(3);
                let rich = richness(tape, reports);
                let mut above = if below_a_call { spans[tape.below(spans.len())].id } else { parent };
                for (nth, &richness) in rich.iter().enumerate().take(reports) {
                    if tape.chance(20) {
                        above = add(&mut spans, above, None, None);
                    }
                    let facts = Facts {
                        scope: nth as u64 + 1,
                        response_id: if named { number as u64 + 1 } else { 0 },
                        model: if below_a_call { number as u64 + 2 } else { 1 },
                        richness,
                        ..call
                    };
                    above = add(&mut spans, above, Some(facts), Some(number));
                }
            }
        }
    }
    spans
}

/// What should come out, from the whole tree at once.
fn expected(spans: &[Span]) -> BTreeMap<[u8; 8], Verdict> {
    let is_below = |span: &Span, above: &Span| {
        let mut at = span.parent;
        while at != 0 && at != above.id {
            at = spans[usize::from(at) - 1].parent;
        }
        at == above.id
    };
    let verdict = |span: &Span, facts: &Facts| match span.reports {
        None => {
            let used = spans
                .iter()
                .any(|other| other.facts.is_some_and(|facts| facts.richness > 0) && is_below(other, span));
            if used { Verdict::Aggregate } else { Verdict::Counts }
        }
        Some(_) if facts.richness == 0 => Verdict::Counts,
        reports => {
            let richness = |span: &&Span| span.facts.unwrap().richness;
            let best = spans.iter().filter(|other| other.reports == reports).max_by_key(richness).unwrap();
            if best.id == span.id { Verdict::Counts } else { Verdict::Duplicate { of: id(best.id) } }
        }
    };
    spans.iter().filter_map(|span| Some((id(span.id), verdict(span, span.facts.as_ref()?)))).collect()
}

fn differ<T: std::fmt::Debug>(deliveries: &[Vec<Span>], ours: T, theirs: T) -> TestCaseError {
    let line = |span: &Span| {
        let facts = span.facts.map(|f| (f.role, f.scope, f.response_id, f.model, f.richness));
        format!("  {} below {}: {:?} {facts:?}\n", span.id, span.parent, span.reports)
    };
    let requests: String = deliveries
        .iter()
        .map(|request| "request\n".to_owned() + &request.iter().map(line).collect::<String>())
        .collect();
    TestCaseError::fail(format!("{requests}became {ours:?}\nnot {theirs:?}"))
}

/// Scenario: 10,000 traces of calls, each reported once, twice or three times along one branch, by reports of
/// different richness; containers around some of them; spans arriving in any order, in any portions.
/// Guarantees: the final verdicts are those of the whole tree, so the same for every order: of a call's
/// reports the richest counts and the others are its duplicates; a container counts when nothing below does.
/// Excluded: equally rich reports, where the one that was forwarded as counting goes on to count, so that
/// nothing need be taken back (see the next test); reports of one call that are not on one branch.
#[test]
fn final_verdicts_do_not_depend_on_the_order_of_arrival() {
    tape::check(10_000, 120, |tape| {
        let (shape, order) = tape.split_at(tape.len() / 2);
        let spans = tree(&mut Tape::new(shape), |tape, _| {
            let mut ranks = [1, 2, 3];
            tape.shuffle(&mut ranks);
            ranks
        });
        let deliveries = deliver(&spans, &mut Tape::new(order));
        let (ours, theirs) = (final_verdicts(&deliveries), expected(&spans));
        if ours == theirs { Ok(()) } else { Err(differ(&deliveries, ours, theirs)) }
    });
}

/// Scenario: as above, but reports may be equally rich, or a call's only report tells no usage.
/// Guarantees: of each call exactly one report counts, never none and never two.
#[test]
fn each_call_counts_exactly_once() {
    tape::check(10_000, 120, |tape| {
        let (shape, order) = tape.split_at(tape.len() / 2);
        let spans = tree(&mut Tape::new(shape), |tape, reports| match reports {
            1 => [tape.below(2) as u8; 3],
            _ => std::array::from_fn(|_| 1 + tape.below(2) as u8),
        });
        let deliveries = deliver(&spans, &mut Tape::new(order));
        let verdicts = final_verdicts(&deliveries);
        let mut counting: BTreeMap<usize, u32> = BTreeMap::new();
        for span in &spans {
            let Some(call) = span.reports else { continue };
            *counting.entry(call).or_default() += u32::from(verdicts[&id(span.id)] == Verdict::Counts);
        }
        let once = counting.keys().map(|call| (*call, 1)).collect();
        if counting == once { Ok(()) } else { Err(differ(&deliveries, counting, once)) }
    });
}

/// Scenario: fifty calls that look all the same side by side, and another instrumentation's report above one
/// or all of them, in any order and portions.
/// Guarantees: fifty count: one report stands for one call.
#[test]
fn fifty_equal_calls_are_fifty() {
    tape::check(500, 300, |tape| {
        let tape = &mut Tape::new(tape);
        let call = Facts {
            role: Role::Call,
            scope: 1,
            kind: 3,
            response_id: 0,
            model: 1,
            input: 100,
            output: 20,
            richness: 2,
        };
        let above = tape.chance(50).then_some(Facts { scope: 2, richness: 1 + tape.below(3) as u8, ..call });
        let mut spans = vec![Span { id: 1, parent: 0, facts: above, reports: None }];
        spans.extend((2..52).map(|id| Span { id, parent: 1, facts: Some(call), reports: None }));
        let deliveries = deliver(&spans, tape);
        let counting = final_verdicts(&deliveries).values().filter(|v| **v == Verdict::Counts).count();
        if counting == 50 { Ok(()) } else { Err(differ(&deliveries, counting, 50)) }
    });
}
