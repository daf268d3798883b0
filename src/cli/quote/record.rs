//! A usage record: what a line says, named as genai-prices names it.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::keys::unknown;
use crate::genai::counts::{Counts, Disjoint, Means};
use crate::genai::usage::Bucket;
use crate::pricing::{Catalog, Conditions, Receipt, Resolver};

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Nothing on it.
    #[error("empty line; write one JSON object a line")]
    Empty,
    /// Longer than can be held.
    #[error("longer than {} bytes; write one record a line", super::MAX_LINE)]
    TooLong,
    /// Not JSON, or not the right JSON.
    #[error("{0}")]
    Wrong(String),
}

/// A usage record.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Who served it; may be empty where the model's name tells.
    pub provider: Cow<'a, str>,
    /// The model that answered.
    pub model: Cow<'a, str>,
    /// The end of the call, nanoseconds since 1970.
    end_unix_nano: u64,
    context: Context<'a>,
    /// `None`: not said.
    usage: Option<Disjoint>,
}

/// What decides the price besides usage and time.
#[derive(Clone, Debug, Default)]
struct Context<'a> {
    batch: bool,
    tier: Cow<'a, str>,
    region: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// [`BadRecord`]: names the key and what is wrong with it.
    pub fn parse(line: &'a [u8]) -> Result<Self, BadRecord> {
        if line.trim_ascii().is_empty() {
            return Err(BadRecord::Empty);
        }
        serde_json::from_slice(line).map_err(|error| {
            // The line's number is the caller's to say; here it is always the first.
            let text = error.to_string();
            let text = text.split(" at line 1 column").next().unwrap_or(&text);
            let no_json = error.is_syntax() || error.is_eof();
            BadRecord::Wrong(if no_json { format!("no JSON: {text}") } else { text.to_owned() })
        })
    }

    /// The receipt for it.
    pub fn price(&self, catalog: &Catalog, resolver: &mut Resolver) -> Receipt {
        let names = [self.provider.as_bytes(), b"", self.model.as_bytes(), b""];
        let resolution = resolver.resolve(catalog, names);
        let Some(Disjoint { usage, clamped }) = &self.usage else {
            let receipt = Receipt::no_usage();
            return Receipt { provider: resolution.provider, model: resolution.model, ..receipt };
        };
        let conditions = Conditions {
            end_unix_nano: self.end_unix_nano,
            tier_served: &self.context.tier,
            batch: self.context.batch,
            region: &self.context.region,
            ..Conditions::default()
        };
        let mut receipt = catalog.receipt(&resolution, &conditions, usage);
        receipt.flags.clamped = *clamped;
        receipt
    }
}

/// A text that borrows from the line, where it has no escapes.
#[derive(Deserialize)]
struct Words<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value of a key; errors name the key.
fn value<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    key: &str,
    want: &str,
) -> Result<T, A::Error> {
    let raw: &RawValue = map.next_value()?;
    serde_json::from_str(raw.get()).map_err(|error| {
        // Errors from within name their own key already.
        let error = error.to_string();
        let error = error.split(" at line 1 column").next().unwrap_or(&error);
        if error.starts_with(key) {
            A::Error::custom(error)
        } else {
            let said: String = raw.get().chars().take(40).collect();
            A::Error::custom(format_args!("{key}: {said} is no {want}"))
        }
    })
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record such as {\"model\": ..., \"time\": ..., \"usage\": {...}}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut provider, mut model, mut time) = (None, None, None);
                let (mut context, mut usage) = (None, None);
                while let Some(Words(key)) = map.next_key()? {
                    let twice = match &*key {
                        "provider" => provider
                            .replace(value::<Option<Words<'_>>, _>(&mut map, "provider", "text")?)
                            .is_some(),
                        "model" => model.replace(value::<Words<'_>, _>(&mut map, "model", "text")?).is_some(),
                        "time" => time.replace(value::<Words<'_>, _>(&mut map, "time", TIME)?).is_some(),
                        "context" => context
                            .replace(value::<Option<Context<'_>>, _>(&mut map, "context", "object")?)
                            .is_some(),
                        "usage" => {
                            usage.replace(value::<Option<Used>, _>(&mut map, "usage", "object")?).is_some()
                        }
                        own => {
                            if let Some(meant) =
                                ["context", "usage"].into_iter().find(|key| is_slip(own, key))
                            {
                                return Err(A::Error::custom(format_args!(
                                    "{own}: unknown key; did you mean {meant:?}?"
                                )));
                            }
                            map.next_value::<IgnoredAny>()?;
                            false
                        }
                    };
                    if twice {
                        return Err(A::Error::custom(format_args!("{key}: stands twice; keep one")));
                    }
                }
                let Some(Words(model)) = model else {
                    return Err(A::Error::custom("model: missing; name the model that answered"));
                };
                let Some(Words(time)) = time else {
                    return Err(A::Error::custom(
                        "time: missing; write the end of the call, as 2026-11-22T10:00:00Z",
                    ));
                };
                let end_unix_nano = time
                    .parse::<jiff::Timestamp>()
                    .ok()
                    .and_then(|time| u64::try_from(time.as_nanosecond()).ok())
                    .ok_or_else(|| {
                        let said: String = time.chars().take(40).collect();
                        A::Error::custom(format_args!(
                            "time: `{said}` is no RFC 3339 time since 1970; write it as 2026-11-22T10:00:00Z"
                        ))
                    })?;
                Ok(Record {
                    provider: provider.flatten().map(|Words(provider)| provider).unwrap_or_default(),
                    model,
                    end_unix_nano,
                    context: context.flatten().unwrap_or_default(),
                    usage: usage.flatten().and_then(|Used(usage)| usage),
                })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// What a time is, in errors.
const TIME: &str = "RFC 3339 text; write it as \"2026-11-22T10:00:00Z\"";

/// A slip of the pen in the name of a key whose absence would change the price without a word.
fn is_slip(said: &str, key: &str) -> bool {
    said.len() < 16 && strsim::damerau_levenshtein(&said.to_lowercase(), key) <= 1
}

const CONTEXT: [&str; 5] = ["processing", "service_tier", "speed", "route", "region"];

impl<'de> Deserialize<'de> for Context<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Context<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut said: [Option<Cow<'de, str>>; CONTEXT.len()] = Default::default();
                while let Some(Words(key)) = map.next_key()? {
                    let path = format!("context.{key}");
                    let nth = CONTEXT
                        .iter()
                        .position(|known| *known == key)
                        .ok_or_else(|| unknown(&path, &key, CONTEXT))?;
                    let text: Option<Words<'_>> = value(&mut map, &path, "text")?;
                    if said[nth].is_some() {
                        return Err(A::Error::custom(format_args!("{path}: stands twice; keep one")));
                    }
                    said[nth] = text.map(|Words(text)| text);
                }
                let [processing, tier, speed, route, region] = said.map(Option::unwrap_or_default);
                let batch = match &*processing {
                    "batch" => true,
                    "" | "default" | "standard" | "realtime" => false,
                    other => {
                        return Err(A::Error::custom(format_args!(
                            "context.processing: `{other}` is neither batch nor standard; a service tier goes into service_tier"
                        )));
                    }
                };
                let is_standard = |tier: &str| ["", "default", "standard", "auto"].contains(&tier);
                let tier = match (is_standard(&tier), is_standard(&speed)) {
                    (_, true) => tier,
                    (true, false) => speed,
                    (false, false) if tier == speed => tier,
                    (false, false) => {
                        return Err(A::Error::custom(format_args!(
                            "context.speed: `{speed}` and the service tier `{tier}` are two prices; keep the one that was served"
                        )));
                    }
                };
                // A route such as `mistral/eu` ends in the region.
                let region = match (region, route) {
                    (region, _) if !region.is_empty() => region,
                    (_, Cow::Borrowed(route)) => route.rsplit('/').next().unwrap_or_default().into(),
                    (_, Cow::Owned(route)) => route.rsplit('/').next().unwrap_or_default().to_owned().into(),
                };
                Ok(Context { batch, tier, region })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Where a count goes: into [`Counts`], which takes parts out of their wholes, or straight into a bucket.
enum Goes {
    Count(fn(&mut Counts) -> &mut Option<u64>),
    Bucket(Bucket),
}

/// The keys of usage, as genai-prices has them.
const USAGE: [(&str, Goes); 26] = {
    use Goes::{Bucket as B, Count as C};
    [
        ("input_tokens", C(|counts| &mut counts.input)),
        ("output_tokens", C(|counts| &mut counts.output)),
        ("cache_read_tokens", C(|counts| &mut counts.cache_read)),
        ("cache_write_tokens", C(|counts| &mut counts.cache_write)),
        ("cache_write_5m_tokens", C(|counts| &mut counts.cache_write_5m)),
        ("cache_write_1h_tokens", C(|counts| &mut counts.cache_write_1h)),
        ("output_reasoning_tokens", C(|counts| &mut counts.reasoning)),
        ("input_audio_tokens", C(|counts| &mut counts.input_audio)),
        ("cache_audio_read_tokens", C(|counts| &mut counts.cache_read_audio)),
        ("input_image_tokens", C(|counts| &mut counts.input_image)),
        ("cache_image_read_tokens", C(|counts| &mut counts.cache_read_image)),
        ("input_video_tokens", C(|counts| &mut counts.input_video)),
        ("output_audio_tokens", C(|counts| &mut counts.output_audio)),
        ("output_image_tokens", C(|counts| &mut counts.output_image)),
        ("output_video_tokens", C(|counts| &mut counts.output_video)),
        ("output_citation_tokens", B(Bucket::Citation)),
        ("input_characters", B(Bucket::InputCharacters)),
        ("input_text_messages", B(Bucket::InputMessages)),
        ("input_document_pages", B(Bucket::Pages)),
        ("input_annotated_document_pages", B(Bucket::AnnotatedPages)),
        ("audio_seconds", B(Bucket::AudioSeconds)),
        ("input_audio_seconds", B(Bucket::InputAudioSeconds)),
        ("images", B(Bucket::Images)),
        ("web_searches", B(Bucket::WebSearch)),
        ("storage_searches", B(Bucket::FileSearch)),
        ("requests", B(Bucket::Requests)),
    ]
};

/// Wholes among the buckets, and the part that their count contains.
const CONTAINED: [(Bucket, Bucket); 3] = [
    (Bucket::Output, Bucket::Citation),
    (Bucket::AudioSeconds, Bucket::InputAudioSeconds),
    (Bucket::Pages, Bucket::AnnotatedPages),
];

/// Usage, made disjoint. `None`: keys stand there, and none says a count.
struct Used(Option<Disjoint>);

impl<'de> Deserialize<'de> for Used {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Used;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of counts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Used, A::Error> {
                let mut said = [None; USAGE.len()];
                let mut is_empty = true;
                while let Some(Words(key)) = map.next_key()? {
                    is_empty = false;
                    let nth = USAGE.iter().position(|(known, _)| *known == key);
                    let nth = nth.ok_or_else(|| {
                        unknown(&format!("usage.{key}"), &key, USAGE.iter().map(|(key, _)| *key))
                    })?;
                    if said[nth].is_some() {
                        return Err(A::Error::custom(format_args!("usage.{key}: stands twice; keep one")));
                    }
                    let raw: &RawValue = map.next_value()?;
                    said[nth] = count(raw.get()).map_err(|()| {
                        let said: String = raw.get().chars().take(40).collect();
                        A::Error::custom(format_args!(
                            "usage.{key}: {said} is no count; write a whole number"
                        ))
                    })?;
                }
                if !is_empty && said.iter().all(Option::is_none) {
                    return Ok(Used(None));
                }
                let mut counts = Counts::default();
                let mut used = Disjoint::default();
                for ((_, goes), said) in USAGE.iter().zip(said) {
                    if let Goes::Count(field) = goes {
                        *field(&mut counts) = said;
                    }
                }
                if !counts.is_empty() {
                    used = counts.disjoint(Means::default());
                }
                for ((_, goes), said) in USAGE.iter().zip(said) {
                    if let (Goes::Bucket(bucket), Some(said)) = (goes, said) {
                        used.usage[*bucket] = said;
                    }
                }
                for (whole, part) in CONTAINED {
                    let (whole_count, part_count) = (used.usage[whole], used.usage[part]);
                    used.usage[whole] = whole_count.saturating_sub(part_count);
                }
                Ok(Used(Some(used)))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A whole number; `null` says nothing. Warehouses write some of them as `5.0`.
fn count(said: &str) -> Result<Option<u64>, ()> {
    if said == "null" {
        return Ok(None);
    }
    let whole = match said.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0') => {
            whole
        }
        _ => said,
    };
    whole.parse().map(Some).map_err(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: docs/pricing.md lists every key of usage and of context, and the bucket that each one goes into.
    #[test]
    fn the_page_says_where_keys_go() {
        let page = include_str!("../../../docs/pricing.md");
        let filled = |said: &[&str]| {
            let said: Vec<String> = said.iter().map(|key| format!("{key:?}: 1000")).collect();
            let Used(used) = serde_json::from_str(&format!("{{{}}}", said.join(","))).unwrap();
            used.map(|used| used.usage).unwrap_or_default()
        };
        for (key, _) in &USAGE {
            // The wholes that it is a part of.
            let kind = ["audio", "image"].into_iter().find(|kind| key.starts_with(&format!("cache_{kind}")));
            let whole = kind.map(|kind| format!("input_{kind}_tokens"));
            let wholes: &[&str] = match &whole {
                Some(whole) => &["input_tokens", "cache_read_tokens", whole],
                None if key.starts_with("output_") => &["output_tokens"],
                None => &["input_tokens"],
            };
            let wholes: Vec<&str> = wholes.iter().copied().filter(|whole| whole != key).collect();
            let (before, after) = (filled(&wholes), filled(&[wholes.as_slice(), &[key]].concat()));
            let more: Vec<Bucket> = Bucket::ALL.into_iter().filter(|of| after[*of] > before[*of]).collect();
            assert_eq!(more.len(), 1, "{key}: {more:?}");
            assert!(page.contains(&format!("\n| `{key}` | `{}` | ", more[0])), "{key}: {}", more[0]);
        }
        assert!(CONTEXT.iter().all(|key| page.contains(&format!("\n| `{key}` | "))));
    }
}
