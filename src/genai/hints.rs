//! What the attributes of spans like this one were. An instrumentation writes its attributes in the same order span after span, and
//! to compare with what is expected is cheaper than to look up what has come.

use super::dialects::{DialectId, UNKNOWN};
use super::keys::{KeyTable, Ranked, Says};
use super::meaning::Meaning;
use crate::otlp::expected::Expected;
use crate::otlp::view::{Attribute, Text};
use crate::otlp::wire::Fields;

/// Positions that are remembered; real spans have some dozens.
const MAX_HINTS: usize = 64;
/// Kinds of spans that are told apart: calls, tools, requests and so on take turns in a trace.
const SHAPES: usize = 16;

/// Which key stood at which position of the last span of a kind.
#[derive(Debug, Default)]
pub(super) struct Hints {
    shapes: [Shape; SHAPES],
}

/// Names a kind of spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShapeId(usize);

/// What spans look like that begin alike.
#[derive(Debug, Default)]
struct Shape {
    /// In which dialect the keys mean what is said of them.
    dialect: DialectId,
    by_position: Vec<Hint>,
}

/// A key that was looked up, known or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    expected: Expected,
    /// What it says in the dialect, with its ranks; of some keys that would be more.
    meanings: [(Meaning, u8); FEW],
    /// How many of them there are; [`MORE`]: too many, or it hangs on what else the span says.
    count: u8,
    /// As [`Says::number`].
    pub(super) number: u32,
}

/// As many meanings have those keys that most spans of calls have.
const FEW: usize = 2;
const MORE: u8 = FEW as u8 + 1;

impl Hint {
    const NONE: Hint = Hint {
        expected: Expected::NOTHING,
        meanings: [(Meaning::UpstreamStatus, 0); FEW],
        count: MORE,
        number: 0,
    };

    fn new(expected: Expected, says: &Says, dialect: DialectId) -> Self {
        let mut hint = Hint { expected, number: says.number, count: 0, ..Self::NONE };
        for ranked in &says.meanings {
            if ranked.only == Ranked::ANY || ranked.only == dialect {
                if let Some(place) = hint.meanings.get_mut(usize::from(hint.count)) {
                    *place = (ranked.meaning, ranked.rank);
                }
                hint.count = (hint.count + 1).min(MORE);
            } else if dialect == UNKNOWN {
                // A key may yet tell the dialect.
                hint.count = MORE;
            }
        }
        // What means something elsewhere is still looked at.
        if hint.count == 0 && !says.meanings.is_empty() {
            hint.count = MORE;
        }
        hint
    }

    /// Whether it says nothing.
    #[inline(always)]
    pub(super) fn says_nothing(&self) -> bool {
        self.count == 0
    }

    /// What it says, if that is all.
    #[inline(always)]
    pub(super) fn meanings(&self) -> Option<&[(Meaning, u8)]> {
        self.meanings.get(..usize::from(self.count))
    }

    /// The next field, if it is an attribute of this key.
    #[inline(always)]
    pub(super) fn next<'a>(&self, fields: &mut Fields<'a>, body: &'a [u8]) -> Option<Attribute<'a>> {
        self.expected.next(fields, body)
    }
}

impl Hints {
    /// What a span of this name and kind is expected to look like.
    #[inline]
    pub(super) fn shape(&mut self, dialect: DialectId, name: Text<'_>, kind: u32) -> ShapeId {
        // The first word mostly says what is done, what follows to whom.
        let word = u32::from_le_bytes(name.0.first_chunk().copied().unwrap_or_default());
        let shape = (word.wrapping_add(kind).wrapping_mul(0x9e37_79b9) >> 16) as usize % SHAPES;
        if self.shapes[shape].dialect != dialect {
            self.shapes[shape] = Shape { dialect, by_position: Vec::new() };
        }
        ShapeId(shape)
    }

    /// What stood at the positions of the last such span, from one on.
    #[inline(always)]
    pub(super) fn expected_from(&self, shape: ShapeId, position: usize) -> &[Hint] {
        self.shapes[shape.0].by_position.get(position..).unwrap_or_default()
    }

    /// What an attribute says that was not found as it was expected: another one stood at its position, which from now on this one
    /// does, or it has an unusual form.
    pub(super) fn learn<'k>(
        &mut self,
        shape: ShapeId,
        position: usize,
        key: &[u8],
        keys: &'k KeyTable,
    ) -> &'k Says {
        let Shape { dialect, by_position } = &mut self.shapes[shape.0];
        if let Some(hint) = by_position.get(position)
            && hint.expected.is_of(key)
        {
            return keys.numbered(hint.number);
        }
        let says = keys.says(key);
        if position < MAX_HINTS
            && let Some(expected) = Expected::of_key(key)
        {
            if by_position.len() <= position {
                by_position.resize(position + 1, Hint::NONE);
            }
            by_position[position] = Hint::new(expected, says, *dialect);
        }
        says
    }
}
