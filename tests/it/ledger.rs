//! The ledger's books, under any interleaving.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use pricetag::booking::{Booking, Counted, Entries};
use pricetag::ledger::Ledger;
use pricetag::otlp::view::Text;
use pricetag::pricing::{Picodollars, Status};
use proptest::test_runner::TestCaseError;

use crate::differential::tape::{self, Tape};

const VERDICTS: [Counted; 3] = [Counted::Here, Counted::AsDuplicate, Counted::AsAggregate];

/// What the test remembers of a booking.
#[derive(Debug)]
struct Kept {
    trace: u8,
    span: u8,
    open: bool,
    verdict: Counted,
    money: i128,
    input: u64,
    model: usize,
}

fn counting<'k>(kept: impl IntoIterator<Item = &'k Kept>) -> i128 {
    kept.into_iter().filter(|kept| kept.verdict == Counted::Here).map(|kept| kept.money).sum()
}

/// Scenario: 3,000 histories of up to a hundred entries in records of any length: bookings of six traces, open
/// or alone, of every verdict, with known and unknown money of either sign, in more series than there may be;
/// settlements between them that confirm, void or restore, of traces that reopen later or that are unknown.
/// Guarantees: after each record settled and pending money are what a plain list adds up to; when all traces
/// have settled nothing is pending, in no series, and tokens and calls are as many as were booked.
/// Excluded: a settlement that comes before a booking of the trace it settles. The intake's lock keeps that
/// order; a booking that came after would stay pending until its trace settles again.
#[test]
fn settled_and_pending_are_the_sum_of_all_bookings() {
    tape::check(3_000, 700, |tape| {
        let tape = &mut Tape::new(tape);
        let ledger = Ledger::new(3, Some(0));
        let (mut kept, mut entries): (Vec<Kept>, _) = (Vec::new(), Entries::default());
        for _ in 0..tape.below(100) {
            if tape.chance(25) {
                settle(1 + tape.byte() % 7, &mut kept, &mut entries, tape);
            } else {
                book(&mut kept, &mut entries, tape);
            }
            if tape.chance(50) {
                ledger.apply(&entries.take());
                check(&ledger, &kept)?;
            }
        }
        for trace in 1..8 {
            settle(trace, &mut kept, &mut entries, tape);
        }
        ledger.apply(&entries.take());
        check(&ledger, &kept)?;
        finished(&ledger, &kept)
    });
}

fn book(kept: &mut Vec<Kept>, entries: &mut Entries, tape: &mut Tape<'_>) {
    let booked = Kept {
        trace: 1 + tape.byte() % 6,
        span: tape.byte() % 9,
        open: tape.chance(80),
        verdict: tape.pick(&VERDICTS),
        money: i128::from(tape.u64() as i64) << tape.below(20),
        input: tape.byte().into(),
        model: tape.below(6),
    };
    // A booking that is open belongs to a trace; others may lack ids.
    let nameless = !booked.open && tape.chance(30);
    let money = if tape.chance(15) { None } else { Some(Picodollars::new(booked.money)) };
    let (trace, span) = ([booked.trace; 16], [booked.span; 8]);
    entries.push_booking(&Booking {
        trace: if nameless { &[] } else { &trace },
        span: if nameless { &[] } else { &span },
        open: booked.open,
        verdict: booked.verdict,
        status: if money.is_some() { Status::Priced } else { Status::NoUsage },
        money,
        input: booked.input,
        model_served: ["a", "b", "c", "d", "e", "f"][booked.model].into(),
        ..Booking::default()
    });
    kept.push(Kept { money: money.map_or(0, Picodollars::get), ..booked });
}

fn settle(trace: u8, kept: &mut [Kept], entries: &mut Entries, tape: &mut Tape<'_>) {
    let spans: BTreeSet<u8> = kept.iter().filter(|kept| kept.trace == trace).map(|kept| kept.span).collect();
    let mut changes = Vec::new();
    for span in spans {
        if tape.chance(40) {
            changes.push((span, tape.pick(&VERDICTS)));
        }
    }
    for booked in kept.iter_mut().filter(|booked| booked.open && booked.trace == trace) {
        booked.open = false;
        if let Some((_, verdict)) = changes.iter().find(|(span, _)| *span == booked.span) {
            booked.verdict = *verdict;
        }
    }
    entries.push_settlement(&[trace; 16], Text::default(), &[], |record| {
        for (span, verdict) in changes {
            record.push(&[span; 8], verdict, None, []);
        }
    });
}

fn check(ledger: &Ledger, kept: &[Kept]) -> Result<(), TestCaseError> {
    let (settled, pending) = ledger.books().total();
    let ours = (settled.get(), pending.get());
    let theirs =
        (counting(kept.iter().filter(|kept| !kept.open)), counting(kept.iter().filter(|kept| kept.open)));
    if ours == theirs {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("settled and pending are {ours:?}, not {theirs:?}, of {kept:#?}")))
}

fn finished(ledger: &Ledger, kept: &[Kept]) -> Result<(), TestCaseError> {
    let books = ledger.books();
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    let mut input = 0;
    for series in books.series() {
        if series.pending.money != Picodollars::ZERO
            || series.pending.input != 0
            || series.pending.calls().count() != 0
        {
            return Err(TestCaseError::fail(format!("still pending: {series:?}")));
        }
        input += series.settled.input;
        for (status, count) in series.settled.calls() {
            *calls.entry(status.as_str()).or_default() += count;
        }
    }
    let of = |verdict| kept.iter().filter(|kept| kept.verdict == verdict).count() as u64;
    let expected: u64 = kept.iter().filter(|kept| kept.verdict == Counted::Here).map(|kept| kept.input).sum();
    let duplicates = calls.get("duplicate").copied().unwrap_or(0);
    let aggregates = calls.get("aggregate").copied().unwrap_or(0);
    let same = input == expected
        && calls.values().sum::<u64>() == kept.len() as u64
        && (duplicates, aggregates) == (of(Counted::AsDuplicate), of(Counted::AsAggregate));
    if same { Ok(()) } else { Err(TestCaseError::fail(format!("{calls:?}, {input} tokens of {kept:#?}"))) }
}
