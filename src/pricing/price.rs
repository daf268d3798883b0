//! Putting a price on a call.

use super::catalog::{Catalog, ModelId};
use super::matching::Resolution;
use super::money::Picodollars;
use super::rate::Factor;
use super::receipt::{Flags, Line, Receipt, TierName};
use super::rules::Conditions;
use super::status::{Buckets, Reason, Status};
use crate::genai::usage::{Bucket, MAX_PLAUSIBLE, Usage};

impl Catalog {
    /// The receipt of a call whose names were resolved: [`price`](Self::price) where its model is known. The
    /// region that the model's name carried counts more than the one in `conditions`.
    pub fn receipt(&self, found: &Resolution, conditions: &Conditions<'_>, usage: &Usage) -> Receipt {
        let Some(model) = found.model else {
            let (status, reason) = if found.provider.is_none() && found.provider_named {
                (Status::UnknownProvider, Reason::ProviderNotInCatalog)
            } else {
                let reason = found.unpriced.map_or(Reason::ModelNotInCatalog, Reason::VariantHasNoPrice);
                (Status::UnknownModel, reason)
            };
            return Receipt { provider: found.provider, ..Receipt::unpriced(status, reason) };
        };
        let mut conditions = *conditions;
        // An inference profile says what is billed; the other one is where the call came from.
        conditions.region = found.region.unwrap_or(conditions.region);
        let mut receipt = if found.variants.is_empty() {
            self.price(model, &conditions, usage)
        } else {
            let billed = found.variants.before(&mut conditions, usage);
            found.variants.after(self.price(model, &conditions, &billed), usage)
        };
        // Who bills, where that is not whose list the price stands in.
        receipt.provider = found.provider.or(receipt.provider);
        receipt.flags.asked_model = found.asked_model;
        receipt
    }

    /// What `usage` of `model` cost under `conditions`.
    ///
    /// Rates resolve first, key by key; then all true factors multiply token rates; each line is rounded once. A call
    /// is one request, where the model charges by the request and `usage` does not say otherwise.
    ///
    /// Empty usage is usage of zero and costs nothing. A call that *told* no usage costs an unknown amount: ask
    /// [`Counts::is_empty`](crate::genai::usage::Counts::is_empty) first and use [`Receipt::no_usage`].
    pub fn price(&self, model: ModelId, conditions: &Conditions<'_>, usage: &Usage) -> Receipt {
        let entry = self.entry(model);
        let mut receipt = Receipt::unpriced(Status::Priced, Reason::None);
        receipt.provider = Some(entry.provider);
        receipt.model = Some(model);
        if entry.rules.is_empty() {
            return refuse(receipt, Status::UnknownModel, Reason::ModelHasNoPrice);
        }
        if usage.largest() > MAX_PLAUSIBLE {
            return refuse(receipt, Status::Implausible, Reason::TooLarge);
        }

        let in_force = entry.rules.in_force(conditions, usage.input_tokens());
        receipt.applied = in_force.applied;
        receipt.flags = Flags {
            tier_fallback: (!in_force.tier_priced).then(|| TierName::new(conditions.tier())),
            batch_fallback: !in_force.batch_priced,
            ..Flags::default()
        };
        let Some(token_factor) = in_force.factor else {
            return refuse(receipt, Status::Implausible, Reason::TooLarge);
        };
        let requests = usage[Bucket::Requests] == 0 && in_force.own_rate(Bucket::Requests).is_some();
        let mut unpriced = Buckets::default();
        let mut free = true;
        for (bucket, quantity) in usage.iter().chain(requests.then_some((Bucket::Requests, 1))) {
            let Some((rate_of, rate)) = in_force.rate(bucket) else {
                unpriced.insert(bucket);
                continue;
            };
            let factor = if bucket.is_tokens() { token_factor } else { Factor::ONE };
            let sum = rate
                .amount(bucket, quantity, factor)
                .and_then(|amount| Some((amount, receipt.total.checked_add(amount)?)));
            let Some((amount, total)) = sum else {
                return refuse(receipt, Status::Implausible, Reason::TooLarge);
            };
            free &= rate.is_zero() || factor.is_zero();
            receipt.lines.push(Line { bucket, quantity, rate, rate_of, factor, amount });
            receipt.total = total;
        }
        (receipt.status, receipt.reason) = match (unpriced.is_empty(), receipt.lines.is_empty()) {
            // Nothing that was used has a price: a total of zero would be a lie.
            (false, true) => (Status::UnknownModel, Reason::NoRate(unpriced)),
            (false, false) => (Status::Partial, Reason::NoRate(unpriced)),
            (true, false) if free => (Status::Free, Reason::None),
            (true, _) => (Status::Priced, Reason::None),
        };
        receipt
    }
}

fn refuse(mut receipt: Receipt, status: Status, reason: Reason) -> Receipt {
    receipt.status = status;
    receipt.reason = reason;
    receipt.lines.clear();
    receipt.total = Picodollars::ZERO;
    receipt
}
