//! Where an entry belongs: the seller, the model's name, the region. All are in its key.

use super::facts::{ROUTES, no_seller, seller};
use crate::pricing::names::{PROFILES, is_region};
use crate::pricing::region::Region;

/// Where an entry belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Our id of who bills.
    pub(super) provider: String,
    /// The model's name, without routes.
    pub(super) model: String,
    /// The region that the key names.
    pub(super) region: Option<String>,
}

/// Where the entry `key` of their provider `theirs` belongs, or why it belongs nowhere.
pub(super) fn place(key: &str, theirs: &str) -> Result<Place, &'static str> {
    if theirs.is_empty() || theirs.starts_with("one of ") {
        return Err("no entry: a sample, or rules");
    }
    if let Some(reason) = no_seller(theirs) {
        return Err(reason);
    }
    if key.split('/').any(is_size) {
        return Err("an image by its size");
    }
    if key.contains("-commitment/") {
        return Err("a reserved machine");
    }
    // Its rate is the router's own; the model that it chose is billed beside it.
    if ["/model-router", "/model_router"].iter().any(|router| key.ends_with(router)) {
        return Err("a fee on top of another model");
    }
    let provider = seller(theirs);
    let mut model = key;
    let mut region = None;
    while let Some((route, rest)) = split_route(model, theirs) {
        // `global` is where the price of no region holds.
        if is_region(route)
            && route != Region::GLOBAL
            && rest.contains(|char: char| char.is_ascii_alphabetic())
        {
            region = Some(route.to_owned());
        }
        model = rest;
    }
    if provider == "aws"
        && let Some((profile, rest)) = model.split_once('.')
        && PROFILES.contains(&profile)
    {
        region = Some(profile.to_owned());
        model = rest;
    }
    if model.is_empty() || model.contains('*') {
        return Err("a pattern, no model");
    }
    Ok(Place { provider, model: model.to_lowercase(), region })
}

/// The route before a model's name, and what follows it.
fn split_route<'a>(name: &'a str, theirs: &str) -> Option<(&'a str, &'a str)> {
    let known = |route: &&str| name.strip_prefix(*route).is_some_and(|rest| rest.starts_with('/'));
    if let Some(route) =
        ROUTES.iter().chain([&theirs]).filter(|route| known(route)).max_by_key(|route| route.len())
    {
        return Some((&name[..route.len()], &name[route.len() + 1..]));
    }
    // Only clouds name regions; `us/` before another's model would be a name of theirs.
    let cloud = ["azure", "bedrock", "vertex"].iter().any(|cloud| theirs.starts_with(cloud));
    name.split_once('/').filter(|(route, _)| cloud && is_region(route))
}

/// `1024-x-1024`, `50-steps`, `max-x-max`, `hd`, and the qualities that stand beside sizes.
fn is_size(part: &str) -> bool {
    part.contains("-x-") || part.ends_with("-steps")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_places() {
        for (key, theirs, provider, model, region) in [
            ("gpt-5.6-sol", "openai", "openai", "gpt-5.6-sol", None),
            ("azure/eu/gpt-6.1-sol", "azure", "azure", "gpt-6.1-sol", Some("eu")),
            ("azure/global-standard/gpt-4o", "azure", "azure", "gpt-4o", None),
            ("azure_ai/Meta-Llama-3.1-70B", "azure_ai", "azure", "meta-llama-3.1-70b", None),
            ("bedrock/us-east-1/amazon.titan", "bedrock", "aws", "amazon.titan", Some("us-east-1")),
            ("bedrock/invoke/us.amazon.x-v1:0", "bedrock", "aws", "amazon.x-v1:0", Some("us")),
            ("global.anthropic.x", "bedrock_converse", "aws", "global.anthropic.x", None),
            ("fireworks_ai/accounts/fireworks/models/x", "fireworks_ai", "fireworks", "x", None),
            ("together_ai/meta-llama/X", "together_ai", "together", "meta-llama/x", None),
            ("vertex_ai/meta/llama", "vertex_ai-llama_models", "google", "meta/llama", None),
            ("deepinfra/us/x", "deepinfra", "deepinfra", "us/x", None),
            ("vercel_ai_gateway/openai/o3", "vercel_ai_gateway", "vercel-ai-gateway", "openai/o3", None),
        ] {
            let region = region.map(str::to_owned);
            let expected = Place { provider: provider.to_owned(), model: model.to_owned(), region };
            assert_eq!(place(key, theirs), Ok(expected), "{key}");
        }
        for (key, theirs) in [
            ("hd/1024-x-1024/dall-e-3", "openai"),
            ("bedrock/*/1-month-commitment/cohere.x", "bedrock"),
            ("github_copilot/gpt-5", "github_copilot"),
            ("azure/model-router", "azure"),
            ("azure_ai/model_router", "azure_ai"),
            ("fallback_generalizations", ""),
        ] {
            assert!(place(key, theirs).is_err(), "{key}");
        }
    }
}
