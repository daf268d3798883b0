//! What a variant does to a receipt: the rules of `variant`, as money.

use super::money::Picodollars;
use super::receipt::{Line, Receipt};
use super::rules::Conditions;
use super::status::{Reason, Status};
use super::variant::{Variant, Variants};
use crate::genai::usage::{Bucket, Group, Usage};

impl Variants {
    /// What `price` is asked for: a batch where the name says so, and no tokens where they are free.
    pub(super) fn before(self, conditions: &mut Conditions<'_>, usage: &Usage) -> Usage {
        conditions.batch |= self.contains(Variant::Batch);
        let mut billed = *usage;
        if self.contains(Variant::Free) {
            for bucket in Bucket::ALL.into_iter().filter(|bucket| bucket.group() != Group::Other) {
                billed[bucket] = 0;
            }
        }
        billed
    }

    /// The receipt that `price` made, with what only the name says.
    pub(super) fn after(self, receipt: &mut Receipt, usage: &Usage) {
        receipt.flags.variants = self;
        if !receipt.status.has_cost() {
            return;
        }
        if self.contains(Variant::Batch) && receipt.flags.batch_fallback {
            return unknown(receipt, Reason::VariantHasNoPrice(Variant::Batch));
        }
        if self.contains(Variant::Free) {
            receipt.lines.retain(|line| line.bucket != Bucket::Requests);
            receipt.total =
                receipt.lines.iter().map(Line::amount).fold(Picodollars::ZERO, Picodollars::saturating_add);
            if receipt.lines.is_empty() {
                receipt.status = Status::Free;
            }
        }
        if self.contains(Variant::Online) && usage[Bucket::WebSearch] == 0 {
            // The searches are all that such a call of a free model costs.
            if receipt.total == Picodollars::ZERO {
                return unknown(receipt, Reason::SearchesNotCounted);
            }
            receipt.status = Status::Partial;
            receipt.reason = Reason::SearchesNotCounted;
        }
    }
}

fn unknown(receipt: &mut Receipt, reason: Reason) {
    receipt.status = Status::UnknownModel;
    receipt.reason = reason;
    // The reason says it.
    receipt.flags.batch_fallback = false;
    receipt.flags.variants = Variants::default();
    receipt.lines.clear();
    receipt.total = Picodollars::ZERO;
}

#[cfg(test)]
mod tests;
