//! Series: what combinations of labels have cost, for metrics.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::OTHER;
use super::sums::Sums;
use crate::attribution::MAX_VALUE;
use crate::otlp::view::Text;

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

/// All series, of which there is a limit.
#[derive(Debug)]
pub(super) struct AllSeries {
    all: Vec<Series>,
    by_labels: HashTable<u32>,
    hasher: RandomState,
    limit: usize,
    folded: u64,
}

/// Labels of a series, in the order of [`Labels`].
pub(super) type Texts<'t> = [&'t [u8]; 5];

impl AllSeries {
    pub(super) fn new(limit: usize) -> Self {
        let hasher = RandomState::default();
        AllSeries { all: Vec::new(), by_labels: HashTable::new(), hasher, limit, folded: 0 }
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

    /// The number of the series with these labels, or of `other` where there are too many.
    pub(super) fn find_or_add(&mut self, labels: [Text<'_>; 5]) -> u32 {
        let labels = labels.map(cut);
        if let Some(number) = self.find(labels) {
            return number;
        }
        if self.all.len() < self.limit {
            return self.add(labels);
        }
        self.folded += 1;
        let other = [OTHER.as_bytes(); 5];
        self.find(other).unwrap_or_else(|| self.add(other))
    }

    /// The number of the series that is as this one but for the feature. What is in `other` stays there.
    pub(super) fn with_feature(&mut self, number: u32, feature: Text<'_>) -> u32 {
        let mut labels = self.all[number as usize].labels.texts();
        if labels == [OTHER.as_bytes(); 5] {
            return number;
        }
        labels[4] = cut(feature);
        if let Some(found) = self.find(labels) {
            return found;
        }
        let labels = self.all[number as usize].labels.clone();
        let [provider, asked, served, operation, _] = labels.texts().map(Text);
        self.find_or_add([provider, asked, served, operation, feature])
    }

    fn find(&self, labels: Texts<'_>) -> Option<u32> {
        let same = |&number: &u32| self.all[number as usize].labels.texts() == labels;
        self.by_labels.find(self.hasher.hash_one(labels), same).copied()
    }

    fn add(&mut self, labels: Texts<'_>) -> u32 {
        let hash = self.hasher.hash_one(labels);
        let number = self.all.len() as u32;
        let [provider, model_asked, model_served, operation, feature] =
            labels.map(|label| String::from_utf8_lossy(label).into());
        self.all.push(Series {
            labels: Labels { provider, model_asked, model_served, operation, feature },
            settled: Sums::default(),
            pending: Sums::default(),
        });
        let (all, hasher) = (&self.all, &self.hasher);
        self.by_labels
            .insert_unique(hash, number, |&number| hasher.hash_one(all[number as usize].labels.texts()));
        number
    }
}

impl Labels {
    fn texts(&self) -> Texts<'_> {
        [&self.provider, &self.model_asked, &self.model_served, &self.operation, &self.feature]
            .map(|it| it.as_bytes())
    }
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
}
