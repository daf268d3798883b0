//! From the names on a span to an entry of the catalog.
//!
//! Only what is known to carry no meaning is ever removed from a name (`names`); never anything fuzzy.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::adjust::{self, Adjusted};
use super::catalog::{Catalog, ModelId, ProviderId};
use super::names::{MAX_NAME, peel, strip_once, strip_pointer, with_compact_date, with_dashes};

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
    /// The region that the model's name carried (`us.anthropic.…`): a condition of the price.
    pub region: Option<&'static str>,
    /// The adjustments of who bills that are meant for these names, whenever they hold.
    pub adjusted: Adjusted,
}

/// A model found in a provider's list.
struct Found {
    model: ModelId,
    by: ModelBy,
    region: Option<&'static str>,
}

impl Catalog {
    /// The entry for what a span says.
    ///
    /// A host that the catalog knows says who bills (an OpenAI SDK that calls another provider still names
    /// itself), if that provider lists the model; then the provider's name; and without either, a route in the
    /// model's name, then the model's name itself. The served model counts; an unknown one gives way to the
    /// asked one.
    pub fn resolve(&self, query: &ModelQuery<'_>) -> Resolution {
        let mut found = self.look_up(query);
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
        let models: SmallVec<[(Cow<'_, str>, bool); 2]> =
            [(query.served, false), (query.asked, !query.served.trim_ascii().is_empty())]
                .into_iter()
                .map(|(name, asked)| (normal(name), asked))
                .filter(|(name, _)| !name.is_empty())
                .collect();
        let by_name = self.names.named(&normal(query.provider)).map(|provider| (provider, ProviderBy::Name));
        let by_host = self.names.behind(&host(query.host)).map(|provider| (provider, ProviderBy::Host));

        for (name, asked_model) in &models {
            for (provider, provider_by) in by_host.into_iter().chain(by_name) {
                if let Some(found) = self.find(provider, name) {
                    let found = found.resolution(provider, provider_by, *asked_model);
                    return Resolution { provider_named, ..found };
                }
            }
            if by_host.or(by_name).is_none()
                && let Some((provider, provider_by, found)) = self.by_model(name)
            {
                let found = found.resolution(provider, provider_by, *asked_model);
                return Resolution { provider_named, ..found };
            }
        }
        match by_name.or(by_host) {
            Some((provider, provider_by)) => {
                Resolution { provider: Some(provider), provider_named, provider_by, ..Resolution::default() }
            }
            None => Resolution { provider_named, ..Resolution::default() },
        }
    }

    /// The model in the lists of a provider and of those it resells. `name` is lowercase.
    fn find(&self, provider: ProviderId, name: &str) -> Option<Found> {
        let entry = self.provider(provider);
        let chain = || entry.chain.iter().map(|id| &self.provider(*id).names);
        let peeled = peel(name, |route| self.names.exact(route).is_some());
        let found = |model, by| Found { model, by, region: peeled.region };
        let mut names = peeled.names.clone();
        for name in &peeled.names {
            let ending = entry.same_price.iter().find_map(|ending| name.strip_suffix(&**ending));
            names.extend(ending.filter(|rest| !rest.is_empty()));
        }

        let pointed: SmallVec<[&str; 6]> = names.iter().filter_map(|name| strip_pointer(name)).collect();
        names.extend(pointed);

        // The seller's own list before those of its sources, whatever the name is written like.
        if let Some(model) = chain().find_map(|list| names.iter().find_map(|name| list.exact(name))) {
            return Some(found(model, ModelBy::Exact));
        }
        // Not those of its sources: a reseller's deployments have names of their own, and a star takes them in.
        if let Some(model) = names.iter().find_map(|name| entry.names.pattern(name)) {
            return Some(found(model, ModelBy::Pattern));
        }
        for name in &names {
            let dated =
                with_compact_date(name).and_then(|dated| chain().find_map(|names| names.dated(&dated)));
            let dashed =
                || with_dashes(name).and_then(|dashed| chain().find_map(|names| names.exact(&dashed)));
            if let Some(model) = dated.or_else(dashed) {
                return Some(found(model, ModelBy::Spelling));
            }
        }
        for name in &names {
            let mut rest = *name;
            while let Some(stripped) = strip_once(rest) {
                rest = stripped;
                if let Some(model) = chain().find_map(|names| names.exact(rest)) {
                    return Some(found(model, ModelBy::Revision));
                }
            }
        }
        names
            .iter()
            .find_map(|name| chain().find_map(|names| names.short(name)))
            .map(|model| found(model, ModelBy::Short))
    }

    /// Provider and model from the model's name alone.
    fn by_model(&self, name: &str) -> Option<(ProviderId, ProviderBy, Found)> {
        let route = peel(name, |route| self.names.exact(route).is_some()).route;
        if let Some(provider) = route.and_then(|route| self.names.named(route))
            && let Some(found) = self.find(provider, name)
        {
            return Some((provider, ProviderBy::Route, found));
        }
        // Not "the only provider that lists it": open models are served by many, and most of those are in no list.
        self.names
            .serving(name)
            .find_map(|provider| Some((provider, ProviderBy::Model, self.find(provider, name)?)))
    }
}

impl Found {
    fn resolution(self, provider: ProviderId, provider_by: ProviderBy, asked_model: bool) -> Resolution {
        Resolution {
            provider: Some(provider),
            provider_named: false,
            provider_by,
            model: Some(self.model),
            model_by: Some(self.by),
            asked_model,
            region: self.region,
            adjusted: Adjusted::default(),
        }
    }
}

/// Trimmed and in lowercase; nothing if it is too long for a name.
fn normal(name: &str) -> Cow<'_, str> {
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
fn host(address: &str) -> Cow<'_, str> {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = address.split(['/', ':']).next().unwrap_or_default();
    normal(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Provider, model, and what told them.
    fn resolve(query: ModelQuery<'_>) -> (Option<&'static str>, Option<&'static str>, ProviderBy) {
        let catalog = Catalog::embedded();
        let found = catalog.resolve(&query);
        (
            found.provider.map(|provider| catalog.provider(provider).id()),
            found.model.map(|model| catalog.model(model).id()),
            found.provider_by,
        )
    }

    #[test]
    fn names_of_providers() {
        for (name, id) in [
            ("openai", "openai"),
            ("OpenAI", "openai"),
            ("openai.responses", "openai"),
            ("anthropic.messages", "anthropic"),
            ("aws.bedrock", "aws"),
            ("amazon-bedrock", "aws"),
            ("AWS", "aws"),
            ("azure.ai.openai", "azure"),
            ("az.ai.openai", "azure"),
            ("azure.ai.inference", "azure"),
            ("azure-openai.chat", "azure"),
            ("gcp.gemini", "google"),
            ("gcp.vertex_ai", "google"),
            ("gcp.gen_ai", "google"),
            ("google.vertex.chat", "google"),
            ("mistral_ai", "mistral"),
            ("x_ai", "x-ai"),
            ("xai.chat", "x-ai"),
            ("xai", "x-ai"),
            ("ibm.watsonx.ai", "ibm"),
            ("groq", "groq"),
            ("deepseek", "deepseek"),
            ("perplexity", "perplexity"),
            ("cohere", "cohere"),
            ("together_ai", "together"),
            ("huggingface_cerebras", "huggingface_cerebras"),
        ] {
            let found = resolve(ModelQuery { provider: name, served: "no-such", ..ModelQuery::default() });
            assert_eq!(found, (Some(id), None, ProviderBy::Name), "{name}");
        }
    }

    #[test]
    fn the_host_says_who_bills() {
        let query = |host, served| ModelQuery { provider: "openai", host, served, asked: "" };
        let found = resolve(query("openrouter.ai", "openai/gpt-4o"));
        assert_eq!(found, (Some("openrouter"), Some("openai/gpt-4o"), ProviderBy::Host));
        let found = resolve(query("https://x.openai.azure.com:443/v1", "gpt-5-mini"));
        assert_eq!((found.0, found.2), (Some("azure"), ProviderBy::Host));
        let found = resolve(query("localhost", "gpt-5-mini"));
        assert_eq!(found, (Some("openai"), Some("gpt-5-mini"), ProviderBy::Name));
        let found =
            resolve(ModelQuery { provider: "litellm", ..query("api.anthropic.com", "claude-opus-5") });
        assert_eq!(found, (Some("anthropic"), Some("claude-opus-5"), ProviderBy::Host));
    }

    #[test]
    fn a_model_alone_tells_its_provider() {
        let found = |served| resolve(ModelQuery { served, ..ModelQuery::default() });
        for (name, provider, by) in [
            ("gpt-5-mini-2025-08-07", "openai", ProviderBy::Model),
            ("text-embedding-3-small", "openai", ProviderBy::Model),
            ("claude-sonnet-4-5-20250929", "anthropic", ProviderBy::Model),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", ProviderBy::Model),
            ("gemini-2.5-pro", "google", ProviderBy::Model),
            ("azure/gpt-4o", "azure", ProviderBy::Route),
            ("openrouter/openai/gpt-4o", "openrouter", ProviderBy::Route),
            ("publishers/anthropic/models/claude-opus-5", "google", ProviderBy::Model),
            ("bedrock/us-east-1/amazon.nova-pro-v1:0", "aws", ProviderBy::Route),
        ] {
            let (known, model, known_by) = found(name);
            assert_eq!((known, known_by), (Some(provider), by), "{name}");
            assert!(model.is_some(), "{name}");
        }
        assert_eq!(found("Mixtral-8x7B-Instruct-v0.1"), (None, None, ProviderBy::Nothing), "served by many");
        assert_eq!(found("my-own-model"), (None, None, ProviderBy::Nothing));
        assert_eq!(found(""), (None, None, ProviderBy::Nothing));
    }

    #[test]
    fn an_unknown_served_model_gives_way_to_the_asked_one() {
        let catalog = Catalog::embedded();
        let query = ModelQuery { provider: "azure", served: "my-deployment", asked: "gpt-5-mini", host: "" };
        let found = catalog.resolve(&query);
        assert!(found.asked_model && found.model.is_some());
        let both = catalog.resolve(&ModelQuery { served: "gpt-4o", ..query });
        assert!(!both.asked_model);
    }

    #[test]
    fn a_variant_is_not_its_base() {
        for (provider, served) in [
            ("openai", "ft:gpt-5:acme::abc123"),
            ("azure", "gpt-5.ft-0123456789abcdef"),
            ("azure", "computer-use-preview.ft-0123456789abcdef"),
            ("openrouter", "openai/gpt-audio:free"),
            ("openrouter", "openai/gpt-5.6-sol:online"),
            ("openrouter", "openai/o3-pro:thinking"),
            ("anthropic", "claude-sonnet-4-5[1m]"),
            ("anthropic", "claude-opus-5-mini"),
            ("aws", "global.meta.llama3-3-70b-instruct-v1:0"),
            ("azure", "gpt-5.2-eastus"),
            ("azure", "prod-claude-haiku-4-5"),
            ("openrouter", "acme/gpt-4o"),
        ] {
            let found = resolve(ModelQuery { provider, served, ..ModelQuery::default() });
            assert_eq!(found.1, None, "{provider} {served}");
        }
    }

    #[test]
    fn the_region_of_a_profile_is_kept() {
        let served = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
        let query = ModelQuery { provider: "aws.bedrock", served, ..ModelQuery::default() };
        assert_eq!(Catalog::embedded().resolve(&query).region, Some("us"));
    }
}
