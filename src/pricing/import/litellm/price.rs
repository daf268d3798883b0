//! One entry's price as rates and conditions.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::keys::{Key, When};
use super::{off_peak, tiers};
use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::format::ModelEntry;
use crate::pricing::money::PLACES;

/// Rates by bucket; `None` removes one.
pub(super) type Rates = BTreeMap<Bucket, Option<Decimal>>;

/// What one entry comes to.
#[derive(Debug, Default)]
pub(super) struct Priced {
    pub(super) model: ModelEntry,
    /// Keys about prices that are not in `model`, with the reason.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// What is special about an entry's seller.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    /// A threshold takes in its own number of tokens.
    pub(super) inclusive: bool,
    /// What a cache read costs a chat of the input's rate, where the list names no rate for it.
    pub(super) cache_read: Option<Decimal>,
    /// Images are billed by the steps of making them, and the list has that price in the keys of tokens.
    pub(super) steps: bool,
}

/// The price of an entry, or why it has none.
pub(super) fn convert(entry: &Map<String, Value>, habits: Habits) -> Result<Priced, String> {
    if habits.steps && mode(entry) == "image_generation" && entry.contains_key("input_cost_per_token") {
        return Err("priced by steps, in the keys of tokens".to_owned());
    }
    let mut left_out = Vec::new();
    let images = images(entry);
    let mut lists: BTreeMap<When, Rates> = BTreeMap::new();
    for (key, value) in entry.iter().filter(|(_, value)| !value.is_null()) {
        match Key::parse(key) {
            Key::Rate(bucket, mut when) => {
                if habits.inclusive {
                    when.over = when.over.map(|limit| limit.saturating_sub(1));
                }
                let rate = rate(bucket, value).ok_or_else(|| format!("`{key}` is no rate: {value}"))?;
                lists.entry(when).or_default().insert(bucket, Some(rate));
            }
            Key::NoPlace(_) if images == Some(key.as_str()) => {
                let rate =
                    rate(Bucket::Images, value).ok_or_else(|| format!("`{key}` is no rate: {value}"))?;
                lists.entry(When::default()).or_default().insert(Bucket::Images, Some(rate));
            }
            Key::NoPlace(reason) if !is_zero(value) => left_out.push((key.clone(), reason)),
            Key::Unknown => left_out.push((key.clone(), "a key that nobody has looked at")),
            Key::Structure | Key::NoPlace(_) | Key::Other => {}
        }
    }
    let mut base = lists.remove(&When::default()).unwrap_or_default();
    let source = whole_entry(entry, &mut base, habits)?;
    // `tiered_pricing` is a price list of its own: nothing else counts beside it.
    let mut whens = Vec::new();
    if let Some(tiered) = tiers::read(entry, &mut base)? {
        for (over, rates) in tiered {
            whens.push(condition(When { over: Some(over), ..When::default() }, rates));
        }
        lists.clear();
    }
    let reasoning = base.contains_key(&Bucket::Reasoning);
    for (when, mut rates) in lists {
        // A tier with an output of its own bills reasoning as output, unless it says otherwise.
        if reasoning && when.tier.is_some() && rates.contains_key(&Bucket::Output) {
            rates.entry(Bucket::Reasoning).or_insert(None);
        }
        whens.push(condition(when, rates));
    }
    whens.extend(off_peak::read(entry)?);
    whens.extend(uplifts(entry)?);

    let whole = |when: &Value| is_zero(&when["rates"]) && when.get("x").is_none();
    if base.values().flatten().all(|rate| rate.mantissa() == 0) && whens.iter().all(whole) {
        return Err(match left_out.first() {
            Some((_, reason)) => format!("priced by what we have no unit for: {reason}"),
            None if base.is_empty() => "no price".to_owned(),
            None => ALL_ZERO.to_owned(),
        });
    }
    let mut model = Map::new();
    model.insert("rates".to_owned(), object(&base));
    model.insert("when".to_owned(), Value::Array(whens));
    if let Some(date) = entry.get("deprecation_date").and_then(Value::as_str).filter(|date| date.len() == 10)
    {
        model.insert("retires".to_owned(), json!(date));
    }
    if let Some(source) = source {
        model.insert("source".to_owned(), json!(source));
    }
    // The words of the format, so that its reader decides what they mean.
    let model = ModelEntry::deserialize(Value::Object(model)).map_err(|error| error.to_string())?;
    Ok(Priced { model, left_out })
}

/// The reason of an entry whose every rate is zero: in this list that stands for "not known".
pub(super) const ALL_ZERO: &str = "every rate is zero";

/// What an entry's model is for, such as `chat`.
fn mode(entry: &Map<String, Value>) -> &str {
    entry.get("mode").and_then(Value::as_str).unwrap_or_default()
}

/// The key with the price of an image that the model makes, where images have no price in tokens. Keys of its inputs mean
/// that too in models that only make images: the list has such prices in either place.
fn images<'a>(entry: &Map<String, Value>) -> Option<&'a str> {
    let priced = |key: &&str| entry.get(*key).is_some_and(|value| !is_zero(value));
    let makes = ["image_generation", "image_edit"].contains(&mode(entry));
    let by_token = ["output_cost_per_token", "output_cost_per_image_token"].iter().any(priced);
    ["output_cost_per_image", "input_cost_per_image"]
        .into_iter()
        .find(|key| makes && !by_token && priced(key))
}

/// Rates that need more than their key; says where one comes from that the list does not state.
fn whole_entry(
    entry: &Map<String, Value>,
    base: &mut Rates,
    habits: Habits,
) -> Result<Option<&'static str>, String> {
    let read = |key: &str, bucket| match entry.get(key).filter(|value| !value.is_null()) {
        Some(value) => rate(bucket, value).map(Some).ok_or_else(|| format!("`{key}` is no rate: {value}")),
        None => Ok(None),
    };
    // DeepSeek's older name.
    if let Some(hit) = read("input_cost_per_token_cache_hit", Bucket::CacheRead)? {
        base.entry(Bucket::CacheRead).or_insert(Some(hit));
    }
    if let Some(seconds) = read("input_cost_per_second", Bucket::InputAudioSeconds)? {
        base.entry(Bucket::InputAudioSeconds).or_insert(Some(seconds));
    }
    if let Some(thousand) = entry.get("file_search_cost_per_1k_calls").and_then(decimal) {
        base.insert(Bucket::FileSearch, Some(thousand.rounded(PLACES)));
    }
    // By how much of the web is read. No span says it; medium is what vendors take where the caller says nothing.
    if let Some(search) = entry.get("search_context_cost_per_query").and_then(Value::as_object) {
        let size = ["medium", "low", "high"]
            .iter()
            .find_map(|size| search.get(&format!("search_context_size_{size}")));
        if let Some(rate) = size.and_then(|size| rate(Bucket::WebSearch, size)) {
            base.insert(Bucket::WebSearch, Some(rate));
        }
    }
    let mut source = None;
    if let (Some(ratio), Some(Some(input)), false, "chat" | "") =
        (habits.cache_read, base.get(&Bucket::Input), base.contains_key(&Bucket::CacheRead), mode(entry))
    {
        base.insert(Bucket::CacheRead, input.checked_mul(ratio).map(|rate| rate.rounded(PLACES)));
        source = Some("litellm; cache_read is half of input, its seller's default");
    }
    // All output of a model that makes images is images.
    if base.get(&Bucket::Output).is_none_or(|rate| rate.is_some_and(|rate| rate.mantissa() == 0))
        && let Some(image) = base.get(&Bucket::OutputImage).copied()
    {
        base.insert(Bucket::Output, image);
    }
    if base.contains_key(&Bucket::Reasoning) && base.get(&Bucket::Reasoning) == base.get(&Bucket::Output) {
        base.remove(&Bucket::Reasoning);
    }
    Ok(source)
}

/// Factors for where, and how fast, a call is served.
fn uplifts(entry: &Map<String, Value>) -> Result<Vec<Value>, String> {
    let factor = |value: &Value| decimal(value).ok_or_else(|| format!("a factor is no number: {value}"));
    let one = Decimal::new(1, 0);
    let mut whens = Vec::new();
    let mut push = |condition: &str, of: Value, x: Decimal| {
        if x != one {
            whens.push(json!({condition: of, "x": x.to_string()}));
        }
    };
    for region in ["eu", "us"] {
        if let Some(value) = entry.get(&format!("regional_processing_uplift_multiplier_{region}")) {
            push("region", json!(region), factor(value)?);
        }
    }
    if let Some(value) = entry.get("regional_endpoint_uplift_multiplier") {
        push("region", json!(super::facts::VERTEX_REGIONS), factor(value)?);
    }
    for (name, value) in entry.get("provider_specific_entry").and_then(Value::as_object).into_iter().flatten()
    {
        match name.as_str() {
            "us" | "eu" => push("region", json!(name), factor(value)?),
            "fast" => push("tier", json!(name), factor(value)?),
            _ => {}
        }
    }
    Ok(whens)
}

/// A condition with its rates, in the words of the format.
fn condition(when: When, rates: Rates) -> Value {
    let When { batch, over, tier } = when;
    let mut object = Map::new();
    if let Some(over) = over {
        object.insert("over".to_owned(), json!(over));
    }
    if let Some(tier) = tier {
        // OpenAI's newer name for priority, which LiteLLM bills as that.
        let tier = if tier == "priority" { json!(["priority", "fast"]) } else { json!(tier) };
        object.insert("tier".to_owned(), tier);
    }
    if batch {
        object.insert("batch".to_owned(), json!(true));
    }
    object.insert("rates".to_owned(), self::object(&rates));
    Value::Object(object)
}

/// Rates in the words of the format.
pub(super) fn object(rates: &Rates) -> Value {
    let word = |rate: &Option<Decimal>| rate.map_or(Value::Null, |rate| json!(rate.to_string()));
    rates.iter().map(|(bucket, rate)| (bucket.name().to_owned(), word(rate))).collect::<Map<_, _>>().into()
}

/// Dollars a unit as dollars for the units of a rate. A double's shortest text is the decimal as it was written; digits that
/// a sum of doubles left behind are rounded off.
pub(super) fn rate(bucket: Bucket, value: &Value) -> Option<Decimal> {
    let each = decimal(value)?.not_negative().ok()?;
    Some(each.checked_mul(Decimal::new(bucket.per().into(), 0))?.rounded(PLACES))
}

/// A number, or a text of one, `3e-7` too.
fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => {
            text.parse().ok().or_else(|| text.parse::<f64>().ok()?.to_string().parse().ok())
        }
        number => Decimal::deserialize(number).ok(),
    }
}

/// Whether all numbers in it are zero.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
        Value::Object(members) => members.values().all(is_zero),
        Value::Null => true,
        _ => false,
    }
}
