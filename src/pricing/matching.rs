//! From the names on a span to an entry of the catalog.
//!
//! Only what is known to carry no meaning is ever removed from a name (`names`); never anything fuzzy.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::adjust::{self, Adjusted};
use super::catalog::{Catalog, ModelId, ProviderId};
use super::find::Found;
use super::names::MAX_NAME;
use super::region::{self, Region};
use super::variant::{Variant, Variants};

/// What a span says about who served a call; empty where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ModelQuery<'a> {
    /// `gen_ai.provider.name`, or `gen_ai.system`.
    pub provider: &'a str,
    /// `server.address`.
    pub host: &'a str,
    /// `gen_ai.response.model`.
    pub served: &'a str,
    /// `gen_ai.request.model`.
    pub asked: &'a str,
}

/// What told the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderBy {
    /// Nothing did.
    #[default]
    Nothing,
    /// A user's alias that names the provider.
    Alias,
    /// The provider's name on the span.
    Name,
    /// The host.
    Host,
    /// A route before the model's name, as in `azure/gpt-4o`.
    Route,
    /// The model's name.
    Model,
}

/// How far a model's name was from one in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelBy {
    /// A user's alias.
    Alias,
    /// A name of the catalog, routes taken off.
    Exact,
    /// A glob or regular expression of the catalog.
    Pattern,
    /// A name whose date or version is written in another way.
    Spelling,
    /// A name after an explicit date or revision was taken off.
    Revision,
    /// The only model with this name when organisation or revision are left out.
    Short,
}

/// The catalog's entry for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Who bills.
    pub provider: Option<ProviderId>,
    /// The span named a provider, known or not.
    pub provider_named: bool,
    /// What told so.
    pub provider_by: ProviderBy,
    /// Whose price holds. For a reseller it may stand in another provider's list.
    pub model: Option<ModelId>,
    /// How it was found.
    pub model_by: Option<ModelBy>,
    /// The served model is unknown: this is the asked one.
    pub asked_model: bool,
    /// The region that the model's name carried (`us.anthropic.…`, `azure/eu/…`), or else the host of who bills: a
    /// condition of the price.
    pub region: Option<Region>,
    /// The adjustments of who bills that are meant for these names, whenever they hold.
    pub adjusted: Adjusted,
    /// What else the name said about the price.
    pub variants: Variants,
    /// Without a model: the variant that the name is of, whose price the catalog lacks.
    pub unpriced: Option<Variant>,
}

impl Catalog {
    /// The entry for what a span says.
    ///
    /// A user's alias comes first. Then: a host that the catalog knows says who bills (an OpenAI SDK that calls another
    /// provider still names itself), if that provider lists the model; then the provider's name; and without either, a
    /// route in the model's name, then the model's name itself. The served model counts; an unknown one gives way to
    /// the asked one, unless it is a variant of which only the price is unknown. Where both are the same model, the
    /// name that says more counts.
    pub fn resolve(&self, query: &ModelQuery<'_>) -> Resolution {
        let mut found = self.look_up(query);
        if let Some(provider) = found.provider.filter(|_| found.region.is_none())
            && let Some((id, region)) = region::behind(&host(query.host))
            && self.provider(provider).id() == id
        {
            found.region = Region::new(region);
        }
        if let Some(provider) = found.provider.filter(|_| !self.adjustments.is_empty()) {
            // A deployment's name may stand on either side, with its route or without.
            let [served, asked] = [query.served, query.asked].map(normal);
            let tail = |name: &str| name.rsplit_once('/').map_or(String::new(), |(_, tail)| tail.to_owned());
            let tails = [tail(&served), tail(&asked)];
            let id = found.model.map(|model| self.model(model).id().to_lowercase()).unwrap_or_default();
            let names: [&str; 5] = [&id, &served, &asked, &tails[0], &tails[1]];
            found.adjusted = adjust::meant(&self.adjustments, provider, &names);
        }
        found
    }

    fn look_up(&self, query: &ModelQuery<'_>) -> Resolution {
        let provider_named = !query.provider.trim_ascii().is_empty();
        let by_name = self.names.named(&normal(query.provider)).map(|provider| (provider, ProviderBy::Name));
        let by_host = self.names.behind(&host(query.host)).map(|provider| (provider, ProviderBy::Host));
        let billers: SmallVec<[(ProviderId, ProviderBy); 2]> = by_host.into_iter().chain(by_name).collect();
        let (served, asked) = (normal(query.served), normal(query.asked));
        let models = if self.says_more(&asked, &served) {
            [(&asked, false), (&served, false)]
        } else {
            [(&served, false), (&asked, !served.is_empty())]
        };

        let mut unpriced = None;
        for (name, asked_model) in models.into_iter().filter(|(name, _)| !name.is_empty()) {
            let found = match (self.aliased(&billers, name), unpriced) {
                (Some(found), _) => Ok(found),
                (None, Some(_)) => Err(unpriced),
                (None, None) => self.find_for(&billers, name),
            };
            match found {
                Ok((provider, provider_by, found)) => {
                    return Resolution {
                        provider: Some(provider),
                        provider_named,
                        provider_by,
                        model: Some(found.model),
                        model_by: Some(found.by),
                        asked_model,
                        region: found.region,
                        adjusted: Adjusted::default(),
                        variants: found.variants,
                        unpriced: None,
                    };
                }
                Err(variant) => unpriced = variant,
            }
        }
        let (provider, provider_by) = by_name.or(by_host).unzip();
        let provider_by = provider_by.unwrap_or_default();
        Resolution { provider, provider_named, provider_by, unpriced, ..Resolution::default() }
    }

    /// The entry in the list of the first biller that has one, or of anyone if no biller is known.
    fn find_for(
        &self,
        billers: &[(ProviderId, ProviderBy)],
        name: &str,
    ) -> Result<(ProviderId, ProviderBy, Found), Option<Variant>> {
        if billers.is_empty() {
            return self.find_anywhere(name);
        }
        let mut missing = None;
        for &(provider, by) in billers {
            match self.find(provider, name) {
                Ok(found) => return Ok((provider, by, found)),
                Err(variant) => missing = missing.or(variant),
            }
        }
        Err(missing)
    }
}

/// Trimmed and in lowercase; nothing if it is too long for a name.
pub(super) fn normal(name: &str) -> Cow<'_, str> {
    if name.len() > MAX_NAME {
        return Cow::Borrowed("");
    }
    let name = name.trim();
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) || !name.is_ascii() {
        Cow::Owned(name.to_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The host of an address, without scheme, port and path.
pub(super) fn host(address: &str) -> Cow<'_, str> {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = address.split(['/', ':']).next().unwrap_or_default();
    normal(host)
}

#[cfg(test)]
mod tests;
