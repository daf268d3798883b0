//! What spans and resources say about the configured dimensions: one flat table a request, a row for each
//! call and each resource.

use std::borrow::Cow;

use crate::otlp::view::{Scalar, Text};

/// Values of dimensions, row by row. Keeps its allocation from one request to the next.
#[derive(Debug, Default)]
pub struct DimensionTable<'a> {
    width: usize,
    said: Vec<Said<'a>>,
}

/// A row of a [`DimensionTable`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Row(u32);

/// What is known of one dimension: an empty value, or the one of the best-ranked key so far.
#[derive(Debug)]
struct Said<'a> {
    value: Cow<'a, [u8]>,
    rank: u8,
}

const UNSAID: Said<'static> = Said { value: Cow::Borrowed(&[]), rank: u8::MAX };

impl<'a> DimensionTable<'a> {
    /// Empties the table for a request with `width` dimensions.
    pub(super) fn recycle<'b>(self, width: usize) -> DimensionTable<'b> {
        let mut said = self.said;
        said.clear();
        DimensionTable { width, said: said.into_iter().map(|_| unreachable!("emptied above")).collect() }
    }

    /// Adds a row in which nothing is said.
    #[inline]
    pub(super) fn open(&mut self) -> Row {
        let row = Row(self.said.len() as u32);
        self.said.extend((0..self.width).map(|_| UNSAID));
        row
    }

    /// Takes the last row away.
    #[inline]
    pub(super) fn drop_last(&mut self, row: Row) {
        self.said.truncate(row.0 as usize);
    }

    /// Notes a value, unless a better-ranked key has said one.
    pub(super) fn say(&mut self, row: Row, index: u8, rank: u8, value: Scalar<'a>) {
        let said = &mut self.said[row.0 as usize + index as usize];
        if rank < said.rank {
            said.value = match value {
                Scalar::String(text) if !text.is_empty() => Cow::Borrowed(text.0),
                Scalar::Int(number) => Cow::Owned(number.to_string().into_bytes()),
                _ => return,
            };
            said.rank = rank;
        }
    }

    /// The values of a row, and those of another where it has none; empty: not known.
    pub fn values(&self, own: Row, or: Row) -> impl Iterator<Item = Text<'_>> {
        let row = |row: Row| &self.said[row.0 as usize..][..self.width];
        row(own)
            .iter()
            .zip(row(or))
            .map(|(own, or)| Text(if own.rank == u8::MAX { &or.value } else { &own.value }))
    }
}
