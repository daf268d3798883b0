//! Putting a price on a call.

use super::adjust::{self, Adjusted};
use super::catalog::{Catalog, ModelId};
use super::decimal::Decimal;
use super::matching::Resolution;
use super::money::Picodollars;
use super::rate::Factor;
use super::receipt::{Line, Receipt, TierName};
use super::region::Region;
use super::rules::Conditions;
use super::status::{Buckets, Reason, Status};
use crate::genai::usage::{Bucket, MAX_PLAUSIBLE, Usage};

impl Catalog {
    /// The receipt of a call whose names were resolved: [`price`](Self::price) where its model is known, and the
    /// adjustments of who bills. The region that the model's name or the host said counts more than the one in `conditions`.
    ///
    /// An adjustment of `x: 0` makes a call free even where its model is unknown: whatever it is, nothing is billed.
    pub fn receipt(&self, found: &Resolution, conditions: &Conditions<'_>, usage: &Usage) -> Receipt {
        let mut receipt = Receipt::unpriced(Status::Priced, Reason::None);
        self.fill(&mut receipt, found, conditions, usage);
        receipt
    }

    /// [`receipt`](Self::receipt) into a new one, where it stays: moving it about takes as long as pricing a bucket.
    pub(crate) fn fill(
        &self,
        receipt: &mut Receipt,
        found: &Resolution,
        conditions: &Conditions<'_>,
        usage: &Usage,
    ) {
        let adjusted = adjust::in_force(&self.adjustments, found.adjusted, conditions.end());
        let Some(model) = found.model else {
            let (status, reason) = if self.is_free(adjusted) {
                (Status::Free, Reason::None)
            } else if found.provider.is_none() && found.provider_named {
                (Status::UnknownProvider, Reason::ProviderNotInCatalog)
            } else {
                let reason = found.unpriced.map_or(Reason::ModelNotInCatalog, Reason::VariantHasNoPrice);
                (Status::UnknownModel, reason)
            };
            receipt.provider = found.provider;
            receipt.adjusted = adjusted;
            return refuse(receipt, status, reason);
        };
        if found.region.is_none() && found.variants.is_empty() {
            self.bill(receipt, model, adjusted, conditions, usage);
        } else {
            let mut conditions = *conditions;
            // An inference profile says what is billed; the other one is where the call came from.
            conditions.region = found.region.as_ref().map_or(conditions.region, Region::as_str);
            if found.variants.is_empty() || self.is_free(adjusted) {
                self.bill(receipt, model, adjusted, &conditions, usage);
            } else {
                let billed = found.variants.before(&mut conditions, usage);
                self.bill(receipt, model, adjusted, &conditions, &billed);
                found.variants.after(receipt, usage);
            }
        }
        // Who bills, where that is not whose list the price stands in.
        receipt.provider = found.provider.or(receipt.provider);
        receipt.flags.asked_model = found.asked_model;
    }

    /// What `usage` of `model` cost under `conditions` by the list, without anyone's adjustments.
    ///
    /// Rates resolve first, key by key; then all true factors multiply token rates; each line is rounded once. A call
    /// is one request, where the model charges by the request and `usage` does not say otherwise.
    ///
    /// Empty usage is usage of zero and costs nothing. A call that *told* no usage costs an unknown amount: ask
    /// [`Counts::is_empty`](crate::genai::counts::Counts::is_empty) first and use [`Receipt::no_usage`].
    pub fn price(&self, model: ModelId, conditions: &Conditions<'_>, usage: &Usage) -> Receipt {
        let mut receipt = Receipt::unpriced(Status::Priced, Reason::None);
        self.bill(&mut receipt, model, Adjusted::default(), conditions, usage);
        receipt
    }

    fn bill(
        &self,
        receipt: &mut Receipt,
        model: ModelId,
        adjusted: Adjusted,
        conditions: &Conditions<'_>,
        usage: &Usage,
    ) {
        let entry = self.entry(model);
        receipt.provider = Some(entry.provider);
        receipt.model = Some(model);
        receipt.adjusted = adjusted;
        if entry.rules.is_empty() {
            return match self.is_free(adjusted) {
                true => refuse(receipt, Status::Free, Reason::None),
                false => refuse(receipt, Status::UnknownModel, Reason::ModelHasNoPrice),
            };
        }

        if usage.exceeds(MAX_PLAUSIBLE) {
            return refuse(receipt, Status::Implausible, Reason::TooLarge);
        }
        let in_force = entry.rules.in_force(conditions, usage.input_tokens());
        receipt.applied = in_force.applied;
        // One by one: made and moved as a whole, they would be read before they are written.
        receipt.flags.batch_fallback = !in_force.batch_priced;
        receipt.flags.gpu_estimate = entry.gpu.is_some();
        if !in_force.tier_priced {
            receipt.flags.tier_fallback = Some(TierName::new(conditions.tier()));
        }
        let Some((for_tokens, for_others)) = self.factors(receipt) else {
            return refuse(receipt, Status::Implausible, Reason::TooLarge);
        };
        let requests = entry.rules.bills_requests
            && usage[Bucket::Requests] == 0
            && in_force.own_rate(Bucket::Requests).is_some();
        let mut unpriced = Buckets::default();
        let mut free = true;
        let mut total = 0;
        for (bucket, quantity) in usage.iter().chain(requests.then_some((Bucket::Requests, 1))) {
            let Some((rate_of, rate)) = in_force.rate(bucket) else {
                unpriced.insert(bucket);
                continue;
            };
            let factor = if bucket.is_tokens() { for_tokens } else { for_others };
            let Some(amount) = rate.amount(bucket, quantity, factor) else {
                return refuse(receipt, Status::Implausible, Reason::TooLarge);
            };
            free &= rate.is_zero() || factor.is_zero();
            receipt.lines.push(Line { bucket, rate_of, quantity, rate, amount });
            // A few dozen lines of 64 bits can not fill 128.
            total += i128::from(amount);
        }
        receipt.total = Picodollars::new(total);
        (receipt.status, receipt.reason) = match (unpriced.is_empty(), receipt.lines.is_empty()) {
            // Whatever a bucket would cost, nothing of it is billed.
            (false, _) if for_others.is_zero() => (Status::Free, Reason::None),
            // Nothing that was used has a price: a total of zero would be a lie.
            (false, true) => (Status::UnknownModel, Reason::NoRate(unpriced)),
            (false, false) => (Status::Partial, Reason::NoRate(unpriced)),
            (true, false) if free => (Status::Free, Reason::None),
            (true, _) => (Status::Priced, Reason::None),
        };
    }

    fn is_free(&self, adjusted: Adjusted) -> bool {
        !adjusted.is_empty()
            && adjust::factor(&self.adjustments, adjusted).is_some_and(|factor| factor.is_zero())
    }

    /// What token rates and what other rates were multiplied by for a receipt; `None` where it does not fit.
    pub(super) fn factors(&self, receipt: &Receipt) -> Option<(Factor, Factor)> {
        if receipt.applied.is_empty() && receipt.adjusted.is_empty() {
            return Some((Factor::ONE, Factor::ONE));
        }
        let by_rule = match receipt.model {
            Some(model) => self.entry(model).rules.factor(receipt.applied)?,
            None => Factor::ONE,
        };
        if receipt.adjusted.is_empty() {
            return Some((by_rule, Factor::ONE));
        }
        let adjusted = adjust::factor(&self.adjustments, receipt.adjusted)?;
        Some((by_rule.checked_mul(adjusted)?, adjusted))
    }

    /// Dollars for [`Bucket::per`] units of a line's bucket, exactly, all factors included.
    pub fn list_price(&self, receipt: &Receipt, line: &Line) -> Decimal {
        let factors = self.factors(receipt);
        let factor = factors.map(|(tokens, others)| if line.bucket.is_tokens() { tokens } else { others });
        let price = line.rate.dollars();
        factor.and_then(|factor| price.checked_mul(factor.decimal())).unwrap_or(price)
    }

    /// Dollars for one unit of a line's bucket, all factors included: exact where the decimal ends (everything but
    /// audio hours), else to the picodollar.
    pub fn unit_price(&self, receipt: &Receipt, line: &Line) -> Decimal {
        let price = self.list_price(receipt, line);
        match line.bucket.per() {
            1_000_000 => Decimal::new(price.mantissa(), price.scale() + 6),
            1_000 => Decimal::new(price.mantissa(), price.scale() + 3),
            per => Decimal::new(price.rounded(12).at_scale(12).unwrap_or(0) / i128::from(per), 12),
        }
    }
}

fn refuse(receipt: &mut Receipt, status: Status, reason: Reason) {
    receipt.status = status;
    receipt.reason = reason;
    receipt.lines.clear();
    receipt.total = Picodollars::ZERO;
}
