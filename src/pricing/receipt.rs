//! What a call cost, and why.

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use super::adjust::Adjusted;
use super::catalog::{ModelId, ProviderId};
use super::money::Picodollars;
use super::rate::Rate;
use super::rules::Applied;
use super::status::{Reason, Status};
use super::variant::{Variant, Variants};
use crate::genai::usage::{Bucket, Group};

/// Lines that a receipt holds without the heap; a usual call has two to four.
const USUAL_LINES: usize = 4;

/// One bucket of a receipt: quantity × rate (× the receipt's factor) = amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was counted.
    pub bucket: Bucket,
    /// Whose rate it is: cached input without a price of its own bills as input.
    pub rate_of: Bucket,
    /// How much of it.
    pub quantity: u64,
    /// The list price, for [`Bucket::per`] units, before any factor; [`Catalog::list_price`] has them in it.
    ///
    /// [`Catalog::list_price`]: super::Catalog::list_price
    pub rate: Rate,
    /// Picodollars; half the width of an amount that is a sum.
    pub(super) amount: u64,
}

impl Line {
    /// What it cost, rounded once.
    pub const fn amount(&self) -> Picodollars {
        Picodollars::new(self.amount as i128)
    }
}

// Receipts are made and moved once a call: what they say in words is looked up in the catalog when somebody reads it.
const _: () = assert!(size_of::<Line>() <= 32 && size_of::<Receipt>() <= 224);

/// What should be known about a price besides its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A service tier was named that the model publishes no price for: standard rates were used.
    pub tier_fallback: Option<TierName>,
    /// A batch call of a model without a batch price: the full rates were used.
    pub batch_fallback: bool,
    /// A part was larger than its whole and was cut to fit. Set by the caller, who made the usage disjoint.
    pub clamped: bool,
    /// The served model is unknown; the asked one was priced. Set by the caller from the resolution.
    pub asked_model: bool,
    /// The rates are worked out from what the GPUs cost: nobody bills them by the token.
    pub gpu_estimate: bool,
    /// The model's name is a variant, priced by these rules. Set by the caller from the resolution.
    pub variants: Variants,
}

impl Flags {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Flags {
    /// The flags that are set, as short stable texts; the one for the tier needs the tier's name.
    fn texts(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.batch_fallback, "no batch price: standard used"),
            (self.clamped, "a part exceeded its whole: clamped"),
            (self.asked_model, "served model unknown: asked model priced"),
            (self.gpu_estimate, "rates estimated from the price of GPUs"),
        ]
        .into_iter()
        .filter_map(|(set, text)| set.then_some(text))
        .chain(self.variants.iter().map(Variant::rule))
    }
}

/// Prints the flags, separated by `; `.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(tier) = &self.tier_fallback {
            write!(f, "no price for service tier {}: standard used", tier.as_str())?;
            separator = "; ";
        }
        for text in self.texts() {
            write!(f, "{separator}{text}")?;
            separator = "; ";
        }
        Ok(())
    }
}

/// A service tier's name as the call said it, cut to 15 bytes: names are short, and come from strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierName {
    bytes: [u8; 15],
    len: u8,
}

impl TierName {
    pub(super) fn new(name: &str) -> Self {
        let mut len = name.len().min(15);
        while !name.is_char_boundary(len) {
            len -= 1;
        }
        let mut bytes = [0; 15];
        bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
        Self { bytes, len: len as u8 }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// What a call cost and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What became of the price.
    pub status: Status,
    /// Why, where the status does not say it all.
    pub reason: Reason,
    /// What else should be known.
    pub flags: Flags,
    /// Who bills the call.
    pub provider: Option<ProviderId>,
    /// The model whose price was used.
    pub model: Option<ModelId>,
    /// The conditions of the model's price that were true, in order.
    pub applied: Applied,
    /// The adjustments of the catalog that were in force.
    pub adjusted: Adjusted,
    /// The priced buckets, in receipt order.
    pub lines: SmallVec<[Line; USUAL_LINES]>,
    /// The sum of the lines; meaningful only where [`Status::has_cost`].
    pub total: Picodollars,
}

impl Receipt {
    /// A receipt without a price.
    #[inline(always)]
    pub fn unpriced(status: Status, reason: Reason) -> Self {
        Self {
            status,
            reason,
            flags: Flags::default(),
            provider: None,
            model: None,
            applied: Applied::default(),
            adjusted: Adjusted::default(),
            lines: SmallVec::new(),
            total: Picodollars::ZERO,
        }
    }

    /// A receipt for a call that told no usage: its cost is unknown.
    pub fn no_usage() -> Self {
        Self::unpriced(Status::NoUsage, Reason::NoUsage)
    }

    /// The cost, unless it is unknown: unknown is never zero.
    pub fn cost(&self) -> Option<Picodollars> {
        self.status.has_cost().then_some(self.total)
    }

    /// What each part of the bill cost, by the number of its [`Group`].
    #[inline]
    pub fn parts(&self) -> [Picodollars; Group::COUNT] {
        let mut parts = [0; Group::COUNT];
        for line in &self.lines {
            // A few dozen lines of 64 bits can not fill 128.
            parts[line.bucket.group() as usize] += i128::from(line.amount);
        }
        parts.map(Picodollars::new)
    }

    /// Reason and flags as one text, empty where there is nothing to say. On the heap only where it must be put together.
    pub fn explanation(&self) -> Cow<'static, str> {
        let needs_words = self.flags.tier_fallback.is_some();
        let mut texts = self.flags.texts();
        match (self.reason, texts.next(), texts.next()) {
            (Reason::None, None, _) if !needs_words => Cow::Borrowed(""),
            (Reason::None, Some(only), None) if !needs_words => Cow::Borrowed(only),
            (Reason::None, ..) => Cow::Owned(self.flags.to_string()),
            (reason, None, _) if !needs_words => Cow::Owned(reason.to_string()),
            (reason, ..) => Cow::Owned(format!("{reason}; {}", self.flags)),
        }
    }
}
