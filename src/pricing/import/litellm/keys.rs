//! LiteLLM's keys: what each says about a price.

use std::cmp::Reverse;

use crate::genai::usage::Bucket;

/// When a rate holds. The order is the one in which LiteLLM lets a later rate win: tiers, then thresholds, then both;
/// a batch is a price list of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct When {
    pub(super) batch: bool,
    pub(super) over: Option<u64>,
    pub(super) tier: Option<String>,
}

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A rate.
    Rate(Bucket, When),
    /// A part of the price that is read as a whole elsewhere.
    Structure,
    /// A price that our format cannot say, or no span could use.
    NoPlace(&'static str),
    /// A price, by its name, that nobody has looked at.
    Unknown,
    /// Nothing about prices.
    Other,
}

/// Rates by key, without the endings for conditions. All are dollars for one unit.
const RATES: [(&str, Bucket); 22] = [
    ("input_cost_per_token", Bucket::Input),
    ("cache_read_input_token_cost", Bucket::CacheRead),
    ("cache_creation_input_token_cost", Bucket::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", Bucket::CacheWrite1h),
    ("input_cost_per_audio_token", Bucket::InputAudio),
    ("cache_read_input_audio_token_cost", Bucket::CacheReadAudio),
    ("input_cost_per_image_token", Bucket::InputImage),
    ("cache_read_input_image_token_cost", Bucket::CacheReadImage),
    ("input_cost_per_video_token", Bucket::InputVideo),
    ("output_cost_per_token", Bucket::Output),
    ("output_cost_per_reasoning_token", Bucket::Reasoning),
    ("output_cost_per_audio_token", Bucket::OutputAudio),
    ("output_cost_per_image_token", Bucket::OutputImage),
    ("output_cost_per_video_token", Bucket::OutputVideo),
    ("citation_cost_per_token", Bucket::Citation),
    ("input_cost_per_character", Bucket::InputCharacters),
    ("input_cost_per_text_message", Bucket::InputMessages),
    ("ocr_cost_per_page", Bucket::Pages),
    ("annotation_cost_per_page", Bucket::AnnotatedPages),
    ("input_cost_per_audio_per_second", Bucket::InputAudioSeconds),
    ("input_cost_per_request", Bucket::Requests),
    ("input_cost_per_query", Bucket::Requests),
];

/// Endings for service tiers.
const TIERS: [&str; 4] = ["priority", "flex", "balanced", "ultrafast"];

/// Beginnings of keys whose price has no place in our format, with the reason; the longest one counts.
const NO_PLACE: [(&str, &str); 23] = [
    ("cache_creation_input_audio_token_cost", "audio written to a cache"),
    ("cache_creation_input_token_cost_above_12hr", "a cache that lives twelve hours"),
    ("code_interpreter_cost_per_session", "sessions of a tool"),
    ("computer_use_", "a tool's own tokens"),
    ("cost_per_second", "time of a reserved machine"),
    ("explicit_cache_read_input_token_cost", "caches that the caller made, which no span tells from others"),
    ("file_search_cost_per_gb_per_day", "storage"),
    ("google_maps_grounding_cost_per_query", "searches of a map"),
    ("guardrail_cost_per_unit", "checks by a guardrail"),
    ("input_cost_per_audio_per_second_above", "seconds above a threshold"),
    ("input_cost_per_image", "images"),
    ("input_cost_per_pixel", "pixels"),
    ("input_cost_per_video_per_second", "seconds of video"),
    ("input_dbu_cost_per_token", "another currency; dollars stand beside it"),
    ("ocr_cost_per_credit", "credits"),
    ("output_cost_per_character", "output characters"),
    ("output_cost_per_image", "images"),
    ("output_cost_per_pixel", "pixels"),
    ("output_cost_per_second", "seconds of output"),
    ("output_cost_per_video_per_second", "seconds of video"),
    ("output_dbu_cost_per_token", "another currency; dollars stand beside it"),
    ("search_free_requests", "an allowance, which no single call shows"),
    ("vector_store_cost_per_gb_per_day", "storage"),
];

/// What the parts of [`super::price`] read themselves.
const STRUCTURE: [&str; 10] = [
    "file_search_cost_per_1k_calls",
    "input_cost_per_second",
    "input_cost_per_token_cache_hit",
    "off_peak_pricing",
    "provider_specific_entry",
    "regional_endpoint_uplift_multiplier",
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
    "search_context_cost_per_query",
    "tiered_pricing",
];

impl Key {
    pub(super) fn parse(key: &str) -> Self {
        if STRUCTURE.contains(&key) {
            return Self::Structure;
        }
        let (stem, when) = split(key);
        if let Some((_, bucket)) = RATES.iter().find(|(known, _)| *known == stem) {
            let modality = !matches!(
                bucket,
                Bucket::Input
                    | Bucket::CacheRead
                    | Bucket::CacheWrite
                    | Bucket::CacheWrite1h
                    | Bucket::Output
            );
            // LiteLLM itself has thresholds for the main rates only.
            if modality && when.over.is_some() {
                return Self::NoPlace("a threshold on this rate alone");
            }
            return Self::Rate(*bucket, when);
        }
        let mut places: Vec<_> = NO_PLACE.iter().filter(|(start, _)| key.starts_with(start)).collect();
        places.sort_by_key(|(start, _)| Reverse(start.len()));
        match places.first() {
            Some((_, reason)) => Self::NoPlace(reason),
            None if ["cost", "pric", "multiplier", "uplift", "fee"].iter().any(|word| key.contains(word)) => {
                Self::Unknown
            }
            None => Self::Other,
        }
    }
}

/// The stem of a key and the conditions in its endings: `…_above_272k_tokens_priority`.
fn split(key: &str) -> (&str, When) {
    let mut when = When::default();
    let mut stem = key;
    if let Some(rest) = stem.strip_suffix("_batches") {
        (stem, when.batch) = (rest, true);
    }
    for tier in TIERS {
        if let Some(rest) = stem.strip_suffix(tier).and_then(|rest| rest.strip_suffix('_')) {
            (stem, when.tier) = (rest, Some(tier.to_owned()));
        }
    }
    if let Some((rest, limit)) = stem.strip_suffix("_tokens").and_then(|rest| rest.rsplit_once("_above_"))
        && let Some(limit) = tokens(limit)
    {
        (stem, when.over) = (rest, Some(limit));
    }
    (stem, when)
}

/// `272k`, `512`.
fn tokens(text: &str) -> Option<u64> {
    match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_rates_with_conditions() {
        let when = |over, tier: Option<&str>, batch| When { over, tier: tier.map(str::to_owned), batch };
        for (key, bucket, condition) in [
            ("input_cost_per_token", Bucket::Input, when(None, None, false)),
            ("output_cost_per_token_priority", Bucket::Output, when(None, Some("priority"), false)),
            (
                "cache_read_input_token_cost_above_272k_tokens_flex",
                Bucket::CacheRead,
                when(Some(272_000), Some("flex"), false),
            ),
            (
                "input_cost_per_token_above_200k_tokens_batches",
                Bucket::Input,
                when(Some(200_000), None, true),
            ),
            ("cache_creation_input_token_cost_above_1hr", Bucket::CacheWrite1h, when(None, None, false)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                Bucket::CacheWrite1h,
                when(Some(200_000), None, false),
            ),
        ] {
            assert_eq!(Key::parse(key), Key::Rate(bucket, condition), "{key}");
        }
    }

    #[test]
    fn no_price_is_passed_over_in_silence() {
        assert_eq!(Key::parse("max_input_tokens"), Key::Other);
        assert_eq!(
            Key::parse("output_cost_per_image_token"),
            Key::Rate(Bucket::OutputImage, When::default())
        );
        assert_eq!(Key::parse("output_cost_per_image_4K"), Key::NoPlace("images"));
        let batch = When { batch: true, ..When::default() };
        assert_eq!(Key::parse("ocr_cost_per_page_batches"), Key::Rate(Bucket::Pages, batch));
        assert_eq!(Key::parse("cost_per_qubit"), Key::Unknown);
        assert_eq!(Key::parse("input_cost_per_token_decisions"), Key::Unknown);
    }
}
