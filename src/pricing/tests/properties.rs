//! What must hold for every price, in catalogs that chance wrote and in the embedded one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::reference::{self, BUCKETS, Call, Model};
use super::*;

/// A catalog of some providers, each with its model `m`.
fn written(models: &[(&str, Value)]) -> Catalog {
    let providers: serde_json::Map<String, Value> =
        models.iter().map(|(id, model)| ((*id).to_owned(), json!({ "models": { "m": model } }))).collect();
    let text = json!({ "providers": providers }).to_string();
    let file = CatalogFile::from_json("test", &text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Catalog::from_layers([("test", file)]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn asked<'a>(call: &Call) -> (Conditions<'a>, Usage) {
    let conditions = Conditions {
        end_unix_nano: call.time as u64 * 1_000_000_000 + 999_999_999,
        tier_served: call.tier,
        batch: call.batch,
        region: call.region,
        ..Conditions::default()
    };
    let used = BUCKETS.iter().zip(call.used);
    let used: Vec<_> = used.map(|((name, ..), n)| (Bucket::from_name(name).unwrap(), n)).collect();
    (conditions, usage(&used))
}

fn bill(catalog: &Catalog, call: &Call) -> Receipt {
    let (conditions, used) = asked(call);
    let found = catalog.resolve(&ModelQuery { provider: "p", served: "m", ..ModelQuery::default() });
    catalog.receipt(&found, &conditions, &used)
}

/// What must hold for one more of a bucket, where the same conditions are true.
fn never_falls(
    catalog: &Catalog,
    model: ModelId,
    conditions: &Conditions<'_>,
    used: Usage,
    bucket: Bucket,
    more: u64,
) {
    let mut grown = used;
    grown[bucket] += more;
    let (before, after) = (catalog.price(model, conditions, &used), catalog.price(model, conditions, &grown));
    assert!(before.total >= Picodollars::ZERO && after.total >= Picodollars::ZERO);
    if before.applied == after.applied && before.status.has_cost() && after.status.has_cost() {
        assert!(before.total <= after.total, "{bucket}: {before:?} {after:?}");
    }
}

fn sums_up(receipt: &Receipt) {
    assert_eq!(Some(receipt.total), receipt.lines.iter().map(Line::amount).sum());
}

/// The embedded catalog with its providers in another order.
static REVERSED: LazyLock<Catalog> = LazyLock::new(|| {
    let mut file = Catalog::embedded_file().unwrap();
    file.providers.0.reverse();
    Catalog::from_layers([("embedded", file)]).unwrap()
});

proptest! {
    /// Scenario: any model, any call.
    /// Guarantees: the slow and plain reference comes to the same lines, to the picodollar, and to the same status.
    #[test]
    fn prices_are_the_references(
        model in reference::model(), call in reference::call(), below in prop::option::of(0u64..2),
    ) {
        let mut model = model;
        if let Some(below) = below {
            model.on_the_threshold_of(&call, below);
        }
        let receipt = bill(&written(&[("p", model.json())]), &call);
        let (expected, unpriced) = model.bill(&call);
        let lines: BTreeMap<&str, u128> =
            receipt.lines.iter().map(|line| (line.bucket.name(), line.amount().get() as u128)).collect();
        sums_up(&receipt);
        if receipt.reason == Reason::ModelHasNoPrice {
            prop_assert!(expected.is_empty());
        } else {
            prop_assert_eq!(&lines, &expected);
            match receipt.status {
                Status::Priced => prop_assert!(!unpriced),
                Status::Free => prop_assert!(!unpriced && expected.values().all(|amount| *amount == 0)),
                Status::Partial => prop_assert!(unpriced && !expected.is_empty()),
                Status::UnknownModel => prop_assert!(unpriced && expected.is_empty()),
                other => prop_assert!(false, "{other}"),
            }
        }
    }

    /// Guarantees: a cost is never negative, and never falls when a bucket grows within one set of conditions.
    #[test]
    fn a_cost_never_falls_when_usage_grows(
        model in reference::model(), call in reference::call(), nth in 0..BUCKETS.len(), more in 0u64..5_000,
    ) {
        let catalog = written(&[("p", model.json())]);
        let (conditions, used) = asked(&call);
        let id = catalog.models().next().unwrap().0;
        never_falls(&catalog, id, &conditions, used, Bucket::from_name(BUCKETS[nth].0).unwrap(), more);
    }

    /// The same for the embedded catalog.
    #[test]
    fn an_embedded_cost_never_falls_when_usage_grows(
        nth in any::<prop::sample::Index>(),
        quantities in prop::collection::vec(prop_oneof![Just(0u64), 0u64..400_000], Bucket::COUNT),
        bucket in prop::sample::select(Bucket::ALL.to_vec()),
        more in 0u64..100_000,
        tier_served in "(|flex|priority|batch)",
        end_unix_nano in 1_700_000_000_000_000_000u64..1_900_000_000_000_000_000,
    ) {
        let catalog = Catalog::embedded();
        let (model, _) = catalog.models().nth(nth.index(catalog.models().count())).unwrap();
        let used: Vec<_> = Bucket::ALL.into_iter().zip(quantities).collect();
        let conditions = Conditions { end_unix_nano, tier_served: &tier_served, ..Conditions::default() };
        never_falls(catalog, model, &conditions, usage(&used), bucket, more);
        sums_up(&catalog.price(model, &conditions, &usage(&used)));
    }

    /// Scenario: a factor of one, under any conditions, anywhere among the others; and as an adjustment.
    /// Guarantees: lines, total and status stay.
    #[test]
    fn a_factor_of_one_changes_nothing(
        model in reference::model(), one in reference::model(), call in reference::call(),
        place in any::<prop::sample::Index>(),
    ) {
        let before = bill(&written(&[("p", model.json())]), &call);
        let mut with_one: Model = model;
        for when in one.whens {
            with_one.whens.insert(place.index(with_one.whens.len() + 1), when.times_one());
        }
        let text = json!({
            "providers": { "p": { "models": { "m": with_one.json() } } },
            "adjust": [{ "provider": "p", "x": 1 }, { "provider": "p", "model": "m*", "x": 1, "until": "2030-01-01" }],
        });
        let file = CatalogFile::from_json("test", &text.to_string()).unwrap();
        let after = bill(&Catalog::from_layers([("test", file)]).unwrap(), &call);
        prop_assert_eq!((before.status, before.total, before.lines), (after.status, after.total, after.lines));
    }

    /// Guarantees: whatever order providers stand in, a call has the same receipt.
    #[test]
    fn the_order_of_providers_changes_nothing(
        models in prop::collection::vec(reference::model(), 3), call in reference::call(),
    ) {
        let mut providers: Vec<(&str, Value)> =
            ["p", "q", "r"].into_iter().zip(models.iter().map(Model::json)).collect();
        let said = |catalog: &Catalog| {
            let Receipt { status, total, lines, applied, provider, .. } = bill(catalog, &call);
            (status, total, lines, applied, provider.map(|id| catalog.provider(id).id().to_owned()))
        };
        let before = said(&written(&providers));
        providers.rotate_left(1);
        prop_assert_eq!(&before, &said(&written(&providers)));
        providers.reverse();
        prop_assert_eq!(&before, &said(&written(&providers)));
    }

    /// The same for the embedded catalog, and whatever the call names: both, or the model alone.
    #[test]
    fn the_order_of_embedded_providers_changes_nothing(
        nth in any::<prop::sample::Index>(), named in any::<bool>(),
    ) {
        let said = |catalog: &Catalog, provider, served| {
            let found = catalog.resolve(&ModelQuery { provider, served, ..ModelQuery::default() });
            let receipt = catalog.receipt(&found, &now(), &usage(&[(Bucket::Input, 1_000), (Bucket::Output, 1_000)]));
            let id = |model| catalog.model(model).id().to_owned();
            (receipt.status, receipt.total, receipt.lines, found.model.map(id))
        };
        let catalog = Catalog::embedded();
        let (_, model) = catalog.models().nth(nth.index(catalog.models().count())).unwrap();
        let provider = if named { catalog.provider(model.provider()).id() } else { "" };
        prop_assert_eq!(said(catalog, provider, model.id()), said(&REVERSED, provider, model.id()));
    }
}
