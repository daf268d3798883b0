//! Keys that are dropped: as they stand, with a `*` at the end, or with stars elsewhere.

use crate::genai::pattern::Pattern;

/// A set of keys and of patterns for them.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Keys, and beginnings of keys. Sorted, and none begins with a beginning that is here as well: so the one that may match a key
    /// is the last that does not come after it.
    sorted: Vec<Entry>,
    /// Those with a star elsewhere.
    patterns: Vec<Pattern>,
}

type Entry = (Box<[u8]>, Match);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Beginning,
    Whole,
}

impl Keys {
    /// The set of these keys, in which `*` stands for any text.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        let mut all: Vec<Entry> = Vec::new();
        let mut patterns = Vec::new();
        for key in keys {
            match key.strip_suffix('*') {
                Some(beginning) if !beginning.contains('*') => {
                    all.push((beginning.as_bytes().into(), Match::Beginning));
                }
                None if !key.contains('*') => all.push((key.as_bytes().into(), Match::Whole)),
                _ => patterns.push(Pattern::new(key)),
            }
        }
        all.sort_unstable();
        let mut sorted: Vec<Entry> = Vec::with_capacity(all.len());
        for entry in all {
            if sorted.last().is_none_or(|before| !matches(before, &entry.0)) {
                sorted.push(entry);
            }
        }
        Keys { sorted, patterns }
    }

    /// Whether a key is one of them.
    pub fn contains(&self, key: &[u8]) -> bool {
        let after = self.sorted.partition_point(|(known, _)| **known <= *key);
        after.checked_sub(1).is_some_and(|last| matches(&self.sorted[last], key))
            || self.patterns.iter().any(|pattern| pattern.matches(key))
    }
}

fn matches((known, how): &Entry, key: &[u8]) -> bool {
    match how {
        Match::Beginning => key.starts_with(known),
        Match::Whole => **known == *key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every set of up to three keys of a small alphabet, and every key of it.
    /// Guarantees: the set says of each key what looking at one after the other says.
    #[test]
    fn the_set_says_what_its_keys_say() {
        let known = ["", "*", "a", "a*", "a.", "a.*", "a.b", "a.b*", "ab", "b", "a*b", "*b", "a.*.b"];
        let asked = ["", "a", "a.", "a.a", "a.b", "a.b.c", "a.c", "ab", "aab", "b", "ba", "a.x.b", "c"];
        for one in known {
            for two in known {
                for three in known {
                    let keys = Keys::new([one, two, three]);
                    for key in asked {
                        let plain =
                            [one, two, three].iter().any(|it| Pattern::new(it).matches(key.as_bytes()));
                        assert_eq!(keys.contains(key.as_bytes()), plain, "{key} in {one}, {two}, {three}");
                    }
                }
            }
        }
    }
}
