//! Looking a model's name up in the lists of a provider.

use smallvec::SmallVec;

use super::catalog::{Catalog, ModelId, ProviderId};
use super::matching::{ModelBy, ProviderBy};
use super::names::{GLOBAL, peel, strip_once, strip_pointer, with_compact_date, with_dashes};
use super::region::Region;
use super::variant::{Tuned, Variant, Variants, split_ending, tuned, without_endings};

/// A model found in a provider's list.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) model: ModelId,
    pub(super) by: ModelBy,
    pub(super) region: Option<Region>,
    pub(super) variants: Variants,
}

/// A model; or the variant that is known, but has no price; or nothing.
pub(super) type Lookup = Result<Found, Option<Variant>>;

/// How ids of the catalog say that their price holds everywhere but in the region `global`.
const REGIONAL: &str = "regional.";

impl Catalog {
    /// The model in the lists of a provider and of those it resells. `name` is lowercase. A variant's own entry comes
    /// before the rule for it.
    pub(super) fn find(&self, provider: ProviderId, name: &str) -> Lookup {
        self.find_after(Variants::default(), provider, name)
    }

    /// The same for what is left of a name after the marks of variants. One that is marked twice is nobody's, and so the
    /// name of a stranger makes no more look-ups than there are marks.
    fn find_after(&self, marked: Variants, provider: ProviderId, name: &str) -> Lookup {
        let lists = &self.provider(provider).chain;
        if let Some(found) = self.listed(provider, lists, name) {
            return Ok(found);
        }
        if let Some((variant, base)) = split_ending(name) {
            return self.varied(variant, self.find_marked(marked, variant, provider, base)?);
        }
        let bare = self.bare(name);
        if let Some(base) = bare.strip_prefix(GLOBAL) {
            let found = Found {
                region: Region::new(Region::GLOBAL),
                ..self.find_marked(marked, Variant::Global, provider, base)?
            };
            return self.varied(Variant::Global, found);
        }
        let found = match tuned(bare) {
            Some(Tuned::Listed(base)) => self.listed(provider, lists, base),
            Some(Tuned::Deployed(base)) => self.listed(provider, &[provider], &format!("ft:{base}")),
            None => return Err(None),
        };
        let found = found.ok_or(Some(Variant::FineTune))?;
        Ok(Found { variants: found.variants.with(Variant::FineTune), ..found })
    }

    fn find_marked(&self, before: Variants, mark: Variant, provider: ProviderId, base: &str) -> Lookup {
        if before.contains(mark) { Err(None) } else { self.find_after(before.with(mark), provider, base) }
    }

    /// The base of a variant, as that variant.
    fn varied(&self, variant: Variant, base: Found) -> Lookup {
        let model = self.entry(base.model);
        let list = self.provider(model.provider()).id();
        if variant.said_by().is_some_and(|provider| provider != list) {
            return Err(None);
        }
        if variant.has_own_price() || (variant == Variant::Global && model.id().starts_with(REGIONAL)) {
            return Err(Some(variant));
        }
        Ok(Found { variants: base.variants.with(variant), ..base })
    }

    /// Whether both names are of one model, and `asked` says more: it has a route, a region, a date, a variant besides.
    /// Responses tend to leave such things out, and prices depend on them.
    pub(super) fn says_more(&self, asked: &str, served: &str) -> bool {
        if served.is_empty() || asked.len() <= served.len() || !asked.contains(served) {
            return false;
        }
        let base = self.bare(without_endings(asked));
        let names = [without_endings(asked), base.strip_prefix(GLOBAL).unwrap_or(base)];
        names
            .into_iter()
            .flat_map(|name| peel(name, |route| self.names.exact(route).is_some()).names)
            .any(|name| std::iter::successors(Some(name), |name| strip_once(name)).any(|name| name == served))
    }

    /// The name without the routes before it.
    pub(super) fn bare<'a>(&self, name: &'a str) -> &'a str {
        let peeled = peel(name, |route| self.names.exact(route).is_some());
        peeled.names.last().copied().unwrap_or(name)
    }

    /// The entry of `lists` with this name, as it is written or as an equal of it.
    fn listed(&self, provider: ProviderId, lists: &[ProviderId], name: &str) -> Option<Found> {
        let entry = self.provider(provider);
        let lists = || lists.iter().map(|id| &self.provider(*id).names);
        let peeled = peel(name, |route| self.names.exact(route).is_some());
        let global = || peeled.names.last()?.starts_with(GLOBAL).then_some(Region::GLOBAL);
        let region = global().or(peeled.region).and_then(Region::new);
        let found = |model, by| Some(Found { model, by, region, variants: Variants::default() });
        let mut names = peeled.names.clone();
        for name in &peeled.names {
            let ending = entry.same_price.iter().find_map(|ending| name.strip_suffix(&**ending));
            names.extend(ending.filter(|rest| !rest.is_empty()));
        }
        let pointed: SmallVec<[&str; 6]> = names.iter().filter_map(|name| strip_pointer(name)).collect();
        names.extend(pointed);

        // The seller's own list before those of its sources, whatever the name is written like.
        if let Some(model) = lists().find_map(|list| names.iter().find_map(|name| list.exact(name))) {
            return found(model, ModelBy::Exact);
        }
        // Not those of its sources: a reseller's deployments have names of their own, and a star takes them in.
        if let Some(model) = names.iter().find_map(|name| entry.names.pattern(name)) {
            return found(model, ModelBy::Pattern);
        }
        for name in &names {
            let dated =
                with_compact_date(name).and_then(|dated| lists().find_map(|names| names.dated(&dated)));
            let dashed =
                || with_dashes(name).and_then(|dashed| lists().find_map(|names| names.exact(&dashed)));
            if let Some(model) = dated.or_else(dashed) {
                return found(model, ModelBy::Spelling);
            }
        }
        for name in &names {
            let mut rest = *name;
            while let Some(stripped) = strip_once(rest) {
                rest = stripped;
                if let Some(model) = lists().find_map(|names| names.exact(rest)) {
                    return found(model, ModelBy::Revision);
                }
            }
        }
        let short = names.iter().find_map(|name| lists().find_map(|names| names.short(name)))?;
        found(short, ModelBy::Short)
    }

    /// Provider and model from the model's name alone.
    pub(super) fn find_anywhere(
        &self,
        name: &str,
    ) -> Result<(ProviderId, ProviderBy, Found), Option<Variant>> {
        let mut missing = None;
        let route = peel(name, |route| self.names.exact(route).is_some()).route;
        let routed = route.and_then(|route| self.names.named(route)).map(|id| (id, ProviderBy::Route));
        // A fine-tuned model is served by whoever serves its base.
        let base = match tuned(self.bare(name)) {
            Some(Tuned::Listed(listed)) => &listed["ft:".len()..],
            _ => name,
        };
        // Not "the only provider that lists it": open models are served by many, and most of those are in no list.
        let serving = self.names.serving(base).map(|id| (id, ProviderBy::Model));
        for (provider, by) in routed.into_iter().chain(serving) {
            match self.find(provider, name) {
                Ok(found) => return Ok((provider, by, found)),
                Err(variant) => missing = missing.or(variant),
            }
        }
        Err(missing)
    }
}
