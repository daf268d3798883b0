//! What type a plain YAML scalar has.
//!
//! YAML 1.2's core schema, with the Collector's habits (Go's yaml.v3) where they go further: `0b11`,
//! `1_000` as numbers. `yes`, `no`, `on` and `off` are text here and booleans only where a boolean is
//! asked for, as yaml.v3 does it; so a header may say `on`, and `insecure: yes` works.

/// A plain scalar with its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Typed<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

/// The type that a plain scalar has by its looks.
pub(crate) fn typed(text: &str) -> Typed<'_> {
    if super::tree::is_null(text) {
        return Typed::Null;
    }
    match text {
        "true" | "True" | "TRUE" => Typed::Bool(true),
        "false" | "False" | "FALSE" => Typed::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => Typed::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Typed::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Typed::Float(f64::NAN),
        _ => number(text).unwrap_or(Typed::Text(text)),
    }
}

/// A boolean where one is asked for: YAML 1.1's words too.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<Typed<'static>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    // Also keeps out what Rust reads as numbers and YAML does not: `inf`, `nan`.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let is_negative = text.starts_with('-');
    let (digits, radix) = match unsigned.get(..2) {
        Some("0x") => (&unsigned[2..], 16),
        Some("0o") => (&unsigned[2..], 8),
        Some("0b") => (&unsigned[2..], 2),
        _ => (unsigned, 10),
    };
    let digits = if digits.starts_with('_') { return None } else { digits.replace('_', "") };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if let Ok(value) = u64::from_str_radix(&digits, radix) {
        return if is_negative {
            0i64.checked_sub_unsigned(value).map(Typed::Signed)
        } else {
            Some(Typed::Unsigned(value))
        };
    }
    let value: f64 = if radix == 10 { digits.parse().ok()? } else { return None };
    Some(Typed::Float(if is_negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (text, expected) in [
            ("", Typed::Null),
            ("~", Typed::Null),
            ("true", Typed::Bool(true)),
            ("yes", Typed::Text("yes")),
            ("64", Typed::Unsigned(64)),
            ("-1", Typed::Signed(-1)),
            ("010", Typed::Unsigned(10)),
            ("0x10", Typed::Unsigned(16)),
            ("0o17", Typed::Unsigned(15)),
            ("1_000", Typed::Unsigned(1000)),
            ("1e3", Typed::Float(1000.0)),
            ("-0.5", Typed::Float(-0.5)),
            (".5", Typed::Float(0.5)),
            ("inf", Typed::Text("inf")),
            ("127.0.0.1", Typed::Text("127.0.0.1")),
            ("5s", Typed::Text("5s")),
            ("0x", Typed::Text("0x")),
            ("--1", Typed::Text("--1")),
            ("99999999999999999999", Typed::Float(1e20)),
        ] {
            assert_eq!(typed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn booleans_take_the_words_of_yaml_1_1() {
        assert_eq!(boolean("yes"), Some(true));
        assert_eq!(boolean("Off"), Some(false));
        assert_eq!(boolean("1"), None);
    }
}
