//! A user's own names for models: `azure/my-prod-gpt: openai/gpt-5.6-sol`.

use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::catalog::{Catalog, ModelId, ProviderId};
use super::find::Found;
use super::matching::{ModelBy, ProviderBy, normal};
use super::variant::Variants;

/// Models by a user's names for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases(HashMap<Box<str>, Alias, RandomState>);

#[derive(Clone, Copy, Debug)]
struct Alias {
    /// Who bills, where the alias says so.
    biller: Option<ProviderId>,
    model: ModelId,
}

impl Catalog {
    /// Takes in the aliases of one file, over those of earlier ones; `wrong` is told of those that mean nothing, each
    /// as it is written, the problem and, after `; `, the remedy.
    pub(super) fn add_aliases(&mut self, aliases: &[(String, String)], mut wrong: impl FnMut(&str, &str)) {
        let mut here = hashbrown::HashSet::new();
        for (written, of) in aliases {
            let (biller, name) = self.canonical(&normal(written));
            if name.is_empty() {
                wrong(written, "the alias is empty; write the name that calls say");
            } else if !here.insert(name.clone()) {
                wrong(written, &format!("`{name}` has an alias already; keep one of them"));
            } else {
                match self.meant(&normal(of)) {
                    Ok(model) => drop(self.aliases.0.insert(name, Alias { biller, model })),
                    Err(problem) => wrong(written, &problem),
                }
            }
        }
    }

    /// Every alias: its name, its model, and who bills where it says so.
    pub(super) fn aliases(&self) -> impl Iterator<Item = (&str, ModelId, Option<ProviderId>)> {
        self.aliases.0.iter().map(|(name, alias)| (&**name, alias.model, alias.biller))
    }

    /// The model `provider/name`, or what to write instead.
    fn meant(&self, name: &str) -> Result<ModelId, String> {
        let known =
            name.split_once('/').and_then(|(provider, model)| Some((self.names.exact(provider)?, model)));
        let Some((provider, model)) = known else {
            return Err(format!("`{name}` begins with no provider of the catalog; write `provider/model`"));
        };
        self.find(provider, model).map(|found| found.model).map_err(|_| {
            let id = self.provider(provider).id();
            let ids = self.models().map(|(_, entry)| entry).filter(|entry| entry.provider() == provider);
            let near = ids
                .map(|entry| (strsim::damerau_levenshtein(model, entry.id()), entry.id()))
                .filter(|(slips, _)| slips * 3 <= model.len())
                .min();
            match near {
                Some((_, near)) => format!("{id} has no model `{model}`; did you mean `{id}/{near}`?"),
                None => format!("{id} has no model `{model}`; add it to its `models`, or name another one"),
            }
        })
    }

    /// What an alias says about `name`: the one for the provider of the call before the one for anybody.
    pub(super) fn aliased(
        &self,
        billers: &[(ProviderId, ProviderBy)],
        name: &str,
    ) -> Option<(ProviderId, ProviderBy, Found)> {
        if self.aliases.0.is_empty() {
            return None;
        }
        let aliases = &self.aliases.0;
        let scoped = billers.iter().find_map(|&(id, by)| {
            let alias = aliases.get(&*format!("{}/{name}", self.provider(id).id()))?;
            Some((id, by, alias.model))
        });
        let (provider, by, model) = scoped.or_else(|| {
            let alias = aliases.get(&*self.canonical(name).1)?;
            let listed = self.entry(alias.model).provider();
            let (provider, by) = match (alias.biller, billers.first()) {
                (Some(biller), _) => (biller, ProviderBy::Alias),
                (None, Some(biller)) => *biller,
                (None, None) => (listed, ProviderBy::Alias),
            };
            Some((provider, by, alias.model))
        })?;
        let found = Found { model, by: ModelBy::Alias, region: None, variants: Variants::default() };
        Some((provider, by, found))
    }

    /// The name with its provider, if it begins with one, called by its id.
    fn canonical(&self, name: &str) -> (Option<ProviderId>, Box<str>) {
        let routed = name.split_once('/').and_then(|(route, rest)| Some((self.names.exact(route)?, rest)));
        match routed {
            Some((provider, rest)) => {
                (Some(provider), format!("{}/{rest}", self.provider(provider).id()).into())
            }
            None => (None, name.into()),
        }
    }
}

#[cfg(test)]
mod tests;
