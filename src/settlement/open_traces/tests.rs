//! Judging and settling, case by case.

use super::*;
use crate::genai::call::{Ids, Role};

const SECOND: u64 = 1_000_000_000;

fn note(trace: u8, span: u8, parent: u8, call: Option<u32>) -> SpanNote {
    let id = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
    SpanNote { ids: Ids { trace: [trace; 16], span: id(span), parent: id(parent) }, call }
}

fn facts(scope: u64, richness: u8) -> Facts {
    let role = Role::Call;
    Facts { role, scope, kind: 3, response_id: 7, model: 1, input: 1500, output: 350, richness }
}

fn judge(table: &OpenTraces, now: u64, spans: &[SpanNote], calls: &[Facts]) -> Vec<Verdict> {
    let mut verdicts = vec![Judged::ALONE; calls.len()];
    table.judge(now, spans, |n| calls[n as usize], &mut verdicts);
    verdicts.into_iter().map(|judged| judged.verdict).collect()
}

fn settled(table: &OpenTraces) -> Vec<([u8; 8], Verdict)> {
    let mut settled = Vec::new();
    table.settle_all(&mut settled);
    assert_eq!(table.size(), (0, 0), "everything is forgotten");
    settled.into_iter().flat_map(|settled| settled.changes).collect()
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
    let dup = Verdict::Duplicate { of: span(2) };
    assert_eq!(judge(&table, 0, &spans, &calls), [Verdict::Counts, dup, dup, Verdict::Counts]);
    assert_eq!(settled(&table), []);
}

/// Scenario: the poorer report was forwarded as counting; the richer one comes in a later request.
/// Guarantees: never both at once; at settlement the richer one counts.
#[test]
fn settlement_prefers_the_richer_report_that_came_later() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    assert_eq!(judge(&table, 0, &[note(1, 2, 1, Some(0))], &[facts(1, 5)]), [Verdict::Counts]);
    let dup = Verdict::Duplicate { of: span(2) };
    assert_eq!(judge(&table, 1, &[note(1, 1, 0, Some(0))], &[facts(2, 6)]), [dup]);
    let mut changes = settled(&table);
    changes.sort_by_key(|change| change.0);
    assert_eq!(changes, [(span(1), Verdict::Counts), (span(2), Verdict::Duplicate { of: span(1) })]);
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

/// Scenario: a million traces against a budget of 1 MiB, then a flood into one.
/// Guarantees: the budget holds, the oldest settle, idle ones settle by time.
#[test]
fn the_table_is_bounded() {
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let mut all = Vec::new();
    for n in 0..100_000u32 {
        let mut note = note(0, 1, 0, Some(0));
        note.ids.trace[..4].copy_from_slice(&(n + 1).to_le_bytes());
        table.judge(u64::from(n), &[note], |_| facts(1, 3), &mut [Judged::ALONE]);
        if table.is_over_budget() {
            table.make_room(&mut all);
        }
    }
    let (open, bytes) = table.size();
    assert!(bytes <= 1 << 20, "{bytes}");
    assert_eq!(open + all.len(), 100_000);
    table.settle_idle(10 * SECOND + 200_000, &mut all);
    assert_eq!((table.size(), all.len()), ((0, 0), 100_000));
}

#[test]
fn cycles_and_depth_end() {
    let table = OpenTraces::new(10 * SECOND, 1 << 26);
    let circle = [note(1, 1, 2, Some(0)), note(1, 2, 1, Some(1)), note(1, 3, 3, Some(2))];
    judge(&table, 0, &circle, &[facts(1, 3), facts(2, 3), facts(3, 3)]);
    let deep: Vec<_> = (1..10_000u64)
        .map(|n| SpanNote {
            ids: Ids { trace: [9; 16], span: n.to_le_bytes(), parent: (n + 1).to_le_bytes() },
            call: Some(n as u32 - 1),
        })
        .collect();
    judge(&table, 0, &deep, &vec![facts(1, 3); deep.len()]);
    settled(&table);
}

/// A span that is no call must stay cheap: 64 MiB are to hold more than a million of them.
#[test]
fn a_span_costs_at_most_48_bytes() {
    const { assert!(NODE_BYTES <= 48) };
}
