//! Counts as they are said: which values are any, and what they are for [`counts`](crate::genai::counts). Zero stands for "not said".

use crate::genai::counts::{Counts, Usual};
use crate::genai::meaning::Count;
use crate::genai::usage::MAX_PLAUSIBLE;
use crate::otlp::view::Scalar;

/// Those of the counts that are in [`Usual`], as bits.
pub(super) const USUAL: u32 = 1 << Count::Input as u32
    | 1 << Count::Output as u32
    | 1 << Count::Total as u32
    | 1 << Count::CacheRead as u32
    | 1 << Count::CacheWrite as u32
    | 1 << Count::Reasoning as u32;
const _: () = assert!(Count::COUNT <= 32, "a bit for each");

/// The counts of most calls, of those that were said.
pub(super) fn usual(said: &[u32; Count::COUNT]) -> Usual {
    let said = |slot: Count| said[slot as usize].into();
    Usual {
        input: said(Count::Input),
        output: said(Count::Output),
        total: said(Count::Total),
        cache_read: said(Count::CacheRead),
        cache_write: said(Count::CacheWrite),
        reasoning: said(Count::Reasoning),
    }
}

/// All counts that were said.
pub(super) fn counts(said: &[u32; Count::COUNT]) -> Counts {
    let said = |slot: Count| match said[slot as usize] {
        0 => None,
        count => Some(u64::from(count)),
    };
    Counts {
        input: said(Count::Input),
        input_uncached: said(Count::InputUncached),
        input_rest: said(Count::InputRest),
        output: said(Count::Output),
        output_rest: said(Count::OutputRest),
        total: said(Count::Total),
        cache_read: said(Count::CacheRead),
        cache_write: said(Count::CacheWrite),
        cache_write_5m: said(Count::CacheWrite5m),
        cache_write_1h: said(Count::CacheWrite1h),
        reasoning: said(Count::Reasoning),
        input_audio: said(Count::InputAudio),
        cache_read_audio: said(Count::CacheReadAudio),
        input_image: said(Count::InputImage),
        cache_read_image: said(Count::CacheReadImage),
        input_video: said(Count::InputVideo),
        output_audio: said(Count::OutputAudio),
        output_image: said(Count::OutputImage),
        output_video: said(Count::OutputVideo),
        searches: said(Count::Searches),
        file_searches: said(Count::FileSearches),
    }
}

/// No plausible count.
pub(super) struct Implausible;

/// A count as an integer, an integral double or a decimal string; zero, which says nothing, for -1 and the empty string.
pub(super) fn plausible(value: Scalar<'_>) -> Result<u64, Implausible> {
    let count = match value {
        Scalar::Int(count) => count,
        Scalar::Double(double) if double.fract() == 0.0 && double.abs() <= MAX_PLAUSIBLE as f64 => {
            double as i64
        }
        Scalar::String(text) if text.is_empty() => 0,
        Scalar::String(text) => text.as_str().trim().parse().map_err(|_| Implausible)?,
        _ => return Err(Implausible),
    };
    match u64::try_from(count) {
        Ok(count) if count <= MAX_PLAUSIBLE => Ok(count),
        Err(_) if count == -1 => Ok(0),
        _ => Err(Implausible),
    }
}

/// Whether a value is a number, plausible or not.
pub(super) fn is_number(value: Scalar<'_>) -> bool {
    match value {
        Scalar::Int(_) | Scalar::Double(_) => true,
        Scalar::String(text) => text.as_str().trim().parse::<f64>().is_ok(),
        Scalar::Bool(_) | Scalar::Other => false,
    }
}
