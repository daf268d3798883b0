//! Strangers' words, made fit for a log line or a terminal. Pure.

use std::error::Error;
use std::fmt::{Display, Write as _};

/// The longest text of a destination that is repeated, in characters.
const MAX_CHARS: usize = 256;

/// `text` on one line, at most 256 characters, with everything escaped that could steer a terminal.
pub fn printable(text: &str) -> String {
    let mut out = escaped(text.trim(), MAX_CHARS);
    if text.trim().chars().nth(MAX_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// The first `max_chars` characters of `text`, control characters and reordering marks escaped.
pub fn escaped(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_chars));
    for c in text.chars().take(max_chars) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // JSON's form, so that JSON stays JSON; all of these are below U+10000.
            c if steers(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether `c` acts on a terminal instead of showing: controls (C0, C1, DEL), line separators, and the
/// marks that reorder what stands around them.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A number with commas between thousands: `1,234,567`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouped(pub u128);

impl From<u8> for Grouped {
    fn from(count: u8) -> Self {
        Grouped(count.into())
    }
}

impl Display for Grouped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// `1 span`, `2 spans`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// An error and its causes on one line, each said once.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Libraries differ in whether a message repeats its cause.
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        cause = error.source();
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(
            printable(" a\u{1b}[31m\nb\u{202e}c\u{61c}\u{7f}\u{9b}é\"\\ "),
            "a\\u001b[31m\\nb\\u202ec\\u061c\\u007f\\u009bé\"\\"
        );
    }

    #[test]
    fn thousands_are_grouped() {
        let shown = [0, 7, 999, 1_000, 1_234_567].map(|number| Grouped(number).to_string());
        assert_eq!(shown, ["0", "7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let long = printable(&"x".repeat(1_000_000));
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
        assert!(long.ends_with('…'));
        assert!(!printable(&"x".repeat(MAX_CHARS)).ends_with('…'));
    }
}
