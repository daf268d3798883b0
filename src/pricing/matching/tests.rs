//! Names of providers and models against the carried catalog.

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
        ("aws.anthropic", "aws"),
        ("bedrock.anthropic.messages", "aws"),
        ("gcp.anthropic", "google"),
        ("googleVertex.anthropic.messages", "google"),
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
    let found = resolve(ModelQuery { provider: "litellm", ..query("api.anthropic.com", "claude-opus-5") });
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
        ("openrouter", "openai/o3-pro:thinking"),
        ("anthropic", "claude-opus-5-mini"),
        ("openai", "gpt-5-mini:free"),
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
    assert_eq!(Catalog::embedded().resolve(&query).region.unwrap().as_str(), "us");
}
