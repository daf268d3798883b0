//! Words and figures that the commands about prices share.

use serde_json::{Map, Value};

use crate::genai::usage::{Bucket, Usage};
use crate::pricing::decimal::Decimal;
use crate::pricing::matching::{ModelQuery, Resolution};
use crate::pricing::pattern::Pattern;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Conditions, Model, ModelId, Receipt};

/// Reads a date or a moment for `--at`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text)
        .ok_or_else(|| "write a date as 2026-08-21, or a moment as 2026-08-21T10:00:00Z (UTC)".to_owned())
}

/// This moment.
pub(super) fn now() -> Moment {
    Moment::from_unix(jiff::Timestamp::now().as_second())
}

/// The conditions of a plain call that ended at a moment: standard tier, no batch.
pub(super) fn plain(at: Moment) -> Conditions<'static> {
    let seconds = u64::try_from(at.unix()).unwrap_or(0);
    Conditions { end_unix_nano: seconds.saturating_mul(1_000_000_000), ..Conditions::default() }
}

/// One of each unit.
pub(super) fn one_of_each() -> Usage {
    let mut usage = Usage::default();
    for bucket in Bucket::ALL {
        usage[bucket] = 1;
    }
    usage
}

/// The rates of a receipt by bucket, all factors included; a bucket that bills at another's rate is left out.
pub(super) fn rates_of(catalog: &Catalog, receipt: &Receipt) -> Vec<(Bucket, Decimal)> {
    let own = receipt.lines.iter().filter(|line| line.rate_of == line.bucket);
    own.map(|line| (line.bucket, catalog.list_price(receipt, line))).collect()
}

/// What a plain call pays at a moment that used one of everything, adjustments included: the bill, as `show` tells it.
pub(super) fn billed(catalog: &Catalog, id: ModelId, at: Moment) -> Receipt {
    let model = catalog.model(id);
    let provider = catalog.provider(model.provider()).id();
    let query = ModelQuery { provider, served: model.id(), ..ModelQuery::default() };
    let found = Some(catalog.resolve(&query)).filter(|found| found.model == Some(id));
    // An alias took its name: no call comes here by it.
    let found = found.unwrap_or_else(|| Resolution {
        provider: Some(model.provider()),
        model: Some(id),
        ..Resolution::default()
    });
    catalog.receipt(&found, &plain(at), &one_of_each())
}

/// `input 5, output 30 per 1M; web_search 10 per 1,000; no rate for cache_read`.
pub(super) fn rates(rates: &[(Bucket, Option<Decimal>)]) -> String {
    let mut groups: Vec<(u32, Vec<String>)> = Vec::new();
    let mut gone = Vec::new();
    for (bucket, rate) in rates {
        let Some(rate) = rate else {
            gone.push(bucket.name());
            continue;
        };
        let said = format!("{bucket} {rate}");
        match groups.iter_mut().find(|(per, _)| *per == bucket.per()) {
            Some((_, group)) => group.push(said),
            None => groups.push((bucket.per(), vec![said])),
        }
    }
    let groups = groups.iter().map(|(per, group)| format!("{} per {}", group.join(", "), units(*per)));
    let gone = (!gone.is_empty()).then(|| format!("no rate for {}", gone.join(", ")));
    groups.chain(gone).collect::<Vec<_>>().join("; ")
}

fn units(per: u32) -> &'static str {
    match per {
        1_000 => "1,000",
        3_600 => "hour",
        _ => "1M",
    }
}

/// Rates for scripts: decimal strings by bucket; `null` takes an earlier one away.
pub(super) fn json(rates: impl IntoIterator<Item = (Bucket, Option<Decimal>)>) -> Value {
    let rates = rates.into_iter().map(|(bucket, rate)| {
        (bucket.name().to_owned(), rate.map_or(Value::Null, |rate| Value::String(rate.to_string())))
    });
    Value::Object(rates.collect::<Map<_, _>>())
}

/// Which models a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only models of this provider
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Only models of this name: glob* or /regex/; without a star, every name that has it in it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl Which {
    /// Whether models were asked for by name.
    pub(super) fn by_name(&self) -> bool {
        self.model.is_some()
    }

    /// Those models, by provider and name.
    ///
    /// # Errors
    /// A provider that there is not, or a pattern that is none.
    pub(super) fn models<'c>(
        &self,
        catalog: &'c Catalog,
    ) -> anyhow::Result<Vec<(ModelId, &'c str, &'c Model)>> {
        let pattern = self.model.as_ref().map(|name| {
            let is_pattern = name.contains('*') || (name.starts_with('/') && name.ends_with('/'));
            Pattern::parse(&if is_pattern { name.clone() } else { format!("*{name}*") })
        });
        let pattern = pattern.transpose().map_err(|problem| anyhow::anyhow!("--model: {problem}"))?;
        let provider = self.provider.as_ref().map(|id| id.to_lowercase());
        let mut models: Vec<_> = catalog
            .models()
            .map(|(id, model)| (id, catalog.provider(model.provider()).id(), model))
            .filter(|(_, of, _)| provider.as_ref().is_none_or(|provider| provider == of))
            .collect();
        if let (Some(provider), true) = (&provider, models.is_empty()) {
            let mut known: Vec<&str> =
                catalog.models().map(|(_, model)| catalog.provider(model.provider()).id()).collect();
            known.sort_unstable();
            known.dedup();
            anyhow::bail!("--provider: no list of `{provider}`; there are {}", known.join(", "));
        }
        models.retain(|(_, _, model)| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(&model.id().to_lowercase()))
        });
        models.sort_by_key(|(_, provider, model)| (*provider, model.id()));
        Ok(models)
    }
}

/// A text in a column of a table, cut with a dot-dot-dot where it is too long.
pub(super) fn cell(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_say_their_units() {
        let one = Decimal::new(1, 0);
        let said = [(Bucket::Input, Some(one)), (Bucket::WebSearch, Some(one)), (Bucket::Output, None)];
        assert_eq!(rates(&said), "input 1 per 1M; web_search 1 per 1,000; no rate for output");
        assert_eq!(json(said).to_string(), r#"{"input":"1","web_search":"1","output":null}"#);
    }

    #[test]
    fn cells_have_their_width() {
        assert_eq!(cell("abc", 4), "abc ");
        assert_eq!(cell("abcde", 4), "abc…");
    }
}
