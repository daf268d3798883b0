//! Texts in which `*` stands for any text.

/// A text with stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// A pattern.
    pub fn new(text: &str) -> Self {
        Pattern(text.into())
    }

    /// Whether the pattern is all of `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        let mut parts = self.0.as_bytes().split(|byte| *byte == b'*');
        let Some(mut left) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return left.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return left.ends_with(part);
            }
            match find(left, part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(part.len())?).find(|at| text[*at..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text.as_bytes());
        assert!(matches("ai", "ai") && !matches("ai", "ai.x") && !matches("ai", ""));
        assert!(matches("openlit.*", "openlit.instrumentation") && !matches("openlit.*", "openlit"));
        assert!(matches("*.doStream", "ai.streamText.doStream") && !matches("*.doStream", "ai.streamText"));
        assert!(matches("a*b*c", "a--b--c") && matches("a*b*c", "abbc") && !matches("a*b*c", "acb"));
        assert!(matches("*", "") && !matches("", "x") && !matches("aa*aa", "aaa"));
    }
}
