//! Prices against LiteLLM's own answers: each row's `rates` imported as an entry of its list, its usage priced, its cost compared.
//! See `tests/fixtures/oracle/README.md`; `PRICETAG_ORACLE` runs the whole file, as in `oracle`.

use std::collections::BTreeMap;

use pricetag::genai::counts::{Counts, Means};
use pricetag::pricing::format::{ModelEntry, Ordered, ProviderEntry};
use pricetag::pricing::import::litellm;
use pricetag::pricing::{Catalog, CatalogFile, Conditions, Receipt};
use serde_json::Value;

use crate::support::oracle::{rows, text};

/// A catalog of one model.
fn catalog(model: ModelEntry) -> Catalog {
    let models = Ordered(vec![("m".to_owned(), model)]);
    let provider = ProviderEntry { models, ..ProviderEntry::default() };
    let mut file = CatalogFile::default();
    file.providers = Ordered(vec![("p".to_owned(), provider)]);
    Catalog::from_layers([("row", file)]).expect("an import is a catalog")
}

fn receipt(row: &Value, catalog: &Catalog) -> Receipt {
    let of = |key: &str| row["usage"][key].as_u64();
    let counts = Counts {
        input: of("prompt_tokens"),
        output: of("completion_tokens"),
        cache_read: of("cached_tokens"),
        cache_write: of("cache_creation_tokens"),
        cache_write_1h: of("cache_1h"),
        reasoning: of("out_reasoning_tokens"),
        input_audio: of("audio_tokens"),
        output_audio: of("out_audio_tokens"),
        ..Counts::default()
    };
    let time: jiff::Timestamp = text(row, "timestamp").parse().unwrap();
    let residency = text(row, "data_residency");
    let conditions = Conditions {
        end_unix_nano: u64::try_from(time.as_nanosecond()).unwrap(),
        tier_served: text(row, "service_tier"),
        region: if residency.is_empty() { text(row, "vertex_location") } else { residency },
        ..Conditions::default()
    };
    let (model, _) = catalog.models().next().expect("the model");
    catalog.price(model, &conditions, &counts.disjoint(Means::default()).usage)
}

/// Why a row of theirs says nothing about ours.
fn not_comparable(row: &Value, refused: Option<&str>) -> Option<&'static str> {
    match refused {
        Some("every rate is zero") => return Some("nothing but zeros: free to them, unknown to us"),
        Some(reason) if reason.starts_with("priced by what we have no unit for") => {
            return Some("priced by units that their function leaves out");
        }
        _ => {}
    }
    let by_request = row["rates"]["input_cost_per_request"].as_f64() > Some(0.0);
    by_request.then_some("a price for the request, which their function leaves out")
}

/// Scenario: every row of LiteLLM's oracle.
/// Guarantees: at least 99 % of comparable rows cost the same, within one part in a thousand million, or the
/// picodollar that receipts count in.
#[test]
fn costs_are_litellms() {
    let mut equal = 0;
    let mut apart: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows("oracle_litellm.jsonl") {
        let rates = row["rates"].as_object().expect("rates");
        let model = litellm::convert_entry(text(&row, "litellm_provider"), rates);
        let receipt = model.clone().ok().map(|model| receipt(&row, &catalog(model)));
        let ours = receipt.as_ref().and_then(Receipt::cost).map(|cost| cost.to_usd_f64());
        let theirs: f64 = text(&row["generic"], "total_cost").parse().expect("a cost");
        // Each line of a receipt is rounded to the picodollar.
        let same = |ours: f64| (ours - theirs).abs() <= (1e-9 * theirs.abs()).max(1e-12);
        if ours.is_some_and(same) {
            equal += 1;
        } else if let Some(reason) = not_comparable(&row, model.as_ref().err().map(String::as_str)) {
            *apart.entry(reason).or_default() += 1;
        } else {
            wrong.push(format!("ours {ours:?} theirs {theirs:?} {:?} {row}", model.err()));
        }
    }
    let comparable = equal + wrong.len();
    eprintln!("litellm: {equal} of {comparable} comparable rows equal; not comparable {apart:?}");
    for wrong in &wrong {
        eprintln!("  {wrong}");
    }
    assert!(equal * 100 >= comparable * 99, "{} rows differ", wrong.len());
}
