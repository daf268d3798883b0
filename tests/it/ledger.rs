//! The ledger's books, under any interleaving, against a plain list.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod model;

use std::collections::BTreeMap;

use pricetag::booking::Counted;
use pricetag::ledger::Ledger;
use pricetag::ledger::sums::Tally;
use proptest::test_runner::TestCaseError;

use crate::differential::tape::{self, Tape};
use model::{Kept, Model, NAMES};

/// Scenario: 3,000 histories of up to a hundred entries in records of any length: bookings of six traces, open
/// or alone, of every verdict, with known and unknown money of either sign, in more series than there may be, and with more
/// values of a dimension; settlements between them that confirm, void, restore, restate or move, of traces that reopen later or that
/// are unknown; moves of dimensions that there are not.
/// Guarantees: after each record settled and pending sums are what a plain list adds up to, in total, over the accounts of each
/// dimension, and in each account; a value without an account is in `other`, and there is one only beyond the limit. When all traces
/// have settled nothing is pending, in no series and in no account, and calls are as many as were booked. Each settlement shows
/// what the pending calls of its trace cost in the end, and the values that those have in common which count.
/// Excluded: a settlement that comes before a booking of the trace it settles. The intake's lock keeps that
/// order; a booking that came after would stay pending until its trace settles again.
#[test]
fn settled_and_pending_are_the_sum_of_all_bookings() {
    tape::check(3_000, 900, |tape| {
        let tape = &mut Tape::new(tape);
        let (max_series, max_values) = (tape.pick(&[3, 1_000]), tape.pick(&[10_000, 1, 3]));
        let ledger = Ledger::new(max_series, max_values, NAMES[..3].iter().copied()).with_labels(&[2]);
        let mut model = Model::default();
        for _ in 0..tape.below(100) {
            if tape.chance(25) {
                model.settle(1 + tape.byte() % 7, tape);
            } else {
                model.book(tape);
            }
            if tape.chance(50) {
                apply(&ledger, &mut model)?;
                check(&ledger, &model, max_series, max_values)?;
            }
        }
        for trace in 1..8 {
            model.settle(trace, tape);
        }
        apply(&ledger, &mut model)?;
        check(&ledger, &model, max_series, max_values)?;
        finished(&ledger, &model.kept)
    });
}

/// Applies what the model has written, and compares what the settlements show.
fn apply(ledger: &Ledger, model: &mut Model) -> Result<(), TestCaseError> {
    let mut shown = Vec::new();
    ledger.apply_with(&model.entries.take(), |settled| {
        shown.push(model::Shown {
            trace: settled.trace.to_vec(),
            root: settled.root.to_vec(),
            action: settled.action.as_str().to_owned(),
            tally: settled.tally,
            values: (0..3).map(|index| settled.value(index).to_owned()).collect(),
        });
    });
    same("settlements", &shown, &std::mem::take(&mut model.shown), &model.kept)
}

fn check(ledger: &Ledger, model: &Model, max_series: usize, max_values: usize) -> Result<(), TestCaseError> {
    let books = ledger.books();
    let kept = &model.kept;
    let expected = (model::tally(kept, |kept| !kept.open), model::tally(kept, |kept| kept.open));
    same("totals", &books.tally(), &expected, kept)?;

    let listed: Vec<&str> = books.dimensions().map(|dimension| dimension.name()).collect();
    let names: Vec<&str> = NAMES.into_iter().filter(|name| *name != "session").collect();
    same("dimensions", &listed, &names, kept)?;
    for dimension in books.dimensions() {
        let index = NAMES.iter().position(|name| *name == dimension.name()).unwrap();
        let sum = dimension.accounts().iter().fold(<(Tally, Tally)>::default(), |sum, account| {
            (sum.0.plus(&account.settled), sum.1.plus(&account.pending))
        });
        same(dimension.name(), &sum, &expected, kept)?;

        let seen = &model.seen[index];
        let own: Vec<&str> = dimension.accounts()[2..].iter().map(|account| &*account.value).collect();
        same("values with an account", &own.len(), &seen.len().min(max_values), kept)?;
        same("something is folded", &(dimension.folded() > 0), &(seen.len() > max_values), kept)?;
        for account in dimension.accounts() {
            let is_here = |kept: &Kept| {
                let value = kept.values[index];
                let folded = account.value == "other".into() && !value.is_empty() && !own.contains(&value);
                *value == *account.value || folded
            };
            let expected = (
                model::tally(kept, |kept| !kept.open && is_here(kept)),
                model::tally(kept, |kept| kept.open && is_here(kept)),
            );
            same(&account.value, &(account.settled, account.pending), &expected, kept)?;
        }
    }

    // In few series all is `other`; in many the feature is a label.
    let mut features: BTreeMap<&str, (Tally, Tally)> = BTreeMap::new();
    for series in books.series().iter().filter(|_| max_series == 1_000) {
        let (settled, pending) = features.entry(series.labels.iter().last().unwrap()).or_default();
        *settled = settled.plus(&series.settled.counting);
        *pending = pending.plus(&series.pending.counting);
    }
    for (feature, sums) in features {
        let expected = (
            model::tally(kept, |kept| !kept.open && *kept.values[2] == *feature),
            model::tally(kept, |kept| kept.open && *kept.values[2] == *feature),
        );
        same("series of a feature", &sums, &expected, kept)?;
    }
    Ok(())
}

fn finished(ledger: &Ledger, kept: &[Kept]) -> Result<(), TestCaseError> {
    let books = ledger.books();
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    for series in books.series() {
        same("pending", &series.pending, &Default::default(), kept)?;
        for (status, count) in series.settled.calls() {
            *calls.entry(status.as_str()).or_default() += count;
        }
    }
    let of = |verdict| kept.iter().filter(|kept| kept.verdict == verdict).count() as u64;
    let counted = |status| calls.get(status).copied().unwrap_or(0);
    same("calls", &calls.values().sum::<u64>(), &(kept.len() as u64), kept)?;
    same("duplicates", &counted("duplicate"), &of(Counted::AsDuplicate), kept)?;
    same("aggregates", &counted("aggregate"), &of(Counted::AsAggregate), kept)
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    ours: &T,
    theirs: &T,
    kept: &[Kept],
) -> Result<(), TestCaseError> {
    if ours == theirs {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{what}: {ours:#?}\nnot {theirs:#?}\nof {kept:#?}")))
}
