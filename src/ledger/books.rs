//! Totals by labels, and the bookings that may still change.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;

use crate::booking::{Booking, Change, Counted, Reported, Settlement};
use crate::otlp::view::Text;
use crate::pricing::{Picodollars, Status};

/// Longest label kept, in bytes: a stranger's model name may have 10 kB.
const MAX_LABEL: usize = 128;
/// What stands in the labels of everything beyond the limit of series.
const OTHER: &str = "other";

/// Numbers of statuses end below this.
const STATUSES: usize = 16;

/// The labels of a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// The catalog's provider, or what the spans call it.
    pub provider: Box<str>,
    /// Model asked for.
    pub model_asked: Box<str>,
    /// Model that answered.
    pub model_served: Box<str>,
    /// Operation.
    pub operation: Box<str>,
    /// Feature; empty: not known.
    pub feature: Box<str>,
}

/// What is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Money of calls that count.
    pub money: Picodollars,
    /// Input tokens of calls that count, cached ones included.
    pub input: u64,
    /// Output tokens of calls that count.
    pub output: u64,
    /// What senders say that calls cost which count and have a price of ours.
    pub reported: Picodollars,
    /// How much more that is than ours.
    pub difference: Picodollars,
    /// Calls by the number of their status.
    calls: [u64; STATUSES],
}

impl Sums {
    /// Calls by status, without those that there are none of.
    pub fn calls(&self) -> impl Iterator<Item = (Status, u64)> + '_ {
        let status = |(number, count): (usize, &u64)| Some((Status::from_u8(number as u8)?, *count));
        self.calls.iter().enumerate().filter(|(_, count)| **count > 0).filter_map(status)
    }

    fn add(&mut self, entry: &Pending, verdict: Counted) {
        if verdict == Counted::Here {
            self.money = self.money.saturating_add(entry.money);
            self.input = self.input.saturating_add(entry.input);
            self.output = self.output.saturating_add(entry.output);
            self.reported = self.reported.saturating_add(entry.reported.cost);
            self.difference = self.difference.saturating_add(entry.reported.difference);
        }
        self.calls[verdict.status(entry.status) as usize % STATUSES] += 1;
    }

    fn take(&mut self, entry: &Pending, verdict: Counted) {
        if verdict == Counted::Here {
            self.money = self.money.saturating_add(-entry.money);
            self.input = self.input.saturating_sub(entry.input);
            self.output = self.output.saturating_sub(entry.output);
            self.reported = self.reported.saturating_add(-entry.reported.cost);
            self.difference = self.difference.saturating_add(-entry.reported.difference);
        }
        let calls = &mut self.calls[verdict.status(entry.status) as usize % STATUSES];
        *calls = calls.saturating_sub(1);
    }
}

/// One series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// What is final.
    pub settled: Sums,
    /// What may still change.
    pub pending: Sums,
}

/// A booking of an open trace.
#[derive(Clone, Debug)]
struct Pending {
    span: [u8; 8],
    series: u32,
    verdict: Counted,
    status: Status,
    money: Picodollars,
    reported: Reported,
    input: u64,
    output: u64,
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    series: Vec<Series>,
    by_labels: HashTable<u32>,
    hasher: RandomState,
    open: HashMap<[u8; 16], SmallVec<[Pending; 1]>, RandomState>,
    max_series: usize,
    feature: Option<usize>,
    folded: u64,
}

impl Books {
    /// Empty books. `feature` is the position of that dimension in bookings.
    pub fn new(max_series: usize, feature: Option<usize>) -> Self {
        Books { max_series, feature, ..Books::default() }
    }

    /// Enters a booking: pending while its trace is open, settled otherwise.
    pub fn book(&mut self, booking: &Booking<'_>) {
        let pending = self.read(booking);
        let series = &mut self.series[pending.series as usize];
        match <[u8; 16]>::try_from(booking.trace) {
            Ok(trace) if booking.open => {
                series.pending.add(&pending, pending.verdict);
                self.open.entry(trace).or_default().push(pending);
            }
            _ => series.settled.add(&pending, pending.verdict),
        }
    }

    fn read(&mut self, booking: &Booking<'_>) -> Pending {
        Pending {
            span: booking.span.try_into().unwrap_or_default(),
            series: self.find_or_add(booking),
            verdict: booking.verdict,
            status: booking.status,
            money: booking.money.unwrap_or(Picodollars::ZERO),
            reported: booking.reported.unwrap_or_default(),
            input: booking.input,
            output: booking.output,
        }
    }

    /// Makes a trace's bookings final. One that is restated leaves its series, and what takes its place may enter another.
    pub fn settle(&mut self, settlement: &Settlement<'_>) {
        let Ok(trace) = <[u8; 16]>::try_from(settlement.trace) else { return };
        // Sorted, for a trace may have a hundred thousand calls, and all of them changed.
        let mut changes: Vec<&Change<'_>> = settlement.changes.iter().collect();
        changes.sort_unstable_by_key(|change| change.span);
        for pending in self.open.remove(&trace).unwrap_or_default() {
            self.series[pending.series as usize].pending.take(&pending, pending.verdict);
            let changed = changes.binary_search_by_key(&&pending.span[..], |change| change.span);
            let (verdict, restated) = match changed {
                Ok(at) => (changes[at].verdict, changes[at].restated.as_deref()),
                Err(_) => (pending.verdict, None),
            };
            let settled = restated.map_or(pending, |booking| self.read(booking));
            self.series[settled.series as usize].settled.add(&settled, verdict);
        }
    }

    /// All series.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// Settled and pending money of all series.
    pub fn total(&self) -> (Picodollars, Picodollars) {
        self.series.iter().fold(
            Default::default(),
            |(settled, pending): (Picodollars, Picodollars), series| {
                (settled.saturating_add(series.settled.money), pending.saturating_add(series.pending.money))
            },
        )
    }

    /// Bookings that went into `other` because there were too many series.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    fn find_or_add(&mut self, booking: &Booking<'_>) -> u32 {
        let feature =
            self.feature.and_then(|index| booking.dimensions.get(index)).copied().unwrap_or_default();
        let labels =
            [booking.provider, booking.model_asked, booking.model_served, booking.operation, feature]
                .map(cut);
        if let Some(index) = self.find(labels) {
            return index;
        }
        if self.series.len() < self.max_series {
            return self.add(labels);
        }
        self.folded += 1;
        let other = [OTHER.as_bytes(); 5];
        self.find(other).unwrap_or_else(|| self.add(other))
    }

    fn find(&self, labels: [&[u8]; 5]) -> Option<u32> {
        let same = |&index: &u32| self.series[index as usize].labels.texts() == labels;
        self.by_labels.find(self.hasher.hash_one(labels), same).copied()
    }

    fn add(&mut self, labels: [&[u8]; 5]) -> u32 {
        let hash = self.hasher.hash_one(labels);
        let index = self.series.len() as u32;
        let [provider, model_asked, model_served, operation, feature] =
            labels.map(|label| String::from_utf8_lossy(label).into());
        self.series.push(Series {
            labels: Labels { provider, model_asked, model_served, operation, feature },
            settled: Sums::default(),
            pending: Sums::default(),
        });
        let (series, hasher) = (&self.series, &self.hasher);
        self.by_labels
            .insert_unique(hash, index, |&index| hasher.hash_one(series[index as usize].labels.texts()));
        index
    }
}

impl Labels {
    fn texts(&self) -> [&[u8]; 5] {
        [&self.provider, &self.model_asked, &self.model_served, &self.operation, &self.feature]
            .map(|it| it.as_bytes())
    }
}

/// A label of bounded length, cut before a character; nothing where it is no UTF-8, which `Labels` could not
/// find again.
fn cut(label: Text<'_>) -> &[u8] {
    if label.0.len() <= MAX_LABEL && label.0.is_ascii() {
        return label.0;
    }
    let label = label.as_str();
    &label.as_bytes()[..label.floor_char_boundary(MAX_LABEL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking<'a>(span: &'a [u8; 8], money: i128, model: &'a str) -> Booking<'a> {
        Booking {
            trace: &[1; 16],
            span,
            open: true,
            status: Status::Priced,
            money: Some(Picodollars::new(money)),
            model_served: model.into(),
            input: 10,
            output: 5,
            ..Booking::default()
        }
    }

    /// Scenario: three calls of a trace; at the end one is a duplicate and one that was a duplicate counts.
    /// Guarantees: pending money is settled or voided, the sum is what counts, nothing stays pending.
    #[test]
    fn settlements_confirm_void_and_restore() {
        let mut books = Books::new(10, None);
        books.book(&booking(&[1; 8], 100, "m"));
        books.book(&booking(&[2; 8], 30, "m"));
        books.book(&Booking { verdict: Counted::AsDuplicate, ..booking(&[3; 8], 40, "m") });
        assert_eq!(books.total(), (Picodollars::ZERO, Picodollars::new(130)));
        let change = |span, verdict| Change { span, verdict, ..Change::default() };
        let changes = vec![change(&[2; 8], Counted::AsDuplicate), change(&[3; 8], Counted::Here)];
        books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() });
        assert_eq!(books.total(), (Picodollars::new(140), Picodollars::ZERO));
        let series = &books.series()[0];
        assert_eq!(series.pending, Sums::default());
        let calls: Vec<_> = series.settled.calls().collect();
        assert_eq!(calls, [(Status::Priced, 2), (Status::Duplicate, 1)]);
        assert_eq!((series.settled.input, series.settled.output), (20, 10));
    }

    /// Scenario: a call without a model is booked, and its trace settles with another model and price.
    /// Guarantees: what was pending is gone, what is settled stands in the other series, and the span counts once.
    #[test]
    fn a_restated_booking_takes_the_place_of_the_old_one() {
        let mut books = Books::new(10, None);
        books.book(&Booking { status: Status::UnknownModel, money: None, ..booking(&[1; 8], 0, "") });
        books.book(&booking(&[2; 8], 30, "m"));
        let restated = Some(Box::new(Booking { input: 7, ..booking(&[1; 8], 100, "m") }));
        let changes = vec![Change { span: &[1; 8], verdict: Counted::Here, restated, ..Change::default() }];
        books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() });
        assert_eq!(books.total(), (Picodollars::new(130), Picodollars::ZERO));
        let [nameless, named] = books.series() else { panic!("{:?}", books.series()) };
        assert_eq!((nameless.settled, nameless.pending), (Sums::default(), Sums::default()));
        assert_eq!(named.settled.calls().collect::<Vec<_>>(), [(Status::Priced, 2)]);
        assert_eq!((named.settled.input, named.pending), (17, Sums::default()));
    }

    /// Scenario: ten thousand model names against a limit of ten series.
    /// Guarantees: the total is exact, the rest is in `other`, and counted.
    #[test]
    fn beyond_the_limit_everything_is_other() {
        let mut books = Books::new(10, None);
        for n in 0..10_000 {
            let name = format!("model-{n}");
            books.book(&Booking { open: false, ..booking(&[1; 8], 1, &name) });
        }
        assert_eq!(books.total().0, Picodollars::new(10_000));
        assert_eq!((books.series().len(), books.folded()), (11, 9_990));
        assert_eq!(&*books.series()[10].labels.model_served, OTHER);
    }

    #[test]
    fn long_labels_are_cut_at_a_character() {
        assert_eq!(cut("é".repeat(5000).as_str().into()).len(), 128);
        assert_eq!(cut("gpt".into()), b"gpt");
        assert_eq!(cut(Text(b"\xff")), b"");
    }
}
