//! What LiteLLM's list does not say: which of its providers are sellers that genai-prices lists by another id, which entries
//! are no list price, and the locations of a cloud.

use super::price::Habits;
use crate::pricing::decimal::Decimal;

/// Its providers that are one of genai-prices' by another id: theirs, ours. A trailing `*` stands for any ending.
const SELLERS: [(&str, &str); 24] = [
    ("amazon_nova", "aws"),
    ("aws_polly", "aws"),
    ("azure_ai", "azure"),
    ("azure_text", "azure"),
    ("bedrock", "aws"),
    ("bedrock_converse", "aws"),
    ("bedrock_mantle", "aws"),
    ("bigmodel", "zhipuai"),
    ("codestral", "mistral"),
    ("cohere_chat", "cohere"),
    ("fireworks_ai*", "fireworks"),
    ("gemini", "google"),
    ("meta_llama", "meta"),
    ("moonshot", "moonshotai"),
    ("text-completion-codestral", "mistral"),
    ("text-completion-inception", "inception"),
    ("text-completion-openai", "openai"),
    ("together_ai", "together"),
    ("transcribe", "aws"),
    ("vertex_ai*", "google"),
    ("voyage", "voyageai"),
    ("watsonx", "ibm"),
    ("xai", "x-ai"),
    ("clf_ai_gateway", "cloudflare"),
];

/// Its providers whose entries are no list price of a seller, with the reason.
const NO_SELLERS: [(&str, &str); 12] = [
    ("agentcore", "a subscription"),
    ("chatgpt", "a subscription"),
    ("duckduckgo", "a tool"),
    ("github_copilot", "a subscription"),
    ("lemonade", "runs on the caller's machine"),
    ("microsoft_365_copilot", "a subscription"),
    ("ollama", "runs on the caller's machine"),
    ("sagemaker", "runs on the caller's machines"),
    ("searxng", "a tool"),
    ("strands_decider", "a tool"),
    ("bing_grounding", "a tool"),
    ("google_pse", "a tool"),
];

/// Our id of a provider of theirs: one of genai-prices', or their own with dashes.
pub(super) fn seller(theirs: &str) -> String {
    let known = SELLERS.iter().find(|(name, _)| match name.strip_suffix('*') {
        Some(start) => theirs.starts_with(start),
        None => *name == theirs,
    });
    known.map_or_else(|| theirs.replace('_', "-"), |(_, ours)| (*ours).to_owned())
}

/// Why a provider's entries are left out.
pub(super) fn no_seller(theirs: &str) -> Option<&'static str> {
    NO_SELLERS.iter().find(|(name, _)| *name == theirs).map(|(_, reason)| *reason)
}

/// Routes that stand before a model's name in a key, besides the provider's own name.
pub(super) const ROUTES: [&str; 9] = [
    "accounts/fireworks/models",
    "amazon-nova",
    "azure",
    "bedrock",
    "fireworks_ai",
    "global",
    "global-standard",
    "invoke",
    "vertex_ai",
];

/// What is special about a seller's prices, as LiteLLM itself computes them.
pub(super) fn habits(theirs: &str) -> Habits {
    Habits {
        // docs.x.ai/docs/models: higher prices from 200,000 tokens on.
        inclusive: theirs == "xai",
        // docs.fireworks.ai/guides/prompt-caching: "The default discount is 50%, but the exact discount varies by model."
        cache_read: theirs.starts_with("fireworks_ai").then(|| Decimal::new(5, 1)),
        steps: theirs.starts_with("fireworks_ai"),
    }
}

/// Every location of Vertex AI but `global`: regions by continent, and its two multi-regions.
pub(super) const VERTEX_REGIONS: [&str; 10] = [
    "us",
    "us-*",
    "eu",
    "europe-*",
    "asia-*",
    "australia-*",
    "me-*",
    "northamerica-*",
    "southamerica-*",
    "africa-*",
];
