//! Which model genai-prices itself takes a name for. Its clauses are wider than the names that we make of them: `starts_with`
//! takes in names that nobody has seen yet. Here they only settle whose a name is that another list brings.

use hashbrown::HashMap;
use regex::Regex;

use super::{Clause, Provider};

/// The clauses of a published list.
#[derive(Debug, Default)]
pub struct Claims {
    providers: Vec<Claimed>,
    /// The expressions of all clauses; none for one that we cannot read, which claims nothing.
    regexes: HashMap<String, Option<Regex>>,
}

#[derive(Debug)]
struct Claimed {
    provider: String,
    fallback: Vec<String>,
    models: Vec<(String, Clause)>,
}

impl Claims {
    pub(super) fn new(providers: Vec<Provider>) -> Self {
        let claimed = |provider: Provider| Claimed {
            provider: provider.id,
            fallback: provider.fallback_model_providers.unwrap_or_default(),
            models: provider.models.into_iter().map(|model| (model.id, model.matches)).collect(),
        };
        let mut claims =
            Self { providers: providers.into_iter().map(claimed).collect(), regexes: HashMap::new() };
        for (_, clause) in claims.providers.iter().flat_map(|claimed| &claimed.models) {
            read(clause, &mut claims.regexes);
        }
        claims
    }

    /// The provider and the model that `name` is taken for, in the list of `provider` or of those it resells.
    pub fn model(&self, provider: &str, name: &str) -> Option<(&str, &str)> {
        let of = |id: &str| self.providers.iter().find(|claimed| claimed.provider == id);
        let own = of(provider)?;
        let name = name.to_lowercase();
        [own].into_iter().chain(own.fallback.iter().filter_map(|id| of(id))).find_map(|claimed| {
            let (model, _) = claimed.models.iter().find(|(_, clause)| self.takes(clause, &name))?;
            Some((claimed.provider.as_str(), model.as_str()))
        })
    }

    fn takes(&self, clause: &Clause, name: &str) -> bool {
        match clause {
            Clause::Equals(text) => name == text.to_lowercase(),
            Clause::StartsWith(text) => name.starts_with(&text.to_lowercase()),
            Clause::EndsWith(text) => name.ends_with(&text.to_lowercase()),
            Clause::Contains(text) => name.contains(&text.to_lowercase()),
            Clause::Or(clauses) => clauses.iter().any(|clause| self.takes(clause, name)),
            Clause::And(clauses) => clauses.iter().all(|clause| self.takes(clause, name)),
            Clause::Regex(regex) => {
                let fits = self.regexes.get(regex).and_then(Option::as_ref).map(|regex| regex.is_match(name));
                fits.is_some_and(|fits| fits != excluded(regex).is_some())
            }
        }
    }
}

/// Reads the expressions in a clause.
fn read(clause: &Clause, into: &mut HashMap<String, Option<Regex>>) {
    match clause {
        Clause::Or(clauses) | Clause::And(clauses) => clauses.iter().for_each(|clause| read(clause, into)),
        Clause::Regex(regex) => {
            let text = excluded(regex).map_or_else(|| regex.clone(), |excluded| format!("^(?:{excluded})"));
            // Classes are ASCII here, as everywhere in the catalog.
            into.insert(regex.clone(), Regex::new(&text.replace(r"\d", "[0-9]")).ok());
        }
        _ => {}
    }
}

/// What an expression excludes that says only what a name must not begin with.
fn excluded(regex: &str) -> Option<&str> {
    regex.strip_prefix("^(?!")?.strip_suffix(')')
}
