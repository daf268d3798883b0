//! A ledger that is a plain list, and writes what the real one reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pricetag::attribution::margin::{Per, Revenue, UseRevenue};
use pricetag::booking::{Booking, Counted, Entries};
use pricetag::genai::sampling::Weight;
use pricetag::ledger::sums::Tally;
use pricetag::pricing::{Picodollars, Status};

use crate::differential::tape::Tape;

/// The dimensions: those that are configured, the action, and those of every booking.
pub(super) const NAMES: [&str; 11] = [
    "user",
    "session",
    "tier",
    "action",
    "provider",
    "model_asked",
    "model_served",
    "operation",
    "service_tier",
    "catalog_version",
    "total",
];
const TIER: usize = 2;
const ACTION: usize = 3;

const VERDICTS: [Counted; 3] = [Counted::Here, Counted::AsDuplicate, Counted::AsAggregate];
/// Of some days, and on both sides of their borders.
pub(super) const HOURS: [u32; 10] = [0, 1, 23, 24, 30, 72, 191, 200, 500, 700];
const VALUES: [&str; 8] = ["", "a", "b", "c", "d", "other", "e", "f"];

/// What the test remembers of a booking.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    trace: u8,
    span: u8,
    pub(super) open: bool,
    /// When it ended, in hours since 1970.
    pub(super) hour: u32,
    pub(super) verdict: Counted,
    status: Status,
    money: Option<i128>,
    saved: i128,
    /// How many calls it stands for.
    weight: u64,
    misdated: bool,
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
    pub(super) values: [&'static str; 11],
}

/// What a settlement shows.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) trace: Vec<u8>,
    pub(super) root: Vec<u8>,
    pub(super) action: String,
    pub(super) tally: Tally,
    pub(super) values: Vec<String>,
}

/// A settled action with a call that counts.
#[derive(Debug)]
struct Action {
    /// That of its last call.
    hour: u32,
    /// What its calls agree in.
    values: [&'static str; 11],
}

/// What customers pay, in picodollars: for an action and for a token, in tier `a` and in the others.
const PAID: [[i128; 2]; 2] = [[7, 2], [100, 5]];

/// The same as the ledger wants it.
pub(super) fn revenue() -> UseRevenue {
    let line = |(tier, index): (Option<&str>, usize)| {
        let line =
            |per, amount| Revenue { tier: tier.map(str::to_owned), amount: Picodollars::new(amount), per };
        [line(Per::Action, PAID[index][0]), line(Per::ThousandTokens, PAID[index][1] * 1_000)]
    };
    UseRevenue::new(&[(Some("a"), 0), (None, 1)].into_iter().flat_map(line).collect::<Vec<_>>())
}

fn paid(tier: &str) -> [i128; 2] {
    PAID[usize::from(tier != "a")]
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) kept: Vec<Kept>,
    pub(super) entries: Entries,
    /// What the settlements in `entries` should show.
    pub(super) shown: Vec<Shown>,
    actions: Vec<Action>,
    /// All values that any booking ever had, by dimension; not the unknown one, nor `other`, which is always there.
    pub(super) seen: [BTreeSet<&'static str>; 11],
}

impl Model {
    pub(super) fn book(&mut self, tape: &mut Tape<'_>) {
        let booked = Kept { open: tape.chance(80), ..draw(1 + tape.byte() % 6, tape.byte() % 9, tape) };
        // A booking that is open belongs to a trace; others may lack ids.
        let nameless = !booked.open && tape.chance(30);
        let (trace, span) = ([booked.trace; 16], [booked.span; 8]);
        let booking = Booking {
            trace: if nameless { &[] } else { &trace },
            span: if nameless { &[] } else { &span },
            ..booking(&booked, tape)
        };
        self.entries.push_booking(&booking);
        self.see(&booked.values);
        self.kept.push(booked.clone());
    }

    pub(super) fn settle(&mut self, trace: u8, tape: &mut Tape<'_>) {
        let of_trace = |kept: &&Kept| kept.trace == trace;
        let spans: BTreeSet<u8> = self.kept.iter().filter(of_trace).map(|kept| kept.span).collect();
        let mut changes = BTreeMap::new();
        for span in spans {
            if !tape.chance(40) {
                continue;
            }
            let restated = if tape.chance(25) { Some(draw(trace, span, tape)) } else { None };
            let mut moved: Vec<(u32, &'static str)> = Vec::new();
            for dimension in [0, 1, 2, ACTION as u32, 7, 8, u32::MAX] {
                if tape.chance(30) {
                    moved.push((dimension, tape.pick(&VALUES)));
                }
            }
            changes.insert(span, (tape.pick(&VERDICTS), restated, moved));
        }
        let (action, again) = (tape.pick(&VALUES), tape.chance(20));
        let root: &[u8] = if tape.chance(50) { &[9; 8] } else { &[] };
        self.entries.push_settlement(&[trace; 16], action.into(), root, |record| {
            if again {
                record.again();
            }
            for (span, (verdict, restated, moved)) in &changes {
                let moved = moved.iter().map(|(dimension, value)| (*dimension, (*value).into()));
                let restated = restated.as_ref().map(|restated| booking(restated, tape));
                record.push(&[*span; 8], *verdict, restated.as_ref(), moved);
            }
        });

        let (mut settled, mut values) = (Vec::new(), Vec::new());
        for kept in self.kept.iter_mut().filter(|kept| kept.open && kept.trace == trace) {
            kept.open = false;
            if let Some((verdict, restated, moved)) = changes.get(&kept.span) {
                if let Some(restated) = restated {
                    *kept = Kept { open: false, hour: kept.hour, ..restated.clone() };
                    values.push(kept.values);
                }
                kept.verdict = *verdict;
                for (dimension, value) in moved.iter().filter(|(dimension, _)| *dimension < ACTION as u32) {
                    kept.values[*dimension as usize] = value;
                }
            }
            kept.values[ACTION] = action;
            values.push(kept.values);
            settled.push(kept.clone());
        }
        values.iter().for_each(|values| self.see(values));
        if settled.is_empty() {
            return;
        }
        let counting: Vec<&Kept> = settled.iter().filter(|kept| kept.verdict == Counted::Here).collect();
        let common = |dimension: usize| {
            let first = counting.first()?.values[dimension];
            counting.iter().all(|kept| kept.values[dimension] == first).then_some(first)
        };
        if let Some(hour) = counting.iter().map(|kept| kept.hour).max().filter(|_| !again) {
            let values = std::array::from_fn(|dimension| common(dimension).unwrap_or_default());
            self.actions.push(Action { hour, values });
        }
        self.shown.push(Shown {
            trace: vec![trace; 16],
            root: root.to_vec(),
            action: action.to_owned(),
            tally: with_revenue(&settled, |_| true),
            values: (0..3).map(|dimension| common(dimension).unwrap_or_default().to_owned()).collect(),
        });
    }

    /// What is settled and what is pending of a value of a dimension, or of all, in these hours.
    pub(super) fn sums(&self, dimension: usize, hours: &Range<u32>, value: Option<&str>) -> (Tally, Tally) {
        let is_meant = |hour: u32, values: &[&str; 11]| {
            hours.contains(&hour) && value.is_none_or(|value| values[dimension] == value)
        };
        let of = |open: bool| move |kept: &Kept| kept.open == open && is_meant(kept.hour, &kept.values);
        let mut settled = with_revenue(&self.kept, of(false));
        for action in self.actions.iter().filter(|action| is_meant(action.hour, &action.values)) {
            settled.actions += 1;
            settled.revenue = Picodollars::new(settled.revenue.get() + paid(action.values[TIER])[0]);
        }
        (settled, tally(&self.kept, of(true)))
    }

    fn see(&mut self, values: &[&'static str; 11]) {
        for (seen, value) in self.seen.iter_mut().zip(values) {
            if !["", "other"].contains(value) {
                seen.insert(value);
            }
        }
    }
}

fn draw(trace: u8, span: u8, tape: &mut Tape<'_>) -> Kept {
    let money = (!tape.chance(15)).then(|| i128::from(tape.u64() as i64) << tape.below(20));
    let mut values = std::array::from_fn(|_| tape.pick(&VALUES));
    (values[ACTION], values[10]) = ("", "");
    Kept {
        trace,
        span,
        open: true,
        hour: tape.pick(&HOURS),
        verdict: tape.pick(&VERDICTS),
        status: if money.is_some() { Status::Priced } else { tape.pick(&[Status::NoUsage, Status::Failed]) },
        money,
        saved: tape.byte().into(),
        weight: tape.pick(&[1, 1, 4, 1_000]),
        misdated: tape.chance(10),
        input: tape.byte().into(),
        cached: tape.byte().into(),
        output: tape.byte().into(),
        reasoning: tape.byte().into(),
        values,
    }
}

/// The booking without its ids. Sometimes the last of its dimensions are not there: then they are not known.
fn booking<'k>(kept: &'k Kept, tape: &mut Tape<'_>) -> Booking<'k> {
    let [user, session, tier, _, provider, model_asked, model_served, operation, service_tier, version, _] =
        kept.values.map(Into::into);
    let mut dimensions = pricetag::booking::Values::from_iter([user, session, tier]);
    while tape.chance(50) && dimensions.last().is_some_and(|value| value.is_empty()) {
        dimensions.pop();
    }
    Booking {
        open: kept.open,
        verdict: kept.verdict,
        status: kept.status,
        money: kept.money.map(Picodollars::new),
        saved: Picodollars::new(kept.saved),
        weight: Weight::new(kept.weight, 1).unwrap(),
        misdated: kept.misdated,
        input: kept.input,
        cache_read: kept.cached,
        output: kept.output,
        reasoning: kept.reasoning,
        end_unix_nano: u64::from(kept.hour) * 3_600_000_000_000 + u64::from(kept.span),
        provider,
        model_asked,
        model_served,
        operation,
        service_tier,
        catalog_version: version,
        dimensions,
        ..Booking::default()
    }
}

/// Sums of those that count and are meant, and what is paid for their tokens.
fn with_revenue(kept: &[Kept], is_meant: impl Fn(&Kept) -> bool) -> Tally {
    let mut tally = tally(kept, &is_meant);
    for kept in kept.iter().filter(|kept| kept.verdict == Counted::Here && is_meant(kept)) {
        let revenue = paid(kept.values[TIER])[1] * i128::from(kept.input + kept.output);
        tally.revenue = Picodollars::new(tally.revenue.get() + revenue);
    }
    tally
}

/// Sums of those that count and are meant.
pub(super) fn tally(kept: &[Kept], is_meant: impl Fn(&Kept) -> bool) -> Tally {
    let mut tally = Tally::default();
    for kept in kept.iter().filter(|kept| kept.verdict == Counted::Here && is_meant(kept)) {
        tally.money = Picodollars::new(tally.money.get() + kept.money.unwrap_or(0));
        let estimate = kept.money.unwrap_or(0) * i128::from(kept.weight);
        tally.estimate = Picodollars::new(tally.estimate.get() + estimate);
        tally.saved = Picodollars::new(tally.saved.get() + kept.saved);
        tally.misdated += u64::from(kept.misdated);
        tally.input += kept.input;
        tally.cached += kept.cached;
        tally.output += kept.output;
        tally.reasoning += kept.reasoning;
        tally.calls += 1;
        tally.unpriced += u64::from(kept.money.is_none() && kept.status != Status::Failed);
    }
    tally
}
