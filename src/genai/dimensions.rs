//! What spans and resources say about the configured dimensions: most say nothing, some a user and a session.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::otlp::view::{Scalar, Text};

/// Stands for the dimension that roots tell: what their action is called.
pub const ACTION: u8 = u8::MAX;
/// The longest value that is kept, in bytes; what is longer is cut at a character. Ids and names are shorter, a prompt is none.
pub const MAX_VALUE: usize = 256;

/// What one span or resource says of one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    /// Index of the dimension.
    pub dimension: u8,
    /// How much its key is preferred: 0 is best.
    pub rank: u8,
    /// The value; never empty.
    pub value: Cow<'a, [u8]>,
}

/// Where the mentions of a span stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    start: u32,
    len: u32,
}

/// What the spans of a request say, one row behind the other. Keeps its allocation from one request to the next.
#[derive(Debug, Default)]
pub struct Mentions<'a> {
    all: Vec<Mention<'a>>,
    /// Values that were too long, and were cut.
    pub cut: u64,
    /// Values that are none: empty, or a list.
    pub unusable: u64,
}

impl<'a> Mentions<'a> {
    /// Empties it for another request.
    pub(super) fn recycle<'b>(mut self) -> Mentions<'b> {
        self.all.clear();
        Mentions {
            all: self.all.into_iter().map(|_| unreachable!("emptied above")).collect(),
            cut: 0,
            unusable: 0,
        }
    }

    /// Begins a row. What is said until the next one begins is said by one span.
    #[inline]
    pub(super) fn open(&self) -> Row {
        Row { start: self.all.len() as u32, len: 0 }
    }

    /// A row that says the same as another, and may say more.
    pub(super) fn again(&mut self, row: Row) -> Row {
        let again = self.open();
        self.all.extend_from_within(row.start as usize..(row.start + row.len) as usize);
        Row { len: row.len, ..again }
    }

    /// Notes a value in the last row, unless a better-ranked key has said one.
    pub(super) fn say(&mut self, row: &mut Row, dimension: u8, rank: u8, value: Scalar<'a>) {
        self.note(row, dimension, rank, |cut, unusable| usable(value, cut, unusable));
    }

    /// The same of a text that is neither empty nor longer than [`MAX_VALUE`].
    #[inline(always)]
    pub(super) fn say_text(&mut self, row: &mut Row, dimension: u8, rank: u8, text: Text<'a>) {
        self.note(row, dimension, rank, |_, _| Some(Cow::Borrowed(text.0)));
    }

    #[inline(always)]
    fn note(
        &mut self,
        row: &mut Row,
        dimension: u8,
        rank: u8,
        value: impl FnOnce(&mut u64, &mut u64) -> Option<Cow<'a, [u8]>>,
    ) {
        let known = &mut self.all[row.start as usize..];
        let better = match known.iter_mut().find(|known| known.dimension == dimension) {
            Some(known) if known.rank <= rank => return,
            better => better,
        };
        let Some(value) = value(&mut self.cut, &mut self.unusable) else { return };
        let mention = Mention { dimension, rank, value };
        match better {
            Some(known) => *known = mention,
            None => {
                self.all.push(mention);
                row.len += 1;
            }
        }
    }

    /// What a span says.
    pub fn of(&self, row: Row) -> &[Mention<'a>] {
        &self.all[row.start as usize..][..row.len as usize]
    }

    /// The same, to change it.
    pub fn all_mut(&mut self) -> &mut [Mention<'a>] {
        &mut self.all
    }

    /// What a resource says: it may come in parts, with spans between them, so it has a list of its own.
    pub(super) fn say_of_resource(
        &mut self,
        known: &mut SmallVec<[Mention<'a>; 2]>,
        dimension: u8,
        rank: u8,
        value: Scalar<'a>,
    ) {
        let before = known.iter().position(|known| known.dimension == dimension);
        if before.is_some_and(|at| known[at].rank <= rank) {
            return;
        }
        let Some(value) = usable(value, &mut self.cut, &mut self.unusable) else { return };
        let mention = Mention { dimension, rank, value };
        match before {
            Some(at) => known[at] = mention,
            None => known.push(mention),
        }
    }
}

/// A text that is not empty, or a number, of bounded length.
fn usable<'a>(value: Scalar<'a>, cut: &mut u64, unusable: &mut u64) -> Option<Cow<'a, [u8]>> {
    match value {
        Scalar::String(text) if !text.is_empty() => {
            let short = cut_text(text);
            *cut += u64::from(short.0.len() < text.0.len());
            Some(Cow::Borrowed(short.0))
        }
        Scalar::Int(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Scalar::Double(number) if number.is_finite() => Some(Cow::Owned(number.to_string().into_bytes())),
        Scalar::Bool(bit) => Some(Cow::Borrowed(if bit { b"true" } else { b"false" })),
        _ => {
            *unusable += 1;
            None
        }
    }
}

/// A text of at most [`MAX_VALUE`] bytes, cut before a character.
pub fn cut_text(text: Text<'_>) -> Text<'_> {
    if text.0.len() <= MAX_VALUE {
        return text;
    }
    let is_inside = |at: usize| text.0[at] & 0b1100_0000 == 0b1000_0000;
    // A character has at most four bytes; what has more of them inside is no UTF-8.
    let end = (MAX_VALUE - 3..=MAX_VALUE).rev().find(|at| !is_inside(*at)).unwrap_or(MAX_VALUE);
    Text(&text.0[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_of_bounded_length() {
        let mut mentions = Mentions::default();
        let mut row = mentions.open();
        let long = "é".repeat(500_000);
        for (dimension, value) in [
            (0, Scalar::String(long.as_str().into())),
            (1, Scalar::String(Text::default())),
            (2, Scalar::Int(-7)),
            (3, Scalar::Other),
            (4, Scalar::Double(1.5)),
            (5, Scalar::Double(f64::NAN)),
            (6, Scalar::Bool(true)),
        ] {
            mentions.say(&mut row, dimension, 0, value);
        }
        let said: Vec<_> = mentions.of(row).iter().map(|it| (it.dimension, it.value.len())).collect();
        assert_eq!(said, [(0, 256), (2, 2), (4, 3), (6, 4)]);
        assert_eq!((mentions.cut, mentions.unusable), (1, 3));
        assert_eq!(&*mentions.of(row)[2].value, b"1.5");
        assert_eq!(cut_text(Text(&[0x80; 300])).0.len(), MAX_VALUE);
        assert_eq!(cut_text(format!("a{}", "é".repeat(200)).as_str().into()).0.len(), 255);
    }

    #[test]
    fn the_preferred_key_holds() {
        let mut mentions = Mentions::default();
        let _before = {
            let mut row = mentions.open();
            mentions.say(&mut row, 0, 0, Scalar::Int(1));
            row
        };
        let mut row = mentions.open();
        for (rank, value) in [(3, "c"), (5, "e"), (1, ""), (1, "a"), (2, "b")] {
            mentions.say(&mut row, 0, rank, Scalar::String(value.into()));
        }
        let said = Mention { dimension: 0, rank: 1, value: Cow::Borrowed(&b"a"[..]) };
        assert_eq!(mentions.of(row), [said]);
    }
}
