//! The small types of config values.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A value that must not be shown: API keys in headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Secret(secret.into())
    }

    /// The secret itself, for where it is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An empty variable is an empty header, which gets a notice, not a type error.
        Ok(Secret(Option::<String>::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// The name of a component or pipeline: its type, and a name where there are several, as in `otlp/jaeger`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    kind: String,
    name: Option<String>,
}

impl ComponentId {
    /// What stands before the `/`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What stands after it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl FromStr for ComponentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        if kind.is_empty() || name.is_some_and(str::is_empty) {
            return Err(format!(
                "{text:?} is no component id; write `type` or `type/name`, as in `otlp/jaeger`"
            ));
        }
        Ok(ComponentId { kind: kind.to_owned(), name: name.map(str::to_owned) })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        match &self.name {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A duration in Go's syntax, which is the Collector's: `300ms`, `5s`, `1m30s`, `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

const NANOS_PER_SECOND: u128 = 1_000_000_000;

impl FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration; write it as 300ms, 5s, 1m30s or 1h");
        if text == "0" {
            return Ok(GoDuration(Duration::ZERO));
        }
        let mut nanos: u128 = 0;
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, after) = rest.split_at(number_end);
            let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            let unit: u128 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => NANOS_PER_SECOND,
                "m" => 60 * NANOS_PER_SECOND,
                "h" => 3_600 * NANOS_PER_SECOND,
                _ => return Err(wrong()),
            };
            let amount = scaled(number, unit).ok_or_else(wrong)?;
            nanos = nanos.checked_add(amount).ok_or_else(wrong)?;
            rest = after;
        }
        // Go's durations end at 292 years; so do these.
        let nanos =
            u64::try_from(nanos).ok().filter(|nanos| i64::try_from(*nanos).is_ok()).ok_or_else(wrong)?;
        Ok(GoDuration(Duration::from_nanos(nanos)))
    }
}

/// `1.5` of a unit in nanoseconds, without floating point.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits below a tenth of a nanosecond of an hour change nothing.
    let fraction = &fraction[..fraction.len().min(15)];
    let below = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u128>().ok()?.checked_mul(unit)? / 10u128.pow(u32::try_from(fraction.len()).ok()?)
    };
    whole.checked_mul(unit)?.checked_add(below)
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, expected) in [
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("300ms", Duration::from_millis(300)),
            ("5s", Duration::from_secs(5)),
            ("1m30s", Duration::from_secs(90)),
            ("1.5h", Duration::from_secs(5400)),
            (".5s", Duration::from_millis(500)),
            ("2us3ns", Duration::from_nanos(2003)),
        ] {
            assert_eq!(text.parse(), Ok(GoDuration(expected)), "{text}");
        }
        for text in ["", "5", "s", "5 s", "-5s", "5x", "1.2.3s", ".s", "99999999999999h", "1d"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[REDACTED] [REDACTED]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn ids_have_a_type_and_perhaps_a_name() {
        let id: ComponentId = "otlp/jaeger/2".parse().unwrap();
        assert_eq!(
            (id.kind(), id.name(), id.to_string().as_str()),
            ("otlp", Some("jaeger/2"), "otlp/jaeger/2")
        );
        assert!("otlp/".parse::<ComponentId>().is_err());
        assert!("/x".parse::<ComponentId>().is_err());
    }
}
