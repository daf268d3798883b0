//! How a call was settled in price, and why not better: closed lists, stable texts.

use std::fmt;
use std::str::FromStr;

use super::variant::Variant;
use crate::genai::usage::Bucket;

/// Declares [`Status`] with its texts and numbers in one table, so they cannot drift apart.
macro_rules! statuses {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $number:literal;)+) => {
        /// What became of a call's price. The numbers are stored: never reuse or renumber one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Status { $($(#[doc = $doc])+ $variant = $number,)+ }

        impl Status {
            /// Every status.
            pub const ALL: &[Status] = &[$(Status::$variant),+];

            /// The text of `pricetag.status`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Status::$variant => $name,)+ }
            }

            /// The status stored as this number.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number { $($number => Some(Status::$variant),)+ _ => None }
            }
        }
    };
}

statuses! {
    /// Every bucket had a rate.
    Priced = "priced", 1;
    /// The price is an explicit zero.
    Free = "free", 2;
    /// Some buckets have no rate; the priced part counts.
    Partial = "partial", 3;
    /// The catalog has no price for the model.
    UnknownModel = "unknown_model", 4;
    /// The catalog does not know the provider.
    UnknownProvider = "unknown_provider", 5;
    /// The call told no usage: its cost is unknown.
    NoUsage = "no_usage", 6;
    /// An error without usage: it cost nothing, and stands outside the unpriced share.
    Failed = "failed", 7;
    /// Absurd counts.
    Implausible = "implausible", 8;
    /// No price of ours; the sender's cost counts.
    Reported = "reported", 9;
    /// The same call was counted elsewhere.
    Duplicate = "duplicate", 10;
    /// Its children were counted.
    Aggregate = "aggregate", 11;
    /// The record could not be read (`quote` only).
    Error = "error", 12;
}

impl Status {
    /// Whether a receipt of this status has a total of ours that counts.
    pub const fn has_cost(self) -> bool {
        matches!(self, Status::Priced | Status::Free | Status::Partial)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a status")]
pub struct NotAStatus;

impl FromStr for Status {
    type Err = NotAStatus;
    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text).ok_or(NotAStatus)
    }
}

/// A set of buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buckets(u32);

const _: () = assert!(Bucket::COUNT <= 32, "Buckets holds 32");

impl Buckets {
    /// Adds one.
    pub const fn insert(&mut self, bucket: Bucket) {
        self.0 |= 1 << bucket as u32;
    }

    /// Whether it is in the set.
    pub const fn contains(self, bucket: Bucket) -> bool {
        self.0 >> bucket as u32 & 1 == 1
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in the set, in receipt order.
    pub fn iter(self) -> impl Iterator<Item = Bucket> {
        Bucket::ALL.into_iter().filter(move |&bucket| self.contains(bucket))
    }
}

/// Why a receipt's status is what it is, beyond the status itself. Prints as a short stable text, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// Nothing to explain.
    #[default]
    None,
    /// No provider or host of the catalog goes by that name.
    ProviderNotInCatalog,
    /// The provider is known, the model is not.
    ModelNotInCatalog,
    /// The model is a variant, whose price the catalog lacks.
    VariantHasNoPrice(Variant),
    /// The name says that web searches were billed, and the call does not say how many.
    SearchesNotCounted,
    /// The catalog lists the model without any price.
    ModelHasNoPrice,
    /// These buckets were used and have neither a rate nor a parent's.
    NoRate(Buckets),
    /// Nothing was counted.
    NoUsage,
    /// Counts or rates too large for money.
    TooLarge,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::ProviderNotInCatalog => f.write_str("provider not in catalog; add it to a price file"),
            Self::ModelNotInCatalog => f.write_str("model not in catalog; add it to a price file"),
            Self::VariantHasNoPrice(variant) => {
                write!(f, "variant {}: {}", variant.mark(), variant.unpriced())
            }
            Self::SearchesNotCounted => f.write_str("web searches not counted"),
            Self::ModelHasNoPrice => f.write_str("no price in catalog"),
            Self::NoRate(buckets) => {
                f.write_str("no rate for ")?;
                for (nth, bucket) in buckets.iter().enumerate() {
                    write!(f, "{}{bucket}", if nth > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::NoUsage => f.write_str("no usage reported"),
            Self::TooLarge => f.write_str("amount too large"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_lead_back() {
        for &status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(Status::from_u8(status as u8), Some(status));
        }
        assert_eq!(Status::from_u8(0), None);
    }

    #[test]
    fn a_reason_names_its_buckets() {
        let mut buckets = Buckets::default();
        buckets.insert(Bucket::WebSearch);
        buckets.insert(Bucket::Output);
        assert_eq!(Reason::NoRate(buckets).to_string(), "no rate for output, web_search");
    }
}
