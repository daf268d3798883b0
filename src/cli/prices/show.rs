//! `pricetag prices show`: all that the catalog says of a model.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::words;
use crate::cli::layers::Layers;
use crate::pricing::decimal::Decimal;
use crate::pricing::matching::{ModelBy, ModelQuery, Resolution};
use crate::pricing::rules::When;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Model, ModelId, ProviderId, Receipt};

/// Where lines of rates are broken.
const WIDTH: usize = 96;

/// Shows a model's rates and everything that changes them, in the order in which it holds: later lines win. A star
/// marks what holds for a plain call (standard tier, no batch, a short prompt) today, or on the day of --at.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The model as a span would name it: `gpt-4o`, `azure/gpt-4o`, `us.anthropic.claude-...`
    model: String,
    /// The day that stars are set for
    #[arg(long, value_name = "DATE", value_parser = words::moment)]
    at: Option<Moment>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layers: Layers,
}

impl Show {
    pub(super) fn run(self) -> anyhow::Result<String> {
        let catalog = self.layers.catalog()?;
        let at = self.at.unwrap_or_else(words::now);
        let found = resolve(&catalog, &self.model);
        let Some(id) = found.model else { bail!("{}", unknown(&catalog, &self.model, &found)) };
        let sheet = Sheet {
            catalog: &catalog,
            id,
            model: catalog.model(id),
            at,
            receipt: catalog.receipt(&found, &words::plain(at), &words::one_of_each()),
            found,
        };
        if self.json { Ok(format!("{}\n", sheet.json())) } else { sheet.text() }
    }
}

/// The model of a name as it stands on a span; what stands before a slash may also be the provider.
fn resolve(catalog: &Catalog, name: &str) -> Resolution {
    let alone = catalog.resolve(&ModelQuery { served: name, ..ModelQuery::default() });
    match name.split_once('/') {
        Some((provider, served)) if alone.model.is_none() => {
            let of = catalog.resolve(&ModelQuery { provider, served, ..ModelQuery::default() });
            if of.model.is_some() || of.provider.is_some() { of } else { alone }
        }
        _ if alone.model.is_none() && !name.contains('/') => owned(catalog, name).unwrap_or(alone),
        _ => alone,
    }
}

/// The model that goes by this name in the user's own lists: spans name the provider, and people leave it out. Nothing
/// where several providers have one.
fn owned(catalog: &Catalog, name: &str) -> Option<Resolution> {
    let embedded = catalog.layers().first()?;
    let own = catalog.models().filter(|(id, _)| catalog.layer(*id) != embedded);
    let providers: BTreeSet<ProviderId> = own.map(|(_, model)| model.provider()).collect();
    let mut found = providers.into_iter().filter_map(|provider| {
        let provider = catalog.provider(provider).id();
        let found = catalog.resolve(&ModelQuery { provider, served: name, ..ModelQuery::default() });
        found.model.is_some().then_some(found)
    });
    found.next().filter(|_| found.next().is_none())
}

/// What to say of a name that is in no list, with what may have been meant.
fn unknown(catalog: &Catalog, name: &str, found: &Resolution) -> String {
    let wanted = name.to_lowercase();
    let tail = wanted.rsplit('/').next().unwrap_or(&wanted);
    let near = |of: Option<ProviderId>| {
        let models =
            catalog.models().filter(|(_, model)| of.is_none_or(|provider| provider == model.provider()));
        let mut near: Vec<(usize, String)> = models
            .filter_map(|(_, model)| {
                let id = model.id().to_lowercase();
                let slips = strsim::damerau_levenshtein(id.rsplit('/').next().unwrap_or(&id), tail);
                let name = format!("{}/{}", catalog.provider(model.provider()).id(), model.id());
                (slips * 4 <= tail.chars().count()).then_some((slips, name))
            })
            .collect();
        near.sort();
        near.into_iter().take(5).map(|(_, name)| name).collect::<Vec<_>>()
    };
    // First in the provider's own list: a reseller has none.
    let near = Some(near(found.provider)).filter(|near| !near.is_empty()).unwrap_or_else(|| near(None));
    let mut text = match (found.provider, found.unpriced) {
        (_, Some(variant)) => format!("`{name}` has no price, being a {} of a model", variant.mark()),
        (Some(provider), None) => {
            format!("`{name}` is in no list of {}", catalog.provider(provider).id())
        }
        (None, None) => format!("`{name}` says no provider, and no provider is known by that name"),
    };
    match near.as_slice() {
        [] => text += "; look for it with pricetag prices list --model PART",
        near => text += &format!("; did you mean {}?", near.join(", ")),
    }
    text + "\nPrices and names of your own go into a price file: see docs/pricing.md"
}

/// A model's price, ready to be shown.
struct Sheet<'c> {
    catalog: &'c Catalog,
    id: ModelId,
    model: &'c Model,
    at: Moment,
    found: Resolution,
    /// Of a plain call that used one of everything.
    receipt: Receipt,
}

impl Sheet<'_> {
    fn provider(&self) -> &str {
        self.catalog.provider(self.model.provider()).id()
    }

    /// Who bills, where that is not whose list the price stands in.
    fn biller(&self) -> Option<&str> {
        self.found
            .provider
            .filter(|provider| *provider != self.model.provider())
            .map(|provider| self.catalog.provider(provider).id())
    }

    fn holds(&self, nth: usize) -> bool {
        self.receipt.applied.iter().any(|applied| applied == nth)
    }

    fn read_as(&self) -> Vec<String> {
        let by = match self.found.model_by {
            Some(ModelBy::Alias) => Some("an alias of a price file"),
            Some(ModelBy::Pattern) => Some("a pattern of the list"),
            Some(ModelBy::Spelling) => Some("another spelling of date or version"),
            Some(ModelBy::Revision) => Some("without its date or revision"),
            Some(ModelBy::Short) => Some("without organisation or revision"),
            Some(ModelBy::Exact) | None => None,
        };
        let region = self.found.region.as_ref().map(|region| format!("region {}", region.as_str()));
        let variants = self.found.variants.iter().map(|variant| variant.rule().to_owned());
        by.map(str::to_owned).into_iter().chain(region).chain(variants).collect()
    }

    fn text(&self) -> anyhow::Result<String> {
        let mut text = format!("{}/{}\n", self.provider(), self.model.id());
        let mut fact = |name: &str, value: &str| writeln!(text, "  {name:<10} {value}");
        if let Some(biller) = self.biller() {
            fact("billed by", &format!("{biller}, at the price of {}", self.provider()))?;
        }
        let read_as = self.read_as();
        if !read_as.is_empty() {
            fact("read as", &read_as.join("; "))?;
        }
        fact("from", &self.catalog.layer(self.id).to_string())?;
        if let Some(source) = self.model.source() {
            fact("source", source)?;
        }
        if let Some(day) = self.model.retires() {
            fact(if day <= self.at { "retired" } else { "retires" }, &day.to_string())?;
        }
        if let Some(gpu) = self.model.gpu() {
            fact("rates", &gpu)?;
        }
        let base: Vec<_> = self.model.rates().map(|(bucket, rate)| (bucket, Some(rate.dollars()))).collect();
        if base.is_empty() && self.model.whens().is_empty() {
            text += "  no price: the list names the model only\n";
            return Ok(text);
        }
        writeln!(text, "\nUSD; * holds for a plain call on {}\n* always", self.at)?;
        wrapped(&mut text, &words::rates(&base));
        for (nth, when) in self.model.whens().iter().enumerate() {
            writeln!(text, "{} {when}", if self.holds(nth) { '*' } else { ' ' })?;
            let rates = rates(when);
            if !rates.is_empty() {
                wrapped(&mut text, &words::rates(&rates));
            }
        }
        for nth in self.receipt.adjusted.iter() {
            writeln!(text, "* {}", self.catalog.adjustments()[nth])?;
        }
        let in_force: Vec<_> = words::rates_of(self.catalog, &self.receipt)
            .into_iter()
            .map(|(bucket, rate)| (bucket, Some(rate)))
            .collect();
        writeln!(text, "\n= a plain call on {}", self.at)?;
        wrapped(&mut text, &words::rates(&in_force));
        Ok(text)
    }

    fn json(&self) -> serde_json::Value {
        let whens = self.model.whens().iter().enumerate().map(|(nth, when)| {
            json!({
                "conditions": when.to_string(),
                "from": when.from().map(|from| from.to_string()),
                "until": when.until().map(|until| until.to_string()),
                "x": when.x().map(|x| x.decimal().to_string()),
                "rates": words::json(rates(when)),
                "holds": self.holds(nth),
            })
        });
        let layer = self.catalog.layer(self.id);
        json!({
            "provider": self.provider(), "model": self.model.id(),
            "billed_by": self.biller().unwrap_or(self.provider()), "read_as": self.read_as(),
            "layer": layer.origin(), "version": layer.version(), "source": self.model.source().or(layer.source()),
            "retires": self.model.retires().map(|day| day.to_string()),
            "rates": words::json(self.model.rates().map(|(bucket, rate)| (bucket, Some(rate.dollars())))),
            "gpu": self.model.gpu(),
            "when": whens.collect::<Vec<_>>(),
            "adjusted": self.receipt.adjusted.iter().map(|nth| self.catalog.adjustments()[nth].to_string()).collect::<Vec<_>>(),
            "at": self.at.to_string(),
            "in_force": words::json(
                words::rates_of(self.catalog, &self.receipt).into_iter().map(|(bucket, rate)| (bucket, Some(rate)))
            ),
        })
    }
}

fn rates(when: &When) -> Vec<(crate::genai::usage::Bucket, Option<Decimal>)> {
    when.rates().map(|(bucket, rate)| (bucket, rate.map(|rate| rate.dollars()))).collect()
}

/// Adds a text, indented, broken at its commas.
fn wrapped(text: &mut String, list: &str) {
    let mut line = String::from("     ");
    // Not at the comma of `1,000`.
    let pieces = list.replace(", ", ",\n ").replace("; ", ";\n ");
    for piece in pieces.split('\n') {
        if line.len() + piece.len() > WIDTH {
            *text += line.trim_end();
            *text += "\n";
            line = String::from("     ");
        }
        line += if line.trim().is_empty() { " " } else { "" };
        line += if line.trim().is_empty() { piece.trim_start() } else { piece };
    }
    *text += line.trim_end();
    *text += "\n";
}
