//! What a record calls itself, so that the answer can be joined to it: read on its own, for a record with a mistake in it
//! says it too.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A record's names for itself.
#[derive(Debug, Default, Deserialize)]
pub struct Named<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    provider: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
}

impl<'a> Named<'a> {
    /// Reads them from a line; nothing where the line is no JSON object.
    pub fn parse(line: &'a [u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_default()
    }

    /// `id`, if it is a text or a number, as it is written there.
    pub fn id(&self) -> Option<&'a RawValue> {
        self.id.filter(|id| id.get().starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9')))
    }

    /// `provider`, if it is a text.
    pub fn provider(&self) -> Option<&'a RawValue> {
        self.provider.filter(is_text)
    }

    /// `model`, if it is a text.
    pub fn model(&self) -> Option<&'a RawValue> {
        self.model.filter(is_text)
    }
}

fn is_text(value: &&RawValue) -> bool {
    value.get().starts_with('"')
}
