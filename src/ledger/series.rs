//! Series: what combinations of labels have cost, for metrics.

use std::hash::{BuildHasher, Hash, Hasher as _};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::OTHER;
use super::store::Kept;
use super::sums::Sums;
use crate::attribution::MAX_VALUE;
use crate::booking::Booking;
use crate::otlp::view::Text;
use crate::pricing::Status;

/// Series that are told apart, unless somebody wants fewer.
pub const MAX_SERIES: usize = 2_000;

/// The labels that every series has, before the chosen ones: their keys as metrics have them.
pub const FIXED: [&str; 4] =
    ["gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.operation.name"];

/// The labels of a series: the provider, the model asked for, the one that answered and the operation, then the chosen
/// dimensions. An empty one is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(Box<[Box<str>]>);

impl Labels {
    /// The catalog's provider, or what the spans call it.
    pub fn provider(&self) -> &str {
        &self.0[0]
    }

    /// The model that answered, or where that is not known the one asked for.
    pub fn model(&self) -> &str {
        if self.0[2].is_empty() { &self.0[1] } else { &self.0[2] }
    }

    /// All of them: those of [`FIXED`], then the chosen ones.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|label| &**label)
    }

    fn texts(&self) -> Texts<'_> {
        self.iter().map(str::as_bytes).collect()
    }
}

/// One series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// What is final.
    pub settled: Sums,
    /// What of it earlier processes booked.
    pub earlier: Sums,
    /// What of it the store has.
    pub written: Sums,
    /// What may still change.
    pub pending: Sums,
}

impl Series {
    /// Calls by status that this process booked, pending ones included.
    pub fn calls_here(&self) -> impl Iterator<Item = (Status, u64)> + '_ {
        let settled = self.settled.calls();
        let here = settled.map(|(status, calls)| (status, calls - self.earlier.calls_of(status)));
        here.chain(self.pending.calls()).filter(|(_, calls)| *calls > 0)
    }
}

/// All series, of which there is a limit.
#[derive(Debug)]
pub(super) struct AllSeries {
    all: Vec<Series>,
    by_labels: HashTable<u32>,
    hasher: RandomState,
    limit: usize,
    /// The dimensions that are labels, by their position in the config.
    chosen: Box<[usize]>,
    folded: u64,
}

/// Labels of a series, in the order of [`Labels`].
type Texts<'t> = SmallVec<[&'t [u8]; 8]>;

impl AllSeries {
    pub(super) fn new(limit: usize, chosen: &[usize]) -> Self {
        AllSeries {
            all: Vec::new(),
            by_labels: HashTable::new(),
            hasher: RandomState::default(),
            limit,
            chosen: chosen.into(),
            folded: 0,
        }
    }

    /// Goes on where earlier processes ended. There are no series yet.
    pub(super) fn resume(&mut self, kept: Vec<Kept>) {
        for (labels, sums) in kept {
            let labels: Texts<'_> = labels.iter().map(String::as_bytes).collect();
            // As many as there were, `other` among them: whoever has a row keeps it.
            let number = self.find(&labels).unwrap_or_else(|| self.add(&labels));
            let series = self.get_mut(number);
            for all in [&mut series.settled, &mut series.earlier, &mut series.written] {
                *all = all.plus(&sums);
            }
        }
    }

    pub(super) fn all(&self) -> &[Series] {
        &self.all
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Series {
        &mut self.all[number as usize]
    }

    /// Bookings that went into `other` because there were too many series.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }

    /// The number of a booking's series; of `other` where there are too many.
    pub(super) fn of(&mut self, booking: &Booking<'_>) -> u32 {
        let fixed = [booking.provider, booking.model_asked, booking.model_served, booking.operation];
        let chosen = self.chosen.iter().map(|at| booking.dimensions.get(*at).copied().unwrap_or_default());
        let labels: Texts<'_> = fixed.into_iter().chain(chosen).map(cut).collect();
        self.find_or_add(&labels)
    }

    /// The number of the series that is as this one but for the value of a dimension. What is in `other` stays there.
    pub(super) fn moved(&mut self, number: u32, dimension: usize, value: Text<'_>) -> u32 {
        let Some(at) = self.chosen.iter().position(|chosen| *chosen == dimension) else { return number };
        let labels = self.all[number as usize].labels.clone();
        let mut labels = labels.texts();
        if labels.iter().all(|label| *label == OTHER.as_bytes()) {
            return number;
        }
        labels[FIXED.len() + at] = cut(value);
        self.find_or_add(&labels)
    }

    fn find_or_add(&mut self, labels: &[&[u8]]) -> u32 {
        if let Some(number) = self.find(labels) {
            return number;
        }
        if self.all.len() < self.limit {
            return self.add(labels);
        }
        self.folded += 1;
        let other: Texts<'_> = labels.iter().map(|_| OTHER.as_bytes()).collect();
        self.find(&other).unwrap_or_else(|| self.add(&other))
    }

    fn find(&self, labels: &[&[u8]]) -> Option<u32> {
        let same = |&number: &u32| {
            self.all[number as usize].labels.iter().zip(labels).all(|(one, other)| one.as_bytes() == *other)
        };
        let hash = hash(&self.hasher, labels.iter().copied());
        self.by_labels.find(hash, same).copied()
    }

    fn add(&mut self, labels: &[&[u8]]) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(Series {
            labels: Labels(labels.iter().map(|label| String::from_utf8_lossy(label).into()).collect()),
            settled: Sums::default(),
            earlier: Sums::default(),
            written: Sums::default(),
            pending: Sums::default(),
        });
        let (all, hasher) = (&self.all, &self.hasher);
        let of = |number: &u32| hash(hasher, all[*number as usize].labels.iter().map(str::as_bytes));
        self.by_labels.insert_unique(of(&number), number, of);
        number
    }
}

fn hash<'t>(hasher: &RandomState, labels: impl Iterator<Item = &'t [u8]>) -> u64 {
    let mut state = hasher.build_hasher();
    labels.for_each(|label| label.hash(&mut state));
    state.finish()
}

/// A text of bounded length, cut before a character, for a stranger's model name may have 10 kB; nothing where it is no UTF-8, which
/// could not be found again.
pub(super) fn cut(text: Text<'_>) -> &[u8] {
    if text.0.len() <= MAX_VALUE && text.0.is_ascii() {
        return text.0;
    }
    let text = text.as_str();
    &text.as_bytes()[..text.floor_char_boundary(MAX_VALUE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(cut("é€".repeat(5000).as_str().into()).len(), 255);
        assert_eq!(cut("gpt".into()), b"gpt");
        assert_eq!(cut(Text(b"\xff")), b"");
    }

    /// Scenario: bookings of two dimensions of which one is a label; values move, until there are too many series.
    /// Guarantees: only the chosen dimension tells series apart, a move leads where a booking with that value would be, and `other` is
    /// left by nobody.
    #[test]
    fn chosen_dimensions_are_labels() {
        let mut series = AllSeries::new(3, &[1]);
        let booking = |user: &'static str, tier: &'static str| Booking {
            provider: "acme".into(),
            dimensions: [user, tier].map(Text::from).into_iter().collect(),
            ..Booking::default()
        };
        let free = series.of(&booking("ann", "free"));
        assert_eq!(series.of(&booking("ben", "free")), free);
        assert_eq!(series.moved(free, 0, "ben".into()), free, "users are no label");
        let paid = series.moved(free, 1, "paid".into());
        assert_eq!(series.of(&booking("ann", "paid")), paid);
        let unknown = series.of(&Booking { provider: "acme".into(), ..Booking::default() });
        assert_eq!(series.moved(paid, 1, "".into()), unknown);
        assert_eq!(
            series.all()[paid as usize].labels.iter().collect::<Vec<_>>(),
            ["acme", "", "", "", "paid"]
        );
        let other = series.moved(paid, 1, "trial".into());
        assert_eq!(series.of(&booking("ann", "team")), other);
        assert_eq!(series.moved(other, 1, "paid".into()), other);
        assert!(series.all()[other as usize].labels.iter().all(|label| label == OTHER));
        assert_eq!((series.all().len(), series.folded()), (4, 2));
    }
}
