//! Aliases of users' files, over the carried catalog.

use super::*;
use crate::pricing::{Catalog, CatalogFile, ModelQuery, Resolution};
use crate::yaml::Mistakes;

fn layered(aliases: &[&str]) -> Result<Catalog, Mistakes> {
    let user = aliases.iter().map(|yaml| {
        let yaml = format!("aliases: {yaml}");
        ("prices.yaml", CatalogFile::from_yaml("prices.yaml", &yaml).unwrap())
    });
    Catalog::from_layers(std::iter::once(("embedded", Catalog::embedded_file().unwrap())).chain(user))
}

/// Who bills, in whose list the price stands, and the model.
fn found(catalog: &Catalog, query: ModelQuery<'_>) -> Option<(String, String, bool)> {
    let Resolution { provider, model, model_by, .. } = catalog.resolve(&query);
    let model = catalog.model(model?);
    let listed = format!("{}/{}", catalog.provider(model.provider()).id(), model.id());
    Some((catalog.provider(provider?).id().to_owned(), listed, model_by == Some(ModelBy::Alias)))
}

fn query<'a>(provider: &'a str, served: &'a str) -> ModelQuery<'a> {
    ModelQuery { provider, served, ..ModelQuery::default() }
}

/// Scenario: a deployment of Azure with an alias, as each kind of sender names it, and others of that name.
/// Guarantees: the alias holds for Azure in any spelling of its name, Azure bills, the price is the one that was named;
/// without the alias, or with another provider, the name is unknown.
#[test]
fn a_deployment_has_the_price_of_its_alias() {
    let catalog = layered(&["{Azure/My-Prod-GPT: openai/gpt-5.6-sol}"]).unwrap();
    let sol = Some(("azure".to_owned(), "openai/gpt-5.6-sol".to_owned(), true));
    for query in [
        query("azure", "my-prod-gpt"),
        query("azure.ai.openai", " MY-PROD-GPT "),
        query("openai", "azure/my-prod-gpt"),
        query("", "azure_openai/my-prod-gpt"),
        ModelQuery { host: "x.openai.azure.com", ..query("openai", "my-prod-gpt") },
        ModelQuery { asked: "my-prod-gpt", ..query("azure", "something-else") },
    ] {
        assert_eq!(found(&catalog, query), sol, "{query:?}");
    }
    for query in [query("openai", "my-prod-gpt"), query("azure", "my-prod-gpt-2"), query("", "my-prod-gpt")] {
        assert_eq!(found(&catalog, query), None, "{query:?}");
    }
    assert_eq!(found(Catalog::embedded(), query("azure", "my-prod-gpt")), None);
    let served = ModelQuery { asked: "my-prod-gpt", ..query("azure", "gpt-5-mini") };
    let served = found(&catalog, served).unwrap();
    assert!(!served.2, "a known served model counts more than an alias of the asked name");
}

/// Scenario: an alias without a provider, one over a name of the catalog, one laid over another.
/// Guarantees: the first holds for everybody, who bills as the call says, else by the model; aliases come before the
/// catalog; a later layer wins.
#[test]
fn aliases_for_anybody_and_over_names() {
    let catalog = layered(&[
        "{fast: groq/llama-3.1-8b-instant, slow: openai/o3}",
        "{slow: openai/gpt-5-mini, gpt-4o: openai/o3}",
    ]);
    let catalog = catalog.unwrap();
    let of = |provider, served| found(&catalog, query(provider, served)).unwrap();
    assert_eq!(of("litellm", "fast").0, "groq");
    assert_eq!(of("openrouter", "fast").0, "openrouter");
    assert_eq!(of("", "slow").1, "openai/gpt-5-mini");
    assert_eq!(of("openai", "gpt-4o").1, "openai/o3");
    assert_eq!(of("openai", "gpt-4o-2024-08-06").1, "openai/gpt-4o");
}

/// Scenario: aliases that mean nothing.
/// Guarantees: the error names file, key and remedy.
#[test]
fn an_alias_of_nothing_is_an_error() {
    for (aliases, place, problem) in [
        (
            "{a: openai/gpt-5-minj}",
            "aliases.a",
            "openai has no model `gpt-5-minj`; did you mean `openai/gpt-5-mini`?",
        ),
        (
            "{a: openai/xyz}",
            "aliases.a",
            "openai has no model `xyz`; add it to its `models`, or name another one",
        ),
        ("{a: gpt-5}", "aliases.a", "`gpt-5` begins with no provider of the catalog; write `provider/model`"),
        ("{' ': openai/gpt-5}", "aliases. ", "the alias is empty; write the name that calls say"),
        (
            "{azure/a: openai/o3, AZURE/A: openai/o1}",
            "aliases.AZURE/A",
            "`azure/a` has an alias already; keep one of them",
        ),
    ] {
        let mistakes = layered(&[aliases]).unwrap_err();
        assert!(
            mistakes.to_string().starts_with("prices.yaml:1:")
                && mistakes.to_string().ends_with(&format!(": {place}: {problem}")),
            "{mistakes}"
        );
    }
}
