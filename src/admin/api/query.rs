//! The parameters of a question: declared once, for reading them and for describing them.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::yaml::error::did_you_mean;

/// A parameter that a question may have.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A text without which there is no answer.
    Required,
    /// A number in these bounds, and which it is if it is not said.
    Number { from: usize, to: usize, default: usize },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The dimension by which it is told.
pub(super) const BY: Parameter = Parameter {
    name: "by",
    about: "The dimension whose values are told apart, as /api/v1/dimensions names them.",
    kind: Kind::Required,
};
/// How many rows.
pub(super) const TOP: Parameter = Parameter {
    name: "top",
    about: "Rows at most: the dearest. The rest is one more row, `other`.",
    kind: Kind::Number { from: 1, to: 10_000, default: 20 },
};
/// The beginning.
pub(super) const SINCE: Parameter = Parameter {
    name: "since",
    about: "The beginning: a time before now, as in 90m, 24h, 7d or 4w, or a date or time of RFC 3339, as in 2026-11-01 or \
            2026-11-01T12:00:00Z. A date begins at midnight in UTC. Without it: 24h.",
    kind: Kind::Text,
};
/// The end.
pub(super) const UNTIL: Parameter = Parameter {
    name: "until",
    about: "The end, likewise, which is no more part of it. Without it: the end of the coming hour, for senders' clocks may be ahead.",
    kind: Kind::Text,
};

/// The parameters that a request has.
#[derive(Debug)]
pub(super) struct Query<'q> {
    said: Vec<(&'static str, Cow<'q, str>)>,
}

impl<'q> Query<'q> {
    /// Reads the part of an address after its `?`.
    ///
    /// # Errors
    /// What is wrong with it, and what there is instead.
    pub(super) fn read(query: &'q str, parameters: &'static [Parameter]) -> Result<Self, String> {
        let mut said: Vec<(&'static str, Cow<'q, str>)> = Vec::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == key) else {
                let names = parameters.iter().map(|parameter| parameter.name);
                return Err(format!("there is no parameter {key:?}: {}", did_you_mean(&key, names)));
            };
            if said.iter().any(|(name, _)| *name == parameter.name) {
                return Err(format!("{key} is said twice: say it once"));
            }
            parameter.kind.check(&value).map_err(|remedy| format!("{key} is {value:?}: {remedy}"))?;
            said.push((parameter.name, value));
        }
        Ok(Query { said })
    }

    /// What is said.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.said.iter().find(|(said, _)| *said == name).map(|(_, value)| &**value)
    }

    /// The number that is said, or else its default.
    pub(super) fn number(&self, parameter: &Parameter) -> usize {
        let default = match parameter.kind {
            Kind::Number { default, .. } => default,
            _ => 0,
        };
        self.get(parameter.name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }
}

impl Kind {
    fn check(&self, value: &str) -> Result<(), String> {
        match self {
            Kind::Text | Kind::Required => Ok(()),
            Kind::Number { from, to, .. } => {
                let number = value.parse().ok().filter(|number| (*from..=*to).contains(number));
                number.map(drop).ok_or_else(|| format!("it is a number from {from} to {to}"))
            }
            Kind::OneOf(words) if words.contains(&value) => Ok(()),
            Kind::OneOf(words) => Err(did_you_mean(value, words.iter().copied())),
        }
    }
}

impl Parameter {
    /// As OpenAPI describes it.
    pub(super) fn describe(&self) -> Value {
        let schema = match &self.kind {
            Kind::Text | Kind::Required => json!({ "type": "string" }),
            Kind::Number { from, to, default } => {
                json!({ "type": "integer", "minimum": from, "maximum": to, "default": default })
            }
            Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        };
        json!({
            "name": self.name,
            "in": "query",
            "description": self.about,
            "required": matches!(self.kind, Kind::Required),
            "schema": schema,
        })
    }
}
