//! `pricetag prices list`: the models, and what they cost now.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::words::{self, Which};
use crate::cli::layers::Layers;
use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::{Model, ModelId};
use crate::text::counted;

/// Columns of prices: those that nearly every model has.
const COLUMNS: [(Bucket, &str); 4] = [
    (Bucket::Input, "input"),
    (Bucket::CacheRead, "cached"),
    (Bucket::CacheWrite, "written"),
    (Bucket::Output, "output"),
];

/// Lists models with the rates of a plain call: standard tier, no batch, a short prompt, your `adjust` entries included.
/// Models without a price are left out unless --model asks for them.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,
    /// Rates of this day instead of today
    #[arg(long, value_name = "DATE", value_parser = words::moment)]
    at: Option<crate::pricing::when::Moment>,
    /// One JSON object a line, with every rate
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layers: Layers,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<String> {
        let catalog = self.layers.catalog()?;
        let at = self.at.unwrap_or_else(words::now);
        let mut models = self.which.models(&catalog)?;
        let all = models.len();
        models.retain(|(_, _, model)| model.is_priced() || self.which.by_name());
        // Ids of providers are never cut: they are what --provider takes.
        let longest =
            |text: fn(&(ModelId, &str, &Model)) -> usize| models.iter().map(text).max().unwrap_or(0);
        let wide = longest(|(_, provider, _)| provider.chars().count()).max(8);
        let names = longest(|(_, _, model)| model.id().chars().count()).clamp(5, 36);
        let (mut is_rounded, mut is_adjusted) = (false, false);
        let mut text = String::new();
        if !self.json {
            write!(text, "{} {}", words::cell("provider", wide), words::cell("model", names))?;
            for (_, name) in COLUMNS {
                write!(text, " {name:>8}")?;
            }
            writeln!(text, "  USD per 1M")?;
        }
        for (id, provider, model) in &models {
            let billed = words::billed(&catalog, *id, at);
            let rates = words::rates_of(&catalog, &billed);
            if self.json {
                let line = json!({
                    "provider": provider, "model": model.id(),
                    "rates": words::json(rates.iter().map(|(bucket, rate)| (*bucket, Some(*rate)))),
                    "conditions": model.whens().len(),
                    "adjusted": !billed.adjusted.is_empty(),
                    "retires": model.retires().map(|day| day.to_string()),
                    "layer": catalog.layer(*id).origin(), "source": model.source(),
                });
                writeln!(text, "{line}")?;
                continue;
            }
            write!(text, "{} {}", words::cell(provider, wide), words::cell(model.id(), names))?;
            let rate = |bucket| rates.iter().find(|(of, _)| *of == bucket).map(|(_, rate)| short(*rate));
            for (bucket, _) in COLUMNS {
                let said = rate(bucket).unwrap_or_else(|| "-".to_owned());
                is_rounded |= said.starts_with('~');
                write!(text, " {said:>8}")?;
            }
            is_adjusted |= !billed.adjusted.is_empty();
            let others =
                rates.iter().filter(|(bucket, _)| COLUMNS.iter().all(|(column, _)| column != bucket)).count();
            let more = [
                (!model.is_priced()).then(|| "no price".to_owned()),
                (others > 0).then(|| format!("+{others}")),
                (!billed.adjusted.is_empty()).then(|| "*".to_owned()),
                model.retires().filter(|day| *day <= at).map(|_| "retired".to_owned()),
            ];
            let more: Vec<String> = more.into_iter().flatten().collect();
            writeln!(text, "{}{}", if more.is_empty() { "" } else { "  " }, more.join(", "))?;
        }
        if !self.json {
            write!(text, "{}", counted(models.len(), "model"))?;
            if all > models.len() {
                write!(text, ", {} more without a price", all - models.len())?;
            }
            writeln!(text, "; +n: n more rates, see pricetag prices show")?;
            if is_rounded {
                writeln!(text, "~: rounded to five digits behind the point")?;
            }
            if is_adjusted {
                writeln!(text, "*: what you pay, changed by `adjust` in your price files")?;
            }
            writeln!(text, "prices: {}", catalog.source())?;
        }
        Ok(text)
    }
}

/// A rate in a narrow column: five digits behind the point are enough to compare.
fn short(rate: Decimal) -> String {
    let rounded = rate.rounded(5);
    let text = rounded.to_string();
    if rounded == rate { text } else { format!("~{text}") }
}
