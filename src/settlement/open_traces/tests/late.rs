//! What comes when the trace has settled already.

use super::*;

fn agent(calls: u64) -> Facts {
    let (input, output) = (1500 * calls, 350 * calls);
    Facts { role: Role::Container, response_id: 0, input, output, ..facts(9, 3) }
}

/// A call without an id: it is found by ancestry or not at all.
fn call() -> Facts {
    Facts { response_id: 0, ..facts(1, 3) }
}

/// What settling the idle traces changes.
fn idle(table: &OpenTraces, now: u64) -> Vec<Change> {
    let mut settled = Vec::new();
    table.settle_idle(now, &mut settled);
    settled.into_iter().flat_map(|settled| settled.changes).collect()
}

/// Scenario: agents that end when their calls have settled: after all of them, after some; nested; without any usage; with more
/// than the calls have shown; each alone, or with a span between that came in time or too late.
/// Guarantees: no token counts twice; what is left of a sum is counted as of no known model.
#[test]
fn an_agent_that_ends_late_counts_nothing_again() {
    let silent = Facts { richness: 0, ..agent(0) };
    // (the sums that come late, from the inner to the outer; calls in time, and late ones; tokens that are left)
    for (late, early, more, left) in [
        (vec![agent(1)], 1, 0, 0),
        (vec![agent(2)], 1, 1, 0),
        (vec![agent(3)], 1, 1, 1850),
        (vec![agent(1), agent(3)], 1, 2, 0),
        (vec![agent(2), agent(2)], 2, 0, 0),
        (vec![silent], 1, 0, 0),
    ] {
        for between in [None, Some(0), Some(15 * SECOND)] {
            let table = OpenTraces::new(10 * SECOND, 1 << 22);
            let innermost = 100 + late.len() as u8 - 1;
            let above = if between.is_some() { 50 } else { innermost };
            for nth in 0..early {
                assert_eq!(
                    judge(&table, 0, &[note(1, 1 + nth, above, Some(0))], &[call()]),
                    [Verdict::Counts]
                );
            }
            if between == Some(0) {
                judge(&table, 0, &[note(1, 50, innermost, None)], &[]);
            }
            assert_eq!(idle(&table, 10 * SECOND), []);
            if between.is_some_and(|at| at > 0) {
                judge(&table, 15 * SECOND, &[note(1, 50, innermost, None)], &[]);
                assert_eq!(idle(&table, 25 * SECOND), []);
            }
            for nth in 0..more {
                let late = note(1, 30 + nth, innermost, Some(0));
                assert_eq!(judge(&table, 40 * SECOND, &[late], &[call()]), [Verdict::Counts]);
            }
            for (nth, sum) in late.iter().enumerate() {
                let span = innermost - nth as u8;
                let above = if nth + 1 < late.len() { span - 1 } else { 0 };
                let verdicts = judge(&table, 41 * SECOND, &[note(1, span, above, Some(0))], &[*sum]);
                assert_eq!(verdicts, [Verdict::Aggregate], "{late:?} {between:?}");
            }
            assert_eq!(idle(&table, 60 * SECOND), [], "{late:?} {between:?}");
            assert_eq!(table.size().unassigned_tokens, left);
            // And once more above all of it.
            let sum = Facts { input: 1500 * 3, output: 350 * 3, ..agent(0) };
            let shown = left + (u64::from(early) + more as u64) * 1850;
            judge(&table, 70 * SECOND, &[note(1, 200, 0, Some(0))], &[sum]);
            assert_eq!(idle(&table, 90 * SECOND), []);
            assert_eq!(table.size().unassigned_tokens, left + 3 * 1850 - shown);
        }
    }
}

/// Scenario: the same, where the trace has settled early, for want of room.
/// Guarantees: the agent's sum does not count.
#[test]
fn an_agent_of_a_trace_that_settled_early_counts_nothing_again() {
    // Too little for what comes, and enough to remember all of it, whatever shard it falls into.
    let table = OpenTraces::new(10 * SECOND, 1 << 19);
    judge(&table, 0, &[note(0, 2, 1, Some(0))], &[call()]);
    let mut settled = Vec::new();
    for n in 1..100_u8 {
        for span in 1..100 {
            judge(&table, 1, &[note(n, span, 0, Some(0))], &[call()]);
        }
        if table.is_over_budget() {
            table.make_room(&mut settled);
        }
    }
    assert!(settled.iter().any(|it| it.trace == [0; 16]));
    assert_eq!(judge(&table, 2, &[note(0, 1, 0, Some(0))], &[agent(1)]), [Verdict::Aggregate]);
}

/// Scenario: turns of a long conversation in one trace, a minute apart, each below the session's span: an agent with its
/// calls, a remote one without any, a call alone, the agent again.
/// Guarantees: a turn is no part of another, each counts as if it were alone.
#[test]
fn turns_of_a_session_count_each() {
    let table = OpenTraces::new(10 * SECOND, 1 << 22);
    let mut changes = Vec::new();
    let mut turn = |at: u64, spans: &[SpanNote], calls: &[Facts]| {
        let verdicts = judge(&table, at * SECOND, spans, calls);
        changes.extend(idle(&table, (at + 20) * SECOND));
        verdicts
    };
    let (call_at, agent_at) = (|n| note(1, n, n - 1, Some(0)), |n| note(1, n, 1, Some(1)));
    for (at, n) in [(0, 11), (180, 31)] {
        let verdicts = turn(at, &[call_at(n), agent_at(n - 1)], &[call(), agent(1)]);
        assert_eq!(verdicts, [Verdict::Counts, Verdict::Aggregate]);
        let remote = [note(1, n + 1, 1, Some(0))];
        assert_eq!(turn(at + 60, &remote, &[agent(5)]), [Verdict::Counts]);
        assert_eq!(turn(at + 120, &[note(1, n + 2, 1, Some(0))], &[call()]), [Verdict::Counts]);
    }
    // In the end the session itself, with the sum of all.
    assert_eq!(turn(400, &[note(1, 1, 0, Some(0))], &[agent(14)]), [Verdict::Aggregate]);
    assert_eq!((changes, table.size().unassigned_tokens), (vec![], 0));
}

/// Scenario: a trace settles, gets another call minutes later and settles again; one never settled before; one settled when all that it had
/// was a call that failed.
/// Guarantees: only the second settlements say that it is the same action.
#[test]
fn a_trace_that_settles_again_is_the_same_action() {
    let table = OpenTraces::new(10 * SECOND, 1 << 22);
    let mut again = Vec::new();
    let failed = || Facts { input: 0, output: 0, ..call() };
    for (at, trace, call) in
        [(0, 1, call()), (100, 1, call()), (200, 2, call()), (230, 3, failed()), (245, 3, call())]
    {
        judge(&table, at * SECOND, &[note(trace, at as u8, 9, Some(0))], &[call]);
        let mut settled = Vec::new();
        table.settle_idle((at + 10) * SECOND, &mut settled);
        again.extend(settled.into_iter().map(|settled| settled.again));
    }
    assert_eq!(again, [false, true, false, false, true]);
}

/// Scenario: a trace that has a call every five seconds for three hours and a half, and then the agent above with the sum of all.
/// Guarantees: it settles once an hour, as one action, though it is never silent; the sum counts nothing again, though it has settled long ago.
#[test]
fn a_trace_that_never_rests_settles() {
    let table = OpenTraces::new(10 * SECOND, 1 << 22);
    const BEGIN: u64 = 3600;
    let mut settled = Vec::new();
    let calls = 210 * 60 / 5;
    for nth in 0..calls {
        let now = (BEGIN + nth * 5) * SECOND;
        let mut call_at = note(1, 0, 1, Some(0));
        call_at.ids.span = (1000 + nth).to_be_bytes();
        assert_eq!(judge(&table, now, &[call_at], &[call()]), [Verdict::Counts]);
        table.settle_idle(now, &mut settled);
        assert_eq!(settled.len() as u64, (nth * 5 + 5) / 3615, "after {} s", nth * 5);
    }
    assert_eq!(settled.iter().map(|it| it.again).collect::<Vec<_>>(), [false, true, true]);
    let end = (BEGIN + calls * 5) * SECOND;
    assert_eq!(judge(&table, end, &[note(1, 1, 0, Some(0))], &[agent(calls)]), [Verdict::Aggregate]);
    table.settle_idle(end + 10 * SECOND, &mut settled);
    assert_eq!((settled.len(), table.size().traces, table.size().unassigned_tokens), (4, 0, 0));
    assert!(settled.iter().all(|it| it.changes.is_empty()));
}

/// Scenario: a disk takes nothing for a minute, in which a sender that has no answer can not come again.
/// Guarantees: what it sends when the disk has room again is what has come already, until that is as long ago as a trace is open.
#[test]
fn nothing_settles_while_senders_have_no_answer() {
    let table = OpenTraces::new(10 * SECOND, 1 << 22);
    let call = || judge(&table, 0, &[note(1, 1, 0, Some(0))], &[facts(1, 3)]);
    assert_eq!(call(), [Verdict::Counts]);
    for second in 1..=60 {
        table.hold(second * SECOND);
        assert_eq!(idle(&table, second * SECOND), []);
    }
    assert_eq!(idle(&table, 70 * SECOND - 1), []);
    assert!(table.has_calls(&[1; 16]), "it is open");
    idle(&table, 70 * SECOND);
    assert!(!table.has_calls(&[1; 16]), "it has settled");
}
