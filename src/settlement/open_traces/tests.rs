//! Judging and settling, case by case.

mod elsewhere;
mod late;

use super::super::tree::NODE_BYTES;
use super::super::{Change, PARTS, Verdict, WINDOW};
use super::*;
use crate::genai::call::{Call, Cloud, Ids, Known, Role};
use crate::genai::usage::{Bucket, Usage};

const SECOND: u64 = 1_000_000_000;

fn note(trace: u8, span: u8, parent: u8, call: Option<u32>) -> SpanNote {
    let id = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
    let ids = Ids { trace: [trace; 16], span: id(span), parent: id(parent) };
    SpanNote::new(ids, call)
}

fn found(spans: &[SpanNote]) -> Found<'static> {
    let mut found = Found::default();
    found.spans = spans.to_vec();
    found
}

fn facts(scope: u64, richness: u8) -> Facts {
    let (response_id, served, names, input, output) = (7, 1, 1, 1500, 350);
    Facts { scope, kind: 3, response_id, served, names, input, output, richness, ..Facts::NOTHING }
}

/// A call that tells what these facts are of; its models are called by their hashes.
fn tell(facts: &Facts) -> Told {
    let mut usage = Usage::NOTHING;
    (usage[Bucket::Input], usage[Bucket::Output]) = (facts.input, facts.output);
    let asked = if facts.asked == 0 { String::new() } else { facts.asked.to_string() };
    let served = if facts.served == 0 { String::new() } else { facts.served.to_string() };
    let call = Call {
        role: facts.role,
        model_asked: asked.as_str().into(),
        model_served: served.as_str().into(),
        usage: Known::Usage { usage, clamped: false },
        ..nothing()
    };
    Told::of(&call, Cloud::default())
}

fn nothing<'a>() -> Call<'a> {
    Call { kind: 3, end_unix_nano: 1, ..Call::default() }
}

fn judge(table: &OpenTraces, now: u64, spans: &[SpanNote], calls: &[Facts]) -> Vec<Verdict> {
    let mut judgement = Judgement::default();
    judgement.reset(calls.len());
    table.judge(
        now,
        &found(spans),
        |_, _| {},
        |n| calls[n as usize],
        |n| tell(&calls[n as usize]),
        &mut judgement,
    );
    judgement.verdicts.into_iter().map(|judged| judged.verdict).collect()
}

fn all_changes(table: &OpenTraces) -> Vec<Change> {
    let mut settled = Vec::new();
    table.settle_all(&mut settled);
    let Size { traces, spans, bytes, .. } = table.size();
    // Names without a call may be kept for the next one.
    assert!((traces, spans) == (0, 0) && bytes < 100_000, "everything is forgotten: {bytes}");
    settled.into_iter().flat_map(|settled| settled.changes).collect()
}

fn settled(table: &OpenTraces) -> Vec<([u8; 8], Verdict)> {
    all_changes(table).into_iter().map(|change| (change.span, change.verdict)).collect()
}

fn span(n: u8) -> [u8; 8] {
    note(0, n, 0, None).ids.span
}

/// Scenario: an SDK's own span below an instrumentation's, the SDK's telling more, child first.
/// Guarantees: the richer one counts, in either order within a request.
#[test]
fn of_two_reports_in_one_request_the_richer_counts() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let spans =
        [note(1, 2, 1, Some(0)), note(1, 1, 0, Some(1)), note(2, 1, 0, Some(2)), note(2, 2, 1, Some(3))];
    let calls = [facts(1, 6), facts(2, 5), facts(2, 5), facts(1, 6)];
    let dup = Verdict::Duplicate { of: Some(span(2)) };
    assert_eq!(judge(&table, 0, &spans, &calls), [Verdict::Counts, dup, dup, Verdict::Counts]);
    assert_eq!(settled(&table), []);
}

/// Scenario: the poorer report was forwarded as counting; the richer one comes in a later request.
/// Guarantees: never both at once; at settlement the richer one counts.
#[test]
fn settlement_prefers_the_richer_report_that_came_later() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    assert_eq!(judge(&table, 0, &[note(1, 2, 1, Some(0))], &[facts(1, 5)]), [Verdict::Counts]);
    let dup = Verdict::Duplicate { of: Some(span(2)) };
    assert_eq!(judge(&table, 1, &[note(1, 1, 0, Some(0))], &[facts(2, 6)]), [dup]);
    let mut changes = settled(&table);
    changes.sort_by_key(|change| change.0);
    assert_eq!(changes, [(span(1), Verdict::Counts), (span(2), Verdict::Duplicate { of: Some(span(1)) })]);
}

/// Scenario: fifty identical calls side by side, and two below one report without response ids.
/// Guarantees: no relation, no duplicate; one report stands for one call only.
#[test]
fn equal_calls_are_not_duplicates_without_a_relation() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let spans: Vec<_> = (0..50).map(|n| note(1, n + 2, 1, Some(n.into()))).collect();
    let verdicts = judge(&table, 0, &spans, &[facts(1, 3); 50]);
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Counts));

    let nameless = |scope| Facts { response_id: 0, ..facts(scope, 3) };
    let spans = [note(2, 2, 1, Some(0)), note(2, 3, 1, Some(1)), note(2, 1, 0, Some(2))];
    let verdicts = judge(&table, 0, &spans, &[nameless(1), nameless(1), nameless(2)]);
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Counts).count(), 2);
}

/// Scenario: an agent span that repeats its calls, before them and after them; a remote one without calls.
/// Guarantees: it counts only while nothing below it is known.
#[test]
fn containers_give_way_to_the_calls_below_them() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let agent = Facts { role: Role::Container, response_id: 0, ..facts(1, 3) };
    assert_eq!(judge(&table, 0, &[note(1, 1, 0, Some(0))], &[agent]), [Verdict::Counts]);
    // The call hangs below a span that is none, and that comes later still.
    assert_eq!(judge(&table, 1, &[note(1, 3, 2, Some(0))], &[facts(1, 3)]), [Verdict::Counts]);
    judge(&table, 2, &[note(1, 2, 1, None)], &[]);
    let spans = [note(2, 2, 1, Some(0)), note(2, 1, 0, Some(1))];
    assert_eq!(judge(&table, 3, &spans, &[facts(1, 3), agent]), [Verdict::Counts, Verdict::Aggregate]);
    assert_eq!(settled(&table), [(span(1), Verdict::Aggregate)]);
}

/// Scenario: a hundred thousand traces against a budget of 1 MiB.
/// Guarantees: the budget holds, the oldest settle, idle ones settle by time.
#[test]
fn the_table_is_bounded() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let mut all = Vec::new();
    for n in 0..100_000u32 {
        let mut note = note(0, 1, 0, Some(0));
        note.ids.trace[..4].copy_from_slice(&(n + 1).to_le_bytes());
        judge(&table, u64::from(n), &[note], &[facts(1, 3)]);
        if table.is_over_budget() {
            table.make_room(&mut all);
        }
    }
    let size = table.size();
    assert!(size.bytes <= 1 << 20, "{size:?}");
    assert_eq!(size.traces + all.len(), 100_000);
    assert_eq!(size.early as usize, all.len());
    table.settle_idle(10 * SECOND + 200_000, &mut all);
    assert_eq!((table.size().traces, all.len()), (0, 100_000));
}

/// Scenario: one trace of 7 MiB after another in a table of 16 MiB that is else empty, and small ones that are younger.
/// Guarantees: it does not settle early, for a trace may take what the others do not need; in the end the oldest gives way.
#[test]
fn one_trace_may_take_what_others_leave() {
    let table = OpenTraces::new(10 * SECOND, 1 << 24);
    let mut settled = Vec::new();
    let call = |trace: u8, n: u64| {
        let ids = Ids { trace: [trace; 16], span: n.to_le_bytes(), parent: 1u64.to_le_bytes() };
        SpanNote::new(ids, Some(0))
    };
    let mut bytes = 0;
    for trace in 1..=2 {
        while bytes < usize::from(trace) * (7 << 20) {
            for n in 2..1000 {
                let n = n + bytes as u64 * 1000;
                judge(&table, trace.into(), &[call(trace, n)], &[Facts { response_id: 0, ..facts(1, 3) }]);
            }
            judge(&table, 3, &[note(9, 9, 0, Some(0))], &[facts(1, 3)]);
            if table.is_over_budget() {
                table.make_room(&mut settled);
                break;
            }
            bytes = table.size().bytes;
        }
        let early: Vec<u8> = settled.iter().map(|it| it.trace[0]).collect();
        assert_eq!(early, if trace == 1 { vec![] } else { vec![1] });
    }
}

/// Scenario: an agent's sum above two of its three calls; one that names another model; one that names none.
/// Guarantees: what no call shows counts once, at the model that is known; what is of no known model is counted as that.
#[test]
fn of_a_sum_only_what_no_call_shows_counts() {
    let agent = Facts {
        role: Role::Container,
        input: 4500,
        output: 1050,
        parts: [3000, 0, 0, 0, 0, 0],
        response_id: 0,
        ..facts(9, 3)
    };
    let call = Facts { parts: [1000, 0, 0, 0, 0, 0], ..facts(1, 3) };
    let spans = |agent_first: bool| {
        let mut spans = vec![note(1, 2, 1, Some(0)), note(1, 3, 1, Some(1)), note(1, 1, 0, Some(2))];
        spans.rotate_right(usize::from(agent_first));
        spans
    };
    for (named, other, first) in [(true, false, true), (false, false, false), (true, true, true)] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        let agent = match (named, other) {
            (true, false) => agent,
            (true, true) => Facts { served: 5, names: 5, ..agent },
            _ => Facts { served: 0, names: 0, ..agent },
        };
        judge(&table, 0, &spans(first), &[call, Facts { response_id: 8, ..call }, agent]);
        let changes = all_changes(&table);
        if other {
            assert_eq!((changes.len(), table.size().unassigned_tokens), (0, 1500 + 350));
            continue;
        }
        let [Change { span: at, verdict: Verdict::Counts, restated: Some(restated), .. }] = &changes[..]
        else {
            panic!("{changes:?}")
        };
        assert_eq!(*at, span(1));
        let usage: Vec<_> = restated.usage.iter().collect();
        assert_eq!(usage, [(Bucket::Input, 500), (Bucket::CacheRead, 1000), (Bucket::Output, 350)]);
        assert_eq!((restated.names.is_none(), restated.call().model().as_str()), (named, "1"));
    }
}

/// Scenario: a call that names no model below an agent that does, in one request, child first, and parent first.
/// Guarantees: it is lent the agent's model at once where that is known, else when the trace settles.
#[test]
fn a_nameless_call_takes_the_model_above_it() {
    let agent = Facts { role: Role::Container, response_id: 0, ..facts(9, 3) };
    let nameless = Facts { served: 0, names: 0, ..facts(1, 3) };
    let (child, parent) = (note(1, 3, 2, Some(0)), note(1, 1, 0, Some(0)));
    let between = note(1, 2, 1, None);
    for late in [false, true] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        if !late {
            judge(&table, 0, &[parent, between], &[agent]);
        }
        let mut judgement = Judgement::default();
        judgement.reset(1);
        table.judge(
            1,
            &found(&[child, between]),
            |_, _| {},
            |_| nameless,
            |_| tell(&nameless),
            &mut judgement,
        );
        let lent: Vec<_> = judgement.lent.iter().map(|(call, names)| (*call, &*names.served)).collect();
        assert_eq!(lent, if late { vec![] } else { vec![(0, &b"1"[..])] });
        if late {
            judge(&table, 2, &[parent], &[agent]);
        }
        let changes = all_changes(&table);
        let named: Vec<_> = changes
            .iter()
            .filter_map(|change| {
                Some((change.span, change.restated.as_ref()?.call().model().as_str().to_owned()))
            })
            .collect();
        assert_eq!(named, if late { vec![(span(3), "1".to_owned())] } else { vec![] });
    }
}

/// Scenario: a streamed call that two instrumentations see, of which one, or none, learns the usage.
/// Guarantees: it is one call.
#[test]
fn a_silent_report_is_no_call_of_its_own() {
    for (upper, lower) in [(0, 3), (3, 0), (0, 0)] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        let report =
            |scope, richness| Facts { response_id: 0, asked: 4, served: 0, ..facts(scope, richness) };
        let spans = [note(1, 2, 1, Some(0)), note(1, 1, 0, Some(1))];
        let verdicts = judge(&table, 0, &spans, &[report(1, lower), report(2, upper)]);
        let counts = if upper > lower { 1 } else { 0 };
        assert_eq!(verdicts[counts], Verdict::Counts);
        assert_eq!(verdicts[1 - counts], Verdict::Duplicate { of: Some(span(2 - counts as u8)) });
        assert_eq!(settled(&table), []);
    }
}

/// Scenario: two agents in one trace, below a third that sums up both; one call of the first is told of by another
/// instrumentation below the second.
/// Guarantees: for the sum above both, the call has been shown once.
#[test]
fn a_call_in_two_branches_is_shown_once() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let agent = |input| Facts { role: Role::Container, response_id: 0, input, ..facts(9, 3) };
    let mut spans = vec![
        note(1, 1, 0, Some(0)),
        note(1, 2, 1, Some(1)),
        note(1, 3, 1, Some(2)),
        note(1, 4, 2, Some(3)),
        note(1, 5, 3, Some(4)),
    ];
    let calls = [agent(2000), agent(1500), agent(1500), facts(1, 3), facts(2, 3)];
    for _ in 0..spans.len() {
        spans.rotate_left(1);
        judge(&table, 0, &spans, &calls);
        let changes = all_changes(&table);
        let restated: Vec<_> = changes.iter().filter_map(|change| change.restated.as_ref()).collect();
        assert_eq!(restated.iter().map(|it| it.usage[Bucket::Input]).collect::<Vec<_>>(), [500]);
    }
}

/// Scenario: spans that are their own ancestors; 20,000 calls below each other, and as many containers.
/// Guarantees: settling ends, soon.
#[test]
fn cycles_and_depth_end() {
    let table = OpenTraces::new(10 * SECOND, 1 << 30);
    let circle = [note(1, 1, 2, Some(0)), note(1, 2, 1, Some(1)), note(1, 3, 3, Some(2))];
    judge(&table, 0, &circle, &[facts(1, 3), facts(2, 3), facts(3, 3)]);
    let deep: Vec<_> = (1..20_000u64)
        .map(|n| {
            let ids = Ids { trace: [9; 16], span: n.to_le_bytes(), parent: (n + 1).to_le_bytes() };
            SpanNote::new(ids, Some(n as u32 - 1))
        })
        .collect();
    for role in [Role::Call, Role::Container] {
        judge(&table, 0, &deep, &vec![Facts { role, ..facts(1, 3) }; deep.len()]);
        settled(&table);
    }
}

/// Scenario: an agent with 100,000 calls below it that are told of before it and after it.
/// Guarantees: what they have not shown, and nothing else, counts for the agent.
#[test]
fn a_large_trace_is_settled_as_a_whole() {
    let table = OpenTraces::new(10 * SECOND, 1 << 30);
    let call = |n: u64| {
        let ids = Ids { trace: [9; 16], span: n.to_le_bytes(), parent: 1u64.to_le_bytes() };
        SpanNote::new(ids, Some(0))
    };
    let sum = Facts { role: Role::Container, input: 1500 * 99_999, output: 350 * 99_998, ..facts(9, 3) };
    for n in 2..100_000 {
        judge(&table, 0, &[call(n)], &[Facts { response_id: 0, ..facts(1, 3) }]);
    }
    let agent = SpanNote::new(Ids { parent: [0; 8], ..call(1).ids }, Some(0));
    assert_eq!(judge(&table, 0, &[agent], &[sum]), [Verdict::Aggregate]);
    let changes = all_changes(&table);
    assert_eq!(changes.len(), 1);
    let usage: Vec<_> = changes[0].restated.as_ref().unwrap().usage.iter().collect();
    assert_eq!(usage, [(Bucket::Input, 1500)]);
}

/// A span that is no call must stay cheap: 64 MiB are to hold more than a million of them.
#[test]
fn a_span_costs_at_most_48_bytes() {
    const { assert!(NODE_BYTES <= 48) };
}
