//! Whose money it was: dimensions, where their values come from, and the names of actions. Pure.
//!
//! The value of a dimension is the first answer of: the span itself, a span above it, its resource, a header of the request that
//! brought it or who has logged in to send it, a fixed value, a lookup by another dimension. A call is forwarded with what is known then; spans above it tend
//! to come later, so its booking may move when its trace settles.

pub mod actions;
pub mod defaults;
pub mod lookups;
pub mod margin;
pub mod unknown;

use aws_lc_rs::hmac;

pub use crate::genai::dimensions::MAX_VALUE;
pub use actions::ActionNames;
pub use lookups::Lookups;
pub use unknown::Unknown;

/// A dimension, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// Its name: `user`, `tenant` ...
    pub name: String,
    /// Attribute keys that tell it, the preferred one first.
    pub keys: Vec<String>,
    /// The attribute under which it is written on priced spans.
    pub written: String,
    /// What of the request tells it.
    pub request: Option<OfRequest>,
    /// What it is where neither spans, resource nor header say.
    pub value: Option<String>,
    /// Values are kept and written as keyed hashes only.
    pub hashed: bool,
}

/// What a request tells besides its body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfRequest {
    /// A header, in lower case.
    Header(String),
    /// Who has logged in to send it. Nothing in the body tells a dimension that this does: a sender can not be somebody else.
    Login,
}

impl OfRequest {
    /// What it is called: like its header, or like none.
    pub fn name(&self) -> &str {
        match self {
            OfRequest::Header(name) => name,
            OfRequest::Login => ":login",
        }
    }
}

impl Dimension {
    /// Whether only who has logged in tells it.
    pub fn is_of_login(&self) -> bool {
        self.request == Some(OfRequest::Login)
    }
}

/// Where to find whose money it was.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    /// The dimensions; a booking has its values in their order.
    pub dimensions: Vec<Dimension>,
    /// Hashes the values of those that are to be hashed.
    pub hasher: Option<Hasher>,
    /// What actions are called.
    pub actions: ActionNames,
    /// How many tables lead from one dimension to others.
    pub lookups: usize,
    /// What customers pay.
    pub margin: margin::Rules,
}

impl Attribution {
    /// Dimensions that are told by attributes alone.
    pub fn of_keys(dimensions: &[(&str, &[&str])]) -> Self {
        let dimension = |(name, keys): &(&str, &[&str])| Dimension {
            name: (*name).to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            written: written_as(name, false),
            ..Dimension::default()
        };
        Attribution { dimensions: dimensions.iter().map(dimension).collect(), ..Attribution::default() }
    }

    /// The place of a dimension.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.dimensions.iter().position(|dimension| dimension.name == name)
    }
}

/// The attribute under which a dimension is written: the conventions' own where they have one (`user.id`, `user.hash`, `session.id`).
pub fn written_as(name: &str, hashed: bool) -> String {
    match (name, hashed) {
        ("user", false) => "user.id".to_owned(),
        ("user", true) => "user.hash".to_owned(),
        ("session", false) => "session.id".to_owned(),
        _ => format!("pricetag.{name}"),
    }
}

/// Hashes ids for who may not keep them: HMAC-SHA-256, of which the first 128 bits are kept. Without the key nobody can try
/// out who it was.
#[derive(Clone)]
pub struct Hasher(hmac::Key);

impl Hasher {
    /// A hasher with a secret.
    pub fn new(secret: &[u8]) -> Self {
        Hasher(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// 32 hexadecimal digits for a value.
    pub fn hash(&self, value: &[u8]) -> String {
        let tag = hmac::sign(&self.0, value);
        let (first, _) = tag.as_ref().split_at(16);
        first.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The third test case of RFC 4231's kind: known key, known data, known tag.
    #[test]
    fn hashes_are_hmac_sha_256() {
        let hasher = Hasher::new(b"Jefe");
        // RFC 4231, section 4.3.
        assert_eq!(hasher.hash(b"what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
        assert_ne!(hasher.hash(b"ann"), Hasher::new(b"other").hash(b"ann"));
        assert_eq!(format!("{hasher:?}"), "Hasher(..)");
    }
}
