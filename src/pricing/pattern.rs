//! Name patterns of the catalog: exact, `glob*`, `/regex/`. All of lowercase names.

use regex::bytes::{Regex, RegexBuilder};

/// How names are recognised.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This name.
    Exact(Box<str>),
    /// The pieces between the stars, at least two.
    Glob(Box<[Box<str>]>),
    /// Unanchored unless it anchors itself; ASCII classes only.
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("an empty pattern matches nothing; remove it".to_owned());
        }
        if let Some(regex) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            return RegexBuilder::new(regex)
                .unicode(false)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build()
                .map(Self::Regex)
                .map_err(|error| {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    format!("`{text}` is no regular expression: {why}; mend it, or write a name with stars")
                });
        }
        let text = text.to_lowercase();
        if text.contains('*') {
            return Ok(Self::Glob(text.split('*').map(Into::into).collect()));
        }
        Ok(Self::Exact(text.into()))
    }

    /// Whether it says how a name begins.
    pub(super) fn is_anchored(&self) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Glob(pieces) => pieces.first().is_some_and(|first| !first.is_empty()),
            Self::Regex(regex) => regex.as_str().starts_with('^'),
        }
    }

    /// Whether `name`, in lowercase, is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *name,
            Self::Glob(pieces) => glob(pieces, name),
            Self::Regex(regex) => regex.is_match(name.as_bytes()),
        }
    }
}

/// What marks a variant: a fine-tune, a tag, a mode.
const MARKS: [&str; 3] = [":", "[", ".ft-"];

impl Pattern {
    /// Whether the model `name` is meant: a star takes in no mark of a variant that the pattern itself does not
    /// write, so `gpt-4*` is not `gpt-4:free`. A lone `*` means everything.
    pub(super) fn matches_model(&self, name: &str) -> bool {
        let taken = |mark: &str| match self {
            Self::Glob(pieces) => {
                name.contains(mark)
                    && pieces.iter().any(|piece| !piece.is_empty())
                    && !pieces.iter().any(|piece| piece.contains(mark))
            }
            _ => false,
        };
        self.matches(name) && !MARKS.into_iter().any(taken)
    }
}

/// Each piece where it first fits after the one before: for stars that is never worse than a later place.
fn glob(pieces: &[Box<str>], name: &str) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = name.strip_prefix(&**first) else { return false };
    for piece in middle {
        match rest.find(&**piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(&**last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_in_no_variant() {
        let matches = |pattern: &str, name: &str| Pattern::parse(pattern).unwrap().matches_model(name);
        assert!(
            matches("gpt-4*", "gpt-4-preview")
                && matches("ft:gpt-4*", "ft:gpt-4:acme")
                && matches("*", "x:free")
        );
        for variant in ["gpt-4:free", "gpt-4[1m]", "gpt-4.ft-0123"] {
            assert!(!matches("gpt-4*", variant), "{variant}");
        }
    }

    #[test]
    fn globs_and_regexes() {
        let matches = |pattern: &str, name: &str| Pattern::parse(pattern).unwrap().matches(name);
        assert!(matches("GPT-5", "gpt-5"));
        assert!(matches("gpt-*", "gpt-5") && matches("*mini", "gpt-5-mini") && matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*b*c", "a-b-c") && !matches("ab*ba", "aba"));
        assert!(matches(r"/^gpt-5\.\d$/", "gpt-5.6") && !matches(r"/^gpt-5\.\d$/", "gpt-5.60"));
        assert!(Pattern::parse("/(/").is_err());
        assert!(Pattern::parse(" ").is_err());
    }
}
