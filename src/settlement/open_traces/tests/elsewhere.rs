//! Reports of one call that no ancestry relates.

use super::*;

/// Scenario: the SDK's own span lands in another trace than the instrumentation's, before it or after it, richer or
/// not, within the window or not; and twice the same by one instrumentation.
/// Guarantees: one call counts, the richer report if both traces are open; what comes too late or from the same
/// teller is another call.
#[test]
fn reports_in_other_traces_are_found_by_their_response_id() {
    let dup = Verdict::Duplicate { of: Some(span(1)) };
    for (first, second) in [(3, 3), (5, 3), (3, 5)] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        assert_eq!(judge(&table, 0, &[note(1, 1, 0, Some(0))], &[facts(1, first)]), [Verdict::Counts]);
        let later = judge(&table, 1, &[note(2, 2, 0, Some(0))], &[facts(2, second)]);
        let (now, changed) = if second > first {
            (Verdict::Counts, vec![(span(1), Verdict::Duplicate { of: Some(span(2)) })])
        } else {
            (dup, vec![])
        };
        assert_eq!((later, settled(&table)), (vec![now], changed));
    }
    // The first has settled: it is booked for good, however poor it was. After the window they are two calls.
    for (wait, expected) in [(20 * SECOND, dup), (WINDOW + 1, Verdict::Counts)] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        judge(&table, 0, &[note(1, 1, 0, Some(0))], &[facts(1, 3)]);
        table.settle_idle(11 * SECOND, &mut Vec::new());
        assert_eq!(judge(&table, wait, &[note(2, 2, 0, Some(0))], &[facts(2, 5)]), [expected]);
        assert_eq!(settled(&table), []);
    }
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    let spans: Vec<_> = (0..50).map(|n| note(n + 1, n + 2, 0, Some(n.into()))).collect();
    assert_eq!(judge(&table, 0, &spans, &[facts(1, 3); 50]), [Verdict::Counts; 50]);
    assert_eq!(settled(&table), []);
}

/// Scenario: log events and spans of an instrumentation that sends both, whichever comes first.
/// Guarantees: an event and a span are one call, two events are two; of equally rich ones the span counts.
#[test]
fn log_events_and_spans_are_matched_one_to_one() {
    let span_of = Facts { event: 9, response_id: 0, ..facts(1, 3) };
    let event = Facts { is_event: true, ..span_of };
    for spans_first in [true, false] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        let spans = [note(1, 1, 0, Some(0))];
        let events = [note(2, 2, 0, Some(0)), note(3, 3, 0, Some(1))];
        if spans_first {
            judge(&table, 0, &spans, &[span_of]);
        }
        judge(&table, 1, &events, &[event, event]);
        if !spans_first {
            judge(&table, 2, &spans, &[span_of]);
        }
        let changes = settled(&table);
        let expected =
            if spans_first { vec![] } else { vec![(span(2), Verdict::Duplicate { of: Some(span(1)) })] };
        assert_eq!(changes, expected);
    }
}

/// Scenario: one call told of in two branches, equally richly: with what was cached, and with what was reasoning.
/// Guarantees: the same one counts in either order, and where the names differ, the one that says more.
#[test]
fn of_equally_rich_reports_the_same_counts_in_every_order() {
    let mut cached = facts(1, 3);
    cached.parts[0] = 1024;
    let mut thought = facts(2, 3);
    thought.parts[4] = 200;
    let (named, plain) = (Facts { asked: 1, ..facts(1, 3) }, facts(2, 3));
    for (one, other) in [(cached, thought), (named, plain)] {
        let counting = |first: usize| {
            let table = OpenTraces::new(10 * SECOND, 1 << 20);
            let calls = [(note(1, 1, 9, Some(0)), one), (note(1, 2, 8, Some(0)), other)];
            let mut counts = [false; 2];
            for nth in [first, 1 - first] {
                let (note, facts) = calls[nth];
                counts[nth] = judge(&table, 0, &[note], &[facts]) == [Verdict::Counts];
            }
            for (at, verdict) in settled(&table) {
                counts[usize::from(at[0]) - 1] = verdict == Verdict::Counts;
            }
            counts
        };
        assert_eq!(counting(0), counting(1));
        assert_eq!(counting(0).iter().filter(|it| **it).count(), 1);
        assert!(one.asked == 0 || counting(0)[0]);
    }
}

/// Scenario: a chain of which the one report that was seen elsewhere is poorer than the report there, and another is
/// richer; in any order.
/// Guarantees: the chain's richest counts.
#[test]
fn a_chain_competes_with_its_best_report() {
    let spans = [note(1, 1, 0, Some(0)), note(1, 2, 1, Some(0)), note(1, 3, 9, Some(0))];
    let calls = [facts(1, 3), Facts { response_id: 0, ..facts(2, 6) }, facts(3, 4)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        let mut counts = [false; 3];
        for nth in order {
            counts[nth] = judge(&table, 0, &[spans[nth]], &[calls[nth]]) == [Verdict::Counts];
        }
        for (at, verdict) in settled(&table) {
            counts[usize::from(at[0]) - 1] = verdict == Verdict::Counts;
        }
        assert_eq!(counts, [false, true, false], "{order:?}");
    }
}

/// Scenario: two calls that look the same, each told of by an instrumentation above an SDK, in any order.
/// Guarantees: two count.
#[test]
fn pairs_that_interleave_are_two_calls() {
    // Upper reports are 1 and 2, the lower ones 3 and 4; so many orders as there are.
    let spans = [1, 2, 3, 4].map(|n: u8| note(1, n, n.saturating_sub(2), Some(0)));
    for order in 0..256_usize {
        let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
        if (0..4).any(|nth| !order.contains(&nth)) {
            continue;
        }
        for (upper, lower) in [(3, 3), (3, 5), (5, 3)] {
            let table = OpenTraces::new(10 * SECOND, 1 << 20);
            let mut counts = [false; 4];
            for nth in order {
                let call = if nth < 2 { facts(1, upper) } else { facts(2, lower) };
                counts[nth] = judge(&table, 0, &[spans[nth]], &[call]) == [Verdict::Counts];
            }
            for (at, verdict) in settled(&table) {
                counts[usize::from(at[0]) - 1] = verdict == Verdict::Counts;
            }
            assert_eq!(counts.iter().filter(|it| **it).count(), 2, "{order:?}");
        }
    }
}

/// Scenario: an event tells the reasoning, which stands beside the output of the span.
/// Guarantees: they are one call all the same, and the event counts.
#[test]
fn an_event_may_tell_reasoning_that_a_span_does_not() {
    let span_of = Facts { event: 9, response_id: 0, output: 150, ..facts(1, 3) };
    let mut event = Facts { is_event: true, output: 350, richness: 4, ..span_of };
    event.parts[PARTS.iter().position(|part| *part == Bucket::Reasoning).unwrap()] = 200;
    let table = OpenTraces::new(10 * SECOND, 1 << 20);
    judge(&table, 0, &[note(1, 1, 0, Some(0))], &[span_of]);
    judge(&table, 1, &[note(2, 2, 0, Some(0))], &[event]);
    assert_eq!(settled(&table), [(span(1), Verdict::Duplicate { of: None })]);
}
