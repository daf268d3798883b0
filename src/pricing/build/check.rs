//! What one entry of a file means, and what is wrong with it.

use super::place::Place;
use crate::genai::usage::Bucket;
use crate::pricing::adjust::Adjustment;
use crate::pricing::catalog::{Model, ProviderId};
use crate::pricing::format::{AdjustEntry, CatalogFile, ModelEntry, Rates, WhenEntry};
use crate::pricing::gpu::Gpu;
use crate::pricing::pattern::Pattern;
use crate::pricing::rate::{Factor, Rate};
use crate::pricing::rules::{MAX_WHENS, Patch, Rules, When, tier_key};
use crate::pricing::when::Days;
use crate::yaml::path::Path;

/// A mistake: the layer, the place in it, what is wrong, and what to do.
pub(super) struct Wrong {
    pub(super) layer: u8,
    pub(super) path: Path,
    pub(super) problem: String,
    pub(super) remedy: String,
}

/// Turns entries into what they mean, and goes on after a mistake.
#[derive(Default)]
pub(super) struct Checks {
    pub(super) wrongs: Vec<Wrong>,
}

impl Checks {
    pub(super) fn wrong(&mut self, at: &Place<'_>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.wrongs.push(Wrong {
            layer: at.layer(),
            path: at.path(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// A problem that says its remedy after `; `.
    pub(super) fn wrong_text(&mut self, at: &Place<'_>, text: &str) {
        let (problem, remedy) = text.rsplit_once("; ").unwrap_or((text, "mend it, or remove it"));
        self.wrong(at, problem, remedy);
    }

    /// Dollars for one unit of the file's currency.
    pub(super) fn exchange(&mut self, at: &Place<'_>, file: &CatalogFile) -> Factor {
        let currency = file.currency.as_deref().unwrap_or("USD").trim();
        match (currency.eq_ignore_ascii_case("USD"), file.usd_per_unit) {
            (true, None) => Factor::ONE,
            (true, Some(rate)) if rate.is_one() => Factor::ONE,
            (true, Some(_)) => {
                let remedy = "name the file's currency as `currency`, or remove it";
                self.wrong(&at.key("usd_per_unit"), "a dollar is a dollar", remedy);
                Factor::ONE
            }
            (false, Some(rate)) if !rate.is_zero() => rate,
            (false, said) => {
                let at = at.key(if said.is_some() { "usd_per_unit" } else { "currency" });
                let problem = format!(
                    "the ledger counts dollars, and what a unit of `{currency}` is worth is not said"
                );
                self.wrong(&at, problem, "add `usd_per_unit`, such as 1.08, or convert the amounts");
                Factor::ONE
            }
        }
    }

    /// An amount of the file in dollars.
    pub(super) fn convert(&mut self, at: &Place<'_>, rate: Rate, exchange: Factor) -> Rate {
        if exchange.is_one() {
            return rate;
        }
        rate.times(exchange).unwrap_or_else(|| {
            self.wrong(at, format!("`{rate}` is too large in dollars"), "check the rate and `usd_per_unit`");
            rate
        })
    }

    pub(super) fn patch(
        &mut self,
        at: &Place<'_>,
        rates: &Rates,
        exchange: Factor,
    ) -> Vec<(Bucket, Option<Rate>)> {
        let convert = |(bucket, rate): &(Bucket, Option<Rate>)| {
            let at = at.key(bucket.name());
            (*bucket, rate.map(|rate| self.convert(&at, rate, exchange)))
        };
        rates.0.iter().map(convert).collect()
    }

    pub(super) fn model(&mut self, at: &Place<'_>, id: &str, entry: &ModelEntry, exchange: Factor) -> Model {
        let at_rates = at.key("rates");
        for (bucket, _) in entry.rates.0.iter().filter(|(_, rate)| rate.is_none()) {
            self.wrong(&at_rates.key(bucket.name()), "there is nothing to remove here", "drop the null");
        }
        let mut base = self.patch(&at_rates, &entry.rates, exchange);
        let gpu = entry.gpu.as_ref().and_then(|entry| {
            Gpu::new(entry)
                .map_err(|(key, problem, remedy)| self.wrong(&at.key("gpu").key(key), problem, remedy))
                .ok()
        });
        if let Some(gpu) = &gpu {
            for (bucket, _) in &base {
                if matches!(bucket, Bucket::Input | Bucket::Output) {
                    let problem = format!("`gpu` makes the rate of `{bucket}` already");
                    self.wrong(&at_rates.key(bucket.name()), problem, "keep the rate or `gpu`");
                }
            }
            match gpu.rates(exchange) {
                Some([input, output]) => {
                    base.extend([(Bucket::Input, Some(input)), (Bucket::Output, Some(output))]);
                }
                None => {
                    let remedy = "check the units, and round what has many digits";
                    self.wrong(&at.key("gpu"), "it makes a rate too large or too long to work with", remedy);
                }
            }
        }
        let at_whens = at.key("when");
        if entry.when.len() > MAX_WHENS {
            let remedy = format!("keep at most {MAX_WHENS}: drop those long past");
            self.wrong(&at_whens, format!("{} conditions", entry.when.len()), remedy);
        }
        let mut whens = Vec::with_capacity(entry.when.len());
        for (nth, entry) in entry.when.iter().enumerate().take(MAX_WHENS) {
            whens.push(self.when(&at_whens.index(nth), entry, exchange));
        }
        Model {
            id: id.into(),
            provider: ProviderId(0),
            rules: Rules::new(Patch::new(&base), whens.into()),
            gpu: gpu.map(Box::new),
            retires: entry.retires,
            source: entry.source.as_deref().map(Into::into),
            layer: at.layer(),
        }
    }

    pub(super) fn when(&mut self, at: &Place<'_>, entry: &WhenEntry, exchange: Factor) -> When {
        if entry.rates.0.is_empty() && entry.x.is_none() {
            self.wrong(at, "it changes nothing", "add `rates` or `x`");
        }
        if entry.from.is_some() && entry.until.is_some() && entry.from >= entry.until {
            self.wrong(&at.key("until"), "it ends before it begins", "make `until` later than `from`");
        }
        let when = When {
            over: entry.over,
            from: entry.from,
            until: entry.until,
            days: Days::new(&entry.days),
            hours: entry.hours.as_slice().into(),
            tiers: entry.tier.iter().map(|tier| tier_key(tier)).collect(),
            batch: entry.batch,
            regions: entry.region.iter().map(|region| region.trim().to_lowercase().into()).collect(),
            x: entry.x,
            rates: Patch::new(&self.patch(&at.key("rates"), &entry.rates, exchange)),
        };
        if !when.has_condition() {
            self.wrong(at, "it has no condition", "move it into the model's `rates`, or say when it holds");
        }
        when
    }

    pub(super) fn adjustment(
        &mut self,
        at: &Place<'_>,
        provider: ProviderId,
        entry: AdjustEntry,
    ) -> Adjustment {
        if entry.x.is_none() && entry.fixed_per_month.is_none() {
            self.wrong(at, "it changes nothing", "add `x`, such as 0.88 for 12 % off");
        }
        if entry.from.is_some() && entry.until.is_some() && entry.from >= entry.until {
            self.wrong(&at.key("until"), "it ends before it begins", "make `until` later than `from`");
        }
        let model = entry.model.as_deref().map(Pattern::parse).transpose().unwrap_or_else(|problem| {
            self.wrong_text(&at.key("model"), &problem);
            None
        });
        Adjustment {
            provider,
            model,
            x: entry.x.unwrap_or(Factor::ONE),
            from: entry.from,
            until: entry.until,
            fixed_per_month: entry.fixed_per_month.map(Rate::dollars),
            note: entry.note.map(Into::into),
            layer: at.layer(),
        }
    }
}
