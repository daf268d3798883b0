//! Names of the catalog, written as senders write them, and as nobody should be able to: what they may resolve to.

use pricetag::pricing::matching::ModelBy;
use pricetag::pricing::{Catalog, ModelId, ModelQuery, Resolution, Variants};
use proptest::prelude::*;

/// What is written around a name without a meaning for the price. `#` stands for the name.
const SAME: [&str; 22] = [
    "#",
    " # ",
    "openai/#",
    "azure/eu/#",
    "bedrock/us-east-1/#",
    "bedrock/converse/us.#",
    "eu.#",
    "openrouter/openai/#",
    "vertex_ai/#",
    "models/#",
    "publishers/acme/models/#",
    "projects/p/locations/us-central1/publishers/acme/models/#",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.#",
    "arn:aws:bedrock:us-east-1::foundation-model/#",
    "litellm_proxy/together_ai/#",
    "#-2026-09-15",
    "#-20260915",
    "#@20260915",
    "#-latest",
    "#@default",
    "#-v1:0",
    "#-001",
];

/// What makes another model of a name, or a name of the user's own.
const OTHER: [&str; 20] = [
    "#-mini",
    "#-nano",
    "#-pro",
    "#-max",
    "#-thinking",
    "#-turbo",
    "#-vision-exp",
    "#-instruct",
    "#-70b",
    "#-eastus",
    "#-fine-tuned",
    "#.1",
    "#z",
    "x#",
    "my-#",
    "prod-#",
    "acme-corp/#",
    "#-beta",
    "#:unheard-of",
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/#",
];

/// What makes a variant of a name.
const VARIANTS: [&str; 8] = [
    "#:free",
    "#:batch",
    "#:online",
    "#:thinking",
    "#[1m]",
    "global.#",
    "ft:#:acme::a1",
    "#.ft-0123456789abcdef",
];

fn resolve(provider: &str, served: &str) -> Resolution {
    Catalog::embedded().resolve(&ModelQuery { provider, served, ..ModelQuery::default() })
}

/// The catalog itself has the name that was made up: written out, by a star, with dots for dashes, or without its
/// organisation.
fn listed(found: &Resolution) -> bool {
    !matches!(found.model_by, Some(ModelBy::Revision))
}

/// The faults of one model's names.
fn faults(nth: usize) -> Vec<String> {
    let catalog = Catalog::embedded();
    let (model, entry) = catalog.models().nth(nth).unwrap();
    let (provider, id) = (catalog.provider(entry.provider()).id(), entry.id());
    let mut faults = Vec::new();
    let mut check = |kind: &str, template: &str, fault: &dyn Fn(ModelId, &Resolution) -> bool| {
        let name = template.replace('#', id);
        for name in [name.to_uppercase(), name] {
            let found = resolve(provider, &name);
            if let Some(other) = found.model.filter(|other| fault(*other, &found)) {
                faults.push(format!(
                    "{kind}: {provider} {name} is {} {:?}",
                    catalog.model(other).id(),
                    found.model_by
                ));
            }
        }
    };
    let plain = |found: &Resolution| found.variants == Variants::default();
    for template in SAME {
        check("same", template, &|other, found| other != model && !listed(found) || !plain(found));
    }
    for template in OTHER {
        check("other", template, &|other, found| {
            !listed(found)
                || (other == model && !matches!(found.model_by, Some(ModelBy::Exact | ModelBy::Pattern)))
        });
    }
    for template in VARIANTS {
        check("variant", template, &|_, found| plain(found) && !listed(found));
    }
    faults
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Scenario: any model of the catalog, its name written in all ways that mean the same, with an affix that makes
    /// another model of it, and as a variant.
    /// Guarantees: never a model other than the one meant, unless the catalog lists that name; never a base in the place
    /// of another model; a variant by its rule only.
    #[test]
    fn no_name_is_taken_for_another(nth in any::<prop::sample::Index>()) {
        let faults = faults(nth.index(Catalog::embedded().models().count()));
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
