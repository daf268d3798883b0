//! Reports of one call that no ancestry relates.

use super::*;

/// Scenario: the SDK's own span lands in another trace than the instrumentation's, before it or after it, richer or
/// not, within the window or not; and twice the same by one instrumentation.
/// Guarantees: one call counts, the richer report if both traces are open; what comes too late or from the same
/// teller is another call.
#[test]
fn reports_in_other_traces_are_found_by_their_response_id() {
    let dup = Verdict::Duplicate { of: span(1) };
    for (first, second) in [(3, 3), (5, 3), (3, 5)] {
        let table = OpenTraces::new(10 * SECOND, 1 << 20);
        assert_eq!(judge(&table, 0, &[note(1, 1, 0, Some(0))], &[facts(1, first)]), [Verdict::Counts]);
        let later = judge(&table, 1, &[note(2, 2, 0, Some(0))], &[facts(2, second)]);
        let (now, changed) = if second > first {
            (Verdict::Counts, vec![(span(1), Verdict::Duplicate { of: span(2) })])
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
        let expected = if spans_first { vec![] } else { vec![(span(2), Verdict::Duplicate { of: span(1) })] };
        assert_eq!(changes, expected);
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
    assert_eq!(settled(&table), [(span(1), Verdict::Duplicate { of: span(2) })]);
}
