//! The ledger's books, under any interleaving, against a plain list.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod model;

use std::collections::BTreeMap;
use std::ops::Range;

use pricetag::booking::Counted;
use pricetag::ledger::Ledger;
use pricetag::ledger::query::{Point, Row, Step};
use pricetag::ledger::store::Limits;
use pricetag::ledger::sums::Tally;
use proptest::test_runner::TestCaseError;

use crate::differential::tape::{self, Tape};
use model::{Kept, Model, NAMES};

/// Scenario: a thousand histories of up to a hundred entries in records of any length: bookings of six traces in hours of ten days, open
/// or alone, of every verdict, with known and unknown money of either sign, in more series than there may be, and with more
/// values of a dimension, of tiers that pay by token and by action; settlements between them that confirm, void, restore, restate or move, of traces that reopen later or that
/// are unknown; moves of dimensions that there are not; now and then a batch is written, and in the end another process reads the file.
/// Guarantees: whatever of it is in memory and what in the store, settled and pending sums are what a plain list adds up to, in total,
/// over the values of each dimension, for each value, for any hours, by hour and by day; of too many values as many have a row in an
/// hour as may be, the rest is `other`. When all traces have settled nothing is pending, in no series and in no row, and calls are as
/// many as were booked. Each settlement shows what the pending calls of its trace cost in the end, and the values that those have in
/// common which count, and is one action.
/// Excluded: a settlement that comes before a booking of the trace it settles. The intake's lock keeps that
/// order; a booking that came after would stay pending until its trace settles again.
#[test]
fn settled_and_pending_are_the_sum_of_all_bookings() {
    tape::check(1_000, 900, |tape| {
        let tape = &mut Tape::new(tape);
        let (max_series, max_values) = (tape.pick(&[3, 1_000]), tape.pick(&[10_000, 1, 3]));
        let limits = Limits { values: max_values, series: max_series, ..Limits::default() };
        // Files take time.
        let folder = tape.chance(3).then(|| tempfile::tempdir().unwrap());
        let file = folder.as_ref().map(|folder| folder.path().join("ledger.db"));
        let start = || {
            let ledger = Ledger::open(file.as_deref(), &NAMES[..3], &[2], limits).unwrap();
            ledger.set_revenue(model::revenue());
            ledger
        };
        let mut ledger = start();
        let mut model = Model::default();
        for _ in 0..tape.below(100) {
            if tape.chance(25) {
                model.settle(1 + tape.byte() % 7, tape);
            } else {
                model.book(tape);
            }
            if tape.chance(50) {
                apply(&ledger, &mut model)?;
            }
            if tape.chance(10) {
                ledger.write().unwrap();
            }
            if tape.chance(10) {
                apply(&ledger, &mut model)?;
                check(&ledger, &model, max_series, max_values, tape)?;
            }
        }
        for trace in 1..8 {
            model.settle(trace, tape);
        }
        apply(&ledger, &mut model)?;
        check(&ledger, &model, max_series, max_values, tape)?;
        ledger.write().unwrap();
        check(&ledger, &model, max_series, max_values, tape)?;
        finished(&ledger, &model.kept)?;
        if file.is_some() {
            drop(ledger);
            ledger = start();
            check(&ledger, &model, max_series, max_values, tape)?;
            finished(&ledger, &model.kept)?;
        }
        Ok(())
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

fn check(
    ledger: &Ledger,
    model: &Model,
    max_series: usize,
    max_values: usize,
    tape: &mut Tape<'_>,
) -> Result<(), TestCaseError> {
    let kept = &model.kept;
    let expected = (model::tally(kept, |kept| !kept.open), model::tally(kept, |kept| kept.open));
    same("totals", &ledger.books().tally(), &expected, kept)?;
    let names: Vec<&str> = NAMES.into_iter().filter(|name| *name != "session").collect();
    same("dimensions", &ledger.dimensions(), &names.iter().map(|name| (*name).to_owned()).collect(), kept)?;

    let (from, until) = tape.pick(&[
        (0, u32::MAX),
        (0, 24),
        (1, 73),
        (1, 192),
        (20, 193),
        (30, 31),
        (24, 200),
        (190, 501),
        (499, 701),
    ]);
    let hours = from..until;
    let answered = ledger.answered(&hours);
    for (index, name) in NAMES.into_iter().enumerate().filter(|(_, name)| *name != "session") {
        let of = |hours: &Range<u32>, value: Option<&str>| model.sums(index, hours, value);
        let rows = ledger.rows(name, hours.clone()).unwrap();
        same(name, &sum(&rows), &of(&answered, None), kept)?;
        let points = ledger.timeline(name, hours.clone(), tape.pick(&[Step::Hour, Step::Day])).unwrap();
        let points: Vec<Row> = points.into_iter().map(|point| point.row).collect();
        same("all of the timeline", &sum(&points), &of(&answered, None), kept)?;

        if model.seen[index].len() <= max_values {
            for row in &rows {
                same(&row.value, &sum(std::slice::from_ref(row)), &of(&answered, Some(&row.value)), kept)?;
            }
        }
        let top = ledger.top(name, hours.clone(), 3).unwrap();
        let mut dearest: Vec<Row> = rows.iter().filter(|row| row.value != "other").cloned().collect();
        let money = |row: &Row| row.settled.money.get() + row.pending.money.get();
        dearest.sort_by(|a, b| money(b).cmp(&money(a)).then_with(|| a.value.cmp(&b.value)));
        same("values that are left", &top.others, &dearest.len().saturating_sub(3), kept)?;
        dearest.truncate(3);
        same("the top", &top.rows, &dearest, kept)?;
        let with_rest: Vec<Row> = top.rows.iter().cloned().chain(top.rest).collect();
        same("the top and the rest", &sum(&with_rest), &of(&answered, None), kept)?;

        let values: Vec<&str> = top.rows.iter().map(|row| &*row.value).collect();
        let step = tape.pick(&[Step::Hour, Step::Day]);
        let lines = ledger.timeline_of(name, hours.clone(), step, &values).unwrap();
        let mut plain = Vec::<Point>::new();
        for mut point in ledger.timeline(name, hours.clone(), step).unwrap() {
            if !values.contains(&&*point.row.value) {
                point.row.value = "other".to_owned();
            }
            let is_same = |it: &&mut Point| it.start == point.start && it.row.value == point.row.value;
            match plain.iter_mut().find(is_same) {
                Some(known) => {
                    known.row.settled = known.row.settled.plus(&point.row.settled);
                    known.row.pending = known.row.pending.plus(&point.row.pending);
                }
                None => plain.push(point),
            }
        }
        // What sums up to nothing may be left out.
        let told = |mut points: Vec<Point>| {
            points.retain(|point| (point.row.settled, point.row.pending) != <(Tally, Tally)>::default());
            points.sort_by(|a, b| (a.start, &a.row.value).cmp(&(b.start, &b.row.value)));
            points
        };
        same("lines of the top", &told(lines), &told(plain), kept)?;
    }

    // In few series all is `other`; in many the tier is a label.
    let mut tiers: BTreeMap<&str, (Tally, Tally)> = BTreeMap::new();
    let books = ledger.books();
    for series in books.series().iter().filter(|_| max_series == 1_000) {
        let (settled, pending) = tiers.entry(series.labels.iter().last().unwrap()).or_default();
        *settled = settled.plus(&series.settled.counting);
        *pending = pending.plus(&series.pending.counting);
    }
    for (tier, sums) in tiers {
        let expected = (
            model::tally(kept, |kept| !kept.open && *kept.values[2] == *tier),
            model::tally(kept, |kept| kept.open && *kept.values[2] == *tier),
        );
        same("series of a tier", &sums, &expected, kept)?;
    }
    Ok(())
}

/// Settled and pending sums of rows.
fn sum(rows: &[Row]) -> (Tally, Tally) {
    rows.iter()
        .fold(<(Tally, Tally)>::default(), |sums, row| (sums.0.plus(&row.settled), sums.1.plus(&row.pending)))
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
