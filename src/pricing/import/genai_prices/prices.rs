//! Their prices as our rates and conditions.

use serde_json::{Map, Value, json};

use super::super::ImportError;
use super::facts::{DEEPSEEK_PEAK_SINCE, DEEPSEEK_WORKING_DAYS_SINCE, deepseek_peak};
use super::{Constraint, Model, Prices, Provider, RateMap, Variant};
use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::format::ModelEntry;
use crate::pricing::money::PLACES;

type Object = Map<String, Value>;

/// Rates of one list: without condition, and above thresholds.
#[derive(Default)]
struct Listed {
    base: Vec<(Bucket, Value)>,
    tiers: Vec<(u64, Vec<(Bucket, Value)>)>,
}

/// `rates` and `when` of a model.
pub(super) fn convert(provider: &Provider, model: &Model, place: &str) -> Result<ModelEntry, ImportError> {
    let mut whens: Vec<Object> = Vec::new();
    let always = [super::Dated { constraint: None, prices: RateMap::new() }];
    let mut rates = Object::new();
    match &model.prices {
        Prices::Always(prices) => rates = first(listed(prices, place)?, &mut whens),
        Prices::Dated(lists) => {
            let mut lists: Vec<_> =
                lists.iter().chain(if lists.is_empty() { &always[..] } else { &[] }).collect();
            // In their order, dates ascending; those of a time of day stay behind the dates that they follow.
            lists.sort_by_key(|list| list.constraint.is_some());
            let mut known: Vec<Bucket> = Vec::new();
            let mut since = None;
            for (nth, list) in lists.iter().enumerate() {
                let listed = listed(&list.prices, place)?;
                let replaced = std::mem::replace(&mut known, listed.buckets());
                if nth == 0 && list.constraint.is_none() {
                    rates = first(listed, &mut whens);
                    continue;
                }
                let mut condition = constraint(list.constraint.as_ref(), &mut since, place)?;
                if condition.contains_key("hours") {
                    if deepseek_peak(&provider.id, &model.id) {
                        condition.insert("from".to_owned(), json!(DEEPSEEK_WORKING_DAYS_SINCE));
                        condition.insert("days".to_owned(), json!(["mon", "tue", "wed", "thu", "fri"]));
                    }
                    if add_hours(&mut whens, &condition, &listed) {
                        continue;
                    }
                }
                push(&mut whens, condition, listed, &replaced);
            }
        }
    }
    if deepseek_peak(&provider.id, &model.id)
        && let Some(hours) = whens.last().and_then(|when| when.get("hours")).cloned()
        && whens.iter().any(|when| when.get("from") == Some(&json!(DEEPSEEK_PEAK_SINCE)))
    {
        whens.push(object([
            ("from", json!(DEEPSEEK_PEAK_SINCE)),
            ("until", json!(DEEPSEEK_WORKING_DAYS_SINCE)),
            ("hours", hours),
            ("x", json!(2)),
        ]));
    }
    for variant in in_order(&model.price_variants) {
        let mut since = None;
        let Some(mut condition) = meaning(&variant.when, place)? else { continue };
        condition.extend(constraint(variant.constraint.as_ref(), &mut since, place)?);
        let listed = listed(&variant.prices, place)?;
        if !listed.base.is_empty() && !add_tier(&mut whens, &condition, &listed) {
            push(&mut whens, condition, listed, &[]);
        }
    }
    let mut price = Object::new();
    if !rates.is_empty() {
        price.insert("rates".to_owned(), Value::Object(rates));
    }
    if !whens.is_empty() {
        price.insert("when".to_owned(), json!(whens));
    }
    // The words of the format, so that its reader decides what they mean.
    serde_json::from_value(Value::Object(price)).map_err(|error| unsupported(place, error.to_string()))
}

/// The first list is the base; its thresholds are conditions already.
fn first(listed: Listed, whens: &mut Vec<Object>) -> Object {
    for (over, rates) in listed.tiers {
        whens.push(object([("over", json!(over)), ("rates", rate_object(&rates, &[]))]));
    }
    listed.base.into_iter().map(|(bucket, rate)| (bucket.name().to_owned(), rate)).collect()
}

/// A list under a condition. Keys of the list that it replaces are removed where it has none.
fn push(whens: &mut Vec<Object>, condition: Object, listed: Listed, replaced: &[Bucket]) {
    let mut when = condition.clone();
    when.insert("rates".to_owned(), rate_object(&listed.base, replaced));
    whens.push(when);
    for (over, rates) in listed.tiers {
        let mut when = condition.clone();
        when.insert("over".to_owned(), json!(over));
        when.insert("rates".to_owned(), rate_object(&rates, &[]));
        whens.push(when);
    }
}

/// Adds a second span of hours to the last condition, if that says the same otherwise.
fn add_hours(whens: &mut [Object], condition: &Object, listed: &Listed) -> bool {
    add_to_list(whens, condition, listed, "hours")
}

/// Adds a second tier to the last condition, if that says the same otherwise.
fn add_tier(whens: &mut [Object], condition: &Object, listed: &Listed) -> bool {
    condition.contains_key("tier") && add_to_list(whens, condition, listed, "tier")
}

fn add_to_list(whens: &mut [Object], condition: &Object, listed: &Listed, key: &str) -> bool {
    let Some(last) = whens.last_mut() else { return false };
    let mut same = condition.clone();
    same.insert("rates".to_owned(), rate_object(&listed.base, &[]));
    let (Some(more), Some(known)) = (same.remove(key), last.get(key).cloned()) else { return false };
    let mut rest = last.clone();
    rest.remove(key);
    if rest != same || !listed.tiers.is_empty() {
        return false;
    }
    let both: Vec<Value> = [known, more]
        .into_iter()
        .flat_map(|value| if let Value::Array(list) = value { list } else { vec![value] })
        .collect();
    last.insert(key.to_owned(), Value::Array(both));
    true
}

/// Variants so that a later one wins: those always in force first, then by date.
fn in_order(variants: &[Variant]) -> Vec<&Variant> {
    let mut variants: Vec<_> = variants.iter().collect();
    variants.sort_by_key(|variant| variant.constraint.as_ref().and_then(|known| known.start_date.clone()));
    variants
}

/// `from` and `hours`; `since` is the last date seen in the list.
fn constraint(
    constraint: Option<&Constraint>,
    since: &mut Option<String>,
    place: &str,
) -> Result<Object, ImportError> {
    let Constraint { start_date, start_time, end_time } = constraint.cloned().unwrap_or_default();
    if start_date.is_some() {
        *since = start_date;
    }
    let mut condition = Object::new();
    condition.extend(since.clone().map(|date| ("from".to_owned(), json!(date))));
    if let (Some(from), Some(until)) = (start_time, end_time) {
        let hours = format!("{}-{}", minute(&from, place)?, minute(&until, place)?);
        condition.insert("hours".to_owned(), json!(hours));
    }
    Ok(condition)
}

/// `01:00:00+00:00` as `01:00`.
fn minute<'a>(time: &'a str, place: &str) -> Result<&'a str, ImportError> {
    let utc = time.strip_suffix("+00:00").or_else(|| time.strip_suffix('Z')).unwrap_or(time);
    utc.strip_suffix(":00")
        .filter(|minute| minute.len() == 5)
        .ok_or_else(|| unsupported(place, format!("the time `{time}`, which is no UTC minute")))
}

/// What a variant is for; `None` where no span can say it.
fn meaning(when: &Object, place: &str) -> Result<Option<Object>, ImportError> {
    let mut condition = Object::new();
    for (key, value) in when {
        match (key.as_str(), value.as_str().unwrap_or_default()) {
            ("processing", "batch") => condition.insert("batch".to_owned(), json!(true)),
            ("service_tier" | "speed", tier) => condition.insert("tier".to_owned(), json!(tier)),
            ("route", route) => {
                let region = route.rsplit_once('/').map_or(route, |(_, region)| region);
                condition.insert("region".to_owned(), json!(region))
            }
            ("search_type", _) => return Ok(None),
            (key, value) => return Err(unsupported(place, format!("a variant for {key} `{value}`"))),
        };
    }
    Ok(Some(condition))
}

impl Listed {
    fn buckets(&self) -> Vec<Bucket> {
        let tiers = self.tiers.iter().flat_map(|(_, rates)| rates);
        self.base.iter().chain(tiers).map(|(bucket, _)| *bucket).collect()
    }
}

fn listed(prices: &RateMap, place: &str) -> Result<Listed, ImportError> {
    let mut listed = Listed::default();
    for (key, value) in prices {
        let bucket = bucket(key).ok_or_else(|| unsupported(place, format!("the unit `{key}`")))?;
        let Value::Object(tiered) = value else {
            listed.base.push((bucket, rate(value, place)?));
            continue;
        };
        listed.base.push((bucket, rate(&tiered["base"], place)?));
        for tier in tiered.get("tiers").and_then(Value::as_array).into_iter().flatten() {
            let over = tier
                .get("start")
                .and_then(Value::as_u64)
                .ok_or_else(|| unsupported(place, format!("a tier of `{key}` without a start")))?;
            let rate = rate(&tier["price"], place)?;
            match listed.tiers.iter_mut().find(|(known, _)| *known == over) {
                Some((_, rates)) => rates.push((bucket, rate)),
                None => listed.tiers.push((over, vec![(bucket, rate)])),
            }
        }
    }
    // A higher threshold must win over a lower one.
    listed.tiers.sort_by_key(|(over, _)| *over);
    Ok(listed)
}

/// Their unit as our bucket. Both count per 1M, per 1,000 or per hour.
fn bucket(unit: &str) -> Option<Bucket> {
    Some(match unit {
        "input_mtok" => Bucket::Input,
        "cache_read_mtok" => Bucket::CacheRead,
        "cache_write_mtok" => Bucket::CacheWrite,
        "cache_write_1h_mtok" => Bucket::CacheWrite1h,
        "input_audio_mtok" => Bucket::InputAudio,
        "cache_audio_read_mtok" => Bucket::CacheReadAudio,
        "input_image_mtok" => Bucket::InputImage,
        "cache_image_read_mtok" => Bucket::CacheReadImage,
        "input_video_mtok" => Bucket::InputVideo,
        "output_mtok" => Bucket::Output,
        "output_reasoning_mtok" => Bucket::Reasoning,
        "output_audio_mtok" => Bucket::OutputAudio,
        "output_image_mtok" => Bucket::OutputImage,
        "output_video_mtok" => Bucket::OutputVideo,
        "output_citation_mtok" => Bucket::Citation,
        "input_mchars" => Bucket::InputCharacters,
        "input_text_messages_kcount" => Bucket::InputMessages,
        "input_document_kpages" => Bucket::Pages,
        "input_annotated_document_kpages" => Bucket::AnnotatedPages,
        "input_audio_hours" => Bucket::InputAudioSeconds,
        "audio_hours" => Bucket::AudioSeconds,
        "web_searches_kcount" => Bucket::WebSearch,
        "storage_searches_kcount" => Bucket::FileSearch,
        "requests_kcount" => Bucket::Requests,
        _ => return None,
    })
}

/// A rate as a JSON number, free of the noise of their floats.
fn rate(value: &Value, place: &str) -> Result<Value, ImportError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(unsupported(place, format!("the rate {other}"))),
    };
    let decimal: Decimal = text.parse().map_err(|error| unsupported(place, format!("the rate: {error}")))?;
    let decimal = decimal.rounded(PLACES);
    if decimal.scale() == 0 {
        return Ok(json!(i64::try_from(decimal.mantissa()).unwrap_or(i64::MAX)));
    }
    let number: f64 = decimal.to_string().parse().unwrap_or(f64::NAN);
    // A number reads back as the same decimal, or it must stay a text.
    Ok(if number.to_string() == decimal.to_string() { json!(number) } else { json!(decimal.to_string()) })
}

/// Rates as an object, in the order of receipts; `removed` ones as null where they are not among them.
fn rate_object(rates: &[(Bucket, Value)], removed: &[Bucket]) -> Value {
    let of = |bucket: Bucket| rates.iter().find(|(known, _)| *known == bucket).map(|(_, rate)| rate.clone());
    Bucket::ALL
        .into_iter()
        .filter_map(|bucket| match (of(bucket), removed.contains(&bucket)) {
            (Some(rate), _) => Some((bucket.name().to_owned(), rate)),
            (None, true) => Some((bucket.name().to_owned(), Value::Null)),
            (None, false) => None,
        })
        .collect::<Object>()
        .into()
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Object {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn unsupported(model: &str, problem: impl Into<String>) -> ImportError {
    ImportError::Unsupported { model: model.to_owned(), problem: problem.into() }
}
