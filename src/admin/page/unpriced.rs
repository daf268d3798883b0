//! Calls whose cost is not known: why not, and the lines of a price file that mend it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::words::counted;
use crate::ledger::series::Series;
use crate::pricing::{Catalog, ModelQuery, Status};

/// Models that are listed; a stranger can make up any number of names.
const MAX_MODELS: usize = 12;

/// Calls whose cost is not known, since the process started: only its series know a call's provider and model together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unpriced {
    /// Models that are in no price list, those with most calls first: provider, model, calls.
    pub(super) models: Vec<Nameless>,
    /// How many models are not listed.
    pub(super) more: usize,
    /// Calls of models that may well have a price, but told no usage, or an absurd one.
    pub(super) untold: Vec<(Status, u64)>,
}

/// A model without a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nameless {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) calls: u64,
}

/// Calls without a price by provider and model, and calls by other reasons for an unknown cost.
#[derive(Debug, Default)]
pub(super) struct Reports {
    models: BTreeMap<(String, String), u64>,
    untold: BTreeMap<Status, u64>,
}

impl Reports {
    /// What the series tell, pending calls included.
    pub(super) fn of(series: &[Series]) -> Self {
        let mut reports = Reports::default();
        for series in series {
            let labels = &series.labels;
            for (status, calls) in series.calls_here() {
                match status {
                    Status::UnknownModel | Status::UnknownProvider => {
                        let model = (labels.provider().to_owned(), labels.model().to_owned());
                        *reports.models.entry(model).or_default() += calls;
                    }
                    Status::NoUsage | Status::Implausible => {
                        *reports.untold.entry(status).or_default() += calls;
                    }
                    _ => {}
                }
            }
        }
        reports
    }

    /// Those whose cost is not known; models that have got a price meanwhile are left out.
    pub(super) fn unpriced(self, catalog: &Catalog) -> Unpriced {
        let is_priced = |provider: &str, model: &str| {
            let query = ModelQuery { provider, asked: model, ..ModelQuery::default() };
            catalog.resolve(&query).model.is_some()
        };
        let mut models: Vec<Nameless> = self
            .models
            .into_iter()
            .filter(|((provider, model), _)| !is_priced(provider, model))
            .map(|((provider, model), calls)| Nameless { provider, model, calls })
            .collect();
        models.sort_by_key(|it| Reverse(it.calls));
        let more = models.len().saturating_sub(MAX_MODELS);
        models.truncate(MAX_MODELS);
        Unpriced { models, more, untold: self.untold.into_iter().collect() }
    }
}

impl Unpriced {
    /// A price file for these models, but for the numbers; empty if a price file would not help.
    pub(super) fn price_file(&self) -> String {
        let mut by_provider: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Nameless { provider, model, .. } in self.models.iter().filter(|it| !it.model.is_empty()) {
            by_provider.entry(provider).or_default().push(model);
        }
        if by_provider.is_empty() {
            return String::new();
        }
        let mut file = String::from("# my-prices.yaml: dollars for 1M tokens\nproviders:\n");
        for (provider, models) in by_provider {
            // No name is there to go by, so the model has to tell whose it is.
            let id = if provider.is_empty() { "my-provider" } else { provider };
            let _ = writeln!(file, "  {}:", scalar(id));
            if provider.is_empty() {
                let models: Vec<String> = models.iter().map(|model| scalar(model)).collect();
                let _ = writeln!(file, "    serves: [{}]", models.join(", "));
            }
            file += "    models:\n";
            for model in models {
                let _ =
                    writeln!(file, "      {}: {{rates: {{input: FILL_IN, output: FILL_IN}}}}", scalar(model));
            }
        }
        file
    }

    /// Why calls are unpriced that no price would help, one sentence each.
    pub(super) fn reasons(&self) -> Vec<String> {
        let reason = |(status, calls): &(Status, u64)| match status {
            Status::NoUsage => format!(
                "Since the start, {} told no usage. A stream tells it if asked: stream_options: {{include_usage: true}}.",
                counted(*calls, "call")
            ),
            _ => format!("Since the start, {} told counts that can not be.", counted(*calls, "call")),
        };
        self.untold.iter().map(reason).collect()
    }
}

/// A YAML scalar that reads as this text, in plain or flow context.
fn scalar(text: &str) -> String {
    const MEANT: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        && !MEANT.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::Booking;
    use crate::ledger::books::Books;
    use crate::pricing::CatalogFile;

    fn nameless(provider: &str, model: &str) -> Nameless {
        Nameless { provider: provider.to_owned(), model: model.to_owned(), calls: 3 }
    }

    /// Scenario: models of known, unknown and unnamed providers, with names that mean something in YAML.
    /// Guarantees: the price file, its numbers filled in, gives each of them a price, and without numbers is refused.
    #[test]
    fn the_price_file_prices_them() {
        let models = [
            ("openai", "acme-finetune-7b"),
            ("Acme: \"AI\"", "{null}"),
            ("null", "1e3"),
            ("", "house-model"),
        ];
        let unpriced = Unpriced {
            models: models.iter().map(|(provider, model)| nameless(provider, model)).collect(),
            ..Unpriced::default()
        };
        let text = unpriced.price_file();
        let catalog = |text: &str| {
            let file = CatalogFile::from_yaml("my-prices.yaml", text)?;
            Catalog::from_layers([("embedded", Catalog::embedded_file()?), ("my-prices.yaml", file)])
        };
        assert!(catalog(&text).unwrap_err().to_string().contains("FILL_IN"), "{text}");
        let catalog = catalog(&text.replace("FILL_IN", "1.5")).unwrap();
        for (provider, model) in models {
            let query = ModelQuery { provider, asked: model, ..ModelQuery::default() };
            assert!(catalog.resolve(&query).model.is_some(), "{provider} {model}\n{text}");
        }
    }

    /// Scenario: a model had no price when it was called, and has one now.
    /// Guarantees: nobody is asked to give it a price any more.
    #[test]
    fn models_that_have_got_a_price_are_not_listed() {
        let mut books = Books::new(&[], &[], 10);
        let (provider, model) = ("openai", "acme-finetune-7b");
        books.book(&Booking {
            provider: provider.into(),
            model_asked: model.into(),
            status: Status::UnknownModel,
            ..Booking::default()
        });
        let unpriced = Reports::of(books.series()).unpriced(Catalog::embedded());
        assert_eq!(unpriced.models, [Nameless { calls: 1, ..nameless(provider, model) }]);
        let prices = unpriced.price_file().replace("FILL_IN", "1.5");
        let file = CatalogFile::from_yaml("my-prices.yaml", &prices).unwrap();
        let layers = [("embedded", Catalog::embedded_file().unwrap()), ("my-prices.yaml", file)];
        let catalog = Catalog::from_layers(layers).unwrap();
        assert_eq!(Reports::of(books.series()).unpriced(&catalog).models, []);
    }

    #[test]
    fn no_price_file_where_it_would_not_help() {
        let unpriced = Unpriced { untold: vec![(Status::NoUsage, 1)], ..Unpriced::default() };
        assert_eq!(unpriced.price_file(), "");
        assert!(unpriced.reasons()[0].starts_with("Since the start, 1 call told no usage."));
        let unnamed = Unpriced { models: vec![nameless("openai", "")], ..Unpriced::default() };
        assert_eq!(unnamed.price_file(), "");
    }
}
