//! Totals and parts of totals, as they are reported, turned into disjoint buckets. This file is the only place where the one
//! becomes the other.

use super::usage::{Bucket, Usage};

/// Counts as a span, a log record or a usage row states them: totals, and parts of those totals.
/// `None` is "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Input tokens; with or without the cache's, see [`InputMeans`].
    pub input: Option<u64>,
    /// Input tokens that were neither read from nor written to a cache.
    pub input_uncached: Option<u64>,
    /// Input tokens that stand in no other count; not looked at where a total of the input is said.
    pub input_rest: Option<u64>,
    /// Output tokens; with or without reasoning, see [`ReasoningMeans`].
    pub output: Option<u64>,
    /// Output tokens that stand in no other count; not looked at where `output` is said.
    pub output_rest: Option<u64>,
    /// Input and output tokens together.
    pub total: Option<u64>,
    /// Tokens read from a cache, every modality.
    pub cache_read: Option<u64>,
    /// Tokens written to a cache, every lifetime.
    pub cache_write: Option<u64>,
    /// Of those, with a lifetime of five minutes.
    pub cache_write_5m: Option<u64>,
    /// Of those, with a lifetime of an hour.
    pub cache_write_1h: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: Option<u64>,
    /// Audio input tokens, cached ones included.
    pub input_audio: Option<u64>,
    /// Audio input tokens read from a cache; part of both `cache_read` and `input_audio`.
    pub cache_read_audio: Option<u64>,
    /// Image input tokens, cached ones included.
    pub input_image: Option<u64>,
    /// Image input tokens read from a cache; part of both `cache_read` and `input_image`.
    pub cache_read_image: Option<u64>,
    /// Video input tokens.
    pub input_video: Option<u64>,
    /// Audio output tokens.
    pub output_audio: Option<u64>,
    /// Image output tokens.
    pub output_image: Option<u64>,
    /// Video output tokens.
    pub output_video: Option<u64>,
    /// Web searches.
    pub searches: Option<u64>,
    /// Searches of files or vector stores.
    pub file_searches: Option<u64>,
}

/// Whether an input count contains the tokens read from and written to a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum InputMeans {
    /// It does, as the semantic conventions ask.
    #[default]
    #[serde(rename = "inclusive", alias = "unknown")]
    WithCache,
    /// It does not (Anthropic's own API, and instrumentations that copy it).
    #[serde(rename = "exclusive")]
    WithoutCache,
}

/// Whether an output count contains the tokens spent on reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum ReasoningMeans {
    /// It does, as the semantic conventions ask.
    #[default]
    #[serde(rename = "within")]
    InOutput,
    /// It does not (Gemini's own API, and instrumentations that copy it). Where reasoning is not said, it is what the total
    /// has besides input and output.
    #[serde(rename = "beside")]
    BesideOutput,
}

/// What totals hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// Input.
    pub input: InputMeans,
    /// Output.
    pub reasoning: ReasoningMeans,
}

/// Counts turned into disjoint buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disjoint {
    /// The usage.
    pub usage: Usage,
    /// A part was larger than its whole and was cut to fit.
    pub clamped: bool,
}

impl Counts {
    /// Whether nothing that costs money was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Tokens read from a cache.
    fn read(&self) -> u64 {
        let parts = self.cache_read_audio.unwrap_or(0).saturating_add(self.cache_read_image.unwrap_or(0));
        self.cache_read.unwrap_or(0).max(parts)
    }

    /// Tokens written to a cache.
    fn written(&self) -> u64 {
        let parts = || self.cache_write_5m.unwrap_or(0).saturating_add(self.cache_write_1h.unwrap_or(0));
        self.cache_write.unwrap_or_else(parts)
    }

    /// What the totals hold: what is `claimed`, unless the numbers prove that it can not be so.
    pub fn means(&self, claimed: Means) -> Means {
        let cache = self.read().saturating_add(self.written());
        let reasoning = self.reasoning.unwrap_or(0);
        if cache == 0 && reasoning == 0 {
            return claimed;
        }
        let mut means = claimed;
        let (input, output) = (self.input.or(self.input_uncached), self.output.unwrap_or(0));
        if let (None, Some(_)) = (self.input, self.input_uncached) {
            means.input = InputMeans::WithoutCache;
        }
        // A part is no larger than its whole.
        if input.is_some_and(|input| cache > input)
            || self.input_uncached.is_some() && self.input == self.input_uncached
        {
            means.input = InputMeans::WithoutCache;
        }
        if reasoning > output && self.output.is_some() {
            means.reasoning = ReasoningMeans::BesideOutput;
        }
        // A sum is the sum of what is not in one another. Without reasoning or without a cache some of these are the same
        // sum: then the claim stands.
        if let (Some(total), Some(input)) = (self.total, input) {
            let plain = input.saturating_add(output);
            let (with_cache, with_reasoning) = (plain.saturating_add(cache), plain.saturating_add(reasoning));
            let with_both = with_cache.saturating_add(reasoning);
            if total == plain {
                // Some add what they report, whatever it holds: no proof.
            } else if total == with_both {
                means = Means { input: InputMeans::WithoutCache, reasoning: ReasoningMeans::BesideOutput };
            } else if total == with_cache {
                means.input = InputMeans::WithoutCache;
            } else if total == with_reasoning {
                means.reasoning = ReasoningMeans::BesideOutput;
            }
        }
        means
    }

    /// Takes the parts out of their totals. A part larger than what is left of its whole is clamped.
    pub fn disjoint(&self, means: Means) -> Disjoint {
        let mut usage = Usage::default();
        let mut clamped = false;
        let mut take = |left: &mut u64, part: u64| {
            clamped |= part > *left;
            let taken = part.min(*left);
            *left -= taken;
            taken
        };

        let written_1h = self.cache_write_1h.unwrap_or(0);
        let (read, written) = (self.read(), self.written());
        // Parts whose total was not said were used all the same.
        let sum = |parts: &[Option<u64>]| {
            parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.unwrap_or(0)))
        };
        let uncached = |all: Option<u64>, cached: Option<u64>| {
            Some(all.unwrap_or(0).saturating_sub(cached.unwrap_or(0)))
        };
        let said = self.input.or(self.input_uncached);
        let mut input = match (said, means.input) {
            (Some(input), InputMeans::WithCache) => input,
            (Some(input), InputMeans::WithoutCache) => input.saturating_add(read).saturating_add(written),
            (None, _) => sum(&[
                self.input_rest,
                Some(read),
                Some(written),
                uncached(self.input_audio, self.cache_read_audio),
                uncached(self.input_image, self.cache_read_image),
                self.input_video,
            ]),
        };

        let all_input = input;
        let mut read = take(&mut input, read);
        let mut written = take(&mut input, written);
        usage[Bucket::CacheWrite1h] = take(&mut written, written_1h);
        usage[Bucket::CacheWrite] = written;
        usage[Bucket::CacheReadAudio] = take(&mut read, self.cache_read_audio.unwrap_or(0));
        usage[Bucket::CacheReadImage] = take(&mut read, self.cache_read_image.unwrap_or(0));
        usage[Bucket::CacheRead] = read;
        let audio = self.input_audio.unwrap_or(0).saturating_sub(usage[Bucket::CacheReadAudio]);
        let image = self.input_image.unwrap_or(0).saturating_sub(usage[Bucket::CacheReadImage]);
        usage[Bucket::InputAudio] = take(&mut input, audio);
        usage[Bucket::InputImage] = take(&mut input, image);
        usage[Bucket::InputVideo] = take(&mut input, self.input_video.unwrap_or(0));
        usage[Bucket::Input] = input;

        // Where reasoning stands beside the output and no count tells it, it is what the total has besides.
        let reasoning = match (self.reasoning, self.output, means.reasoning) {
            (None, Some(output), ReasoningMeans::BesideOutput) => {
                self.total.unwrap_or(0).saturating_sub(all_input).saturating_sub(output)
            }
            (reasoning, ..) => reasoning.unwrap_or(0),
        };
        let mut output = match (self.output, means.reasoning) {
            (Some(output), ReasoningMeans::InOutput) => output,
            (Some(output), ReasoningMeans::BesideOutput) => output.saturating_add(reasoning),
            (None, _) => sum(&[
                self.output_rest,
                self.reasoning,
                self.output_audio,
                self.output_image,
                self.output_video,
            ]),
        };
        usage[Bucket::Reasoning] = take(&mut output, reasoning);
        usage[Bucket::OutputAudio] = take(&mut output, self.output_audio.unwrap_or(0));
        usage[Bucket::OutputImage] = take(&mut output, self.output_image.unwrap_or(0));
        usage[Bucket::OutputVideo] = take(&mut output, self.output_video.unwrap_or(0));
        usage[Bucket::Output] = output;
        usage[Bucket::WebSearch] = self.searches.unwrap_or(0);
        usage[Bucket::FileSearch] = self.file_searches.unwrap_or(0);
        Disjoint { usage, clamped }
    }
}

/// The counts of most calls; zero is "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// As [`Counts::input`].
    pub input: u64,
    /// As [`Counts::output`].
    pub output: u64,
    /// As [`Counts::total`].
    pub total: u64,
    /// As [`Counts::cache_read`].
    pub cache_read: u64,
    /// As [`Counts::cache_write`].
    pub cache_write: u64,
    /// As [`Counts::reasoning`].
    pub reasoning: u64,
}

impl Usual {
    /// Puts what [`Counts::disjoint`] says, where totals are claimed to hold all their parts and nothing contradicts that, into a usage of
    /// nothing. `None`: something does, or might.
    #[inline]
    pub fn put(&self, usage: &mut Usage) -> Option<()> {
        let rest = self.input.checked_sub(self.cache_read.checked_add(self.cache_write)?)?;
        let visible = self.output.checked_sub(self.reasoning)?;
        if self.total != 0 && self.total != self.input.checked_add(self.output)? {
            return None;
        }
        usage[Bucket::Input] = rest;
        usage[Bucket::CacheRead] = self.cache_read;
        usage[Bucket::CacheWrite] = self.cache_write;
        usage[Bucket::Output] = visible;
        usage[Bucket::Reasoning] = self.reasoning;
        Some(())
    }
}

#[cfg(test)]
mod tests;
