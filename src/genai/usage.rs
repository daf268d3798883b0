//! Usage in disjoint buckets: each token stands in exactly one.
//!
//! Instrumentations report totals and parts of totals ([`Counts`](super::counts::Counts)); a price needs disjoint buckets
//! ([`Usage`]).

use std::fmt;

/// Declares [`Bucket`], its names and its count in one table, so they cannot drift apart.
macro_rules! buckets {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a quantity is counted in. Leaves only: no bucket contains another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Bucket { $($(#[doc = $doc])+ $variant,)+ }

        impl Bucket {
            /// Every bucket, in the order in which receipts list them.
            pub const ALL: [Bucket; [$($name),+].len()] = [$(Bucket::$variant),+];

            /// The bucket's name in the catalog, in receipts and in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Bucket::$variant => $name,)+ }
            }
        }
    };
}

buckets! {
    /// Input tokens that are in no other bucket.
    Input = "input",
    /// Input tokens read from a prompt cache.
    CacheRead = "cache_read",
    /// Input tokens written to a prompt cache (5 minutes, where the provider tells lifetimes apart).
    CacheWrite = "cache_write",
    /// Input tokens written to a prompt cache that lives an hour.
    CacheWrite1h = "cache_write_1h",
    /// Audio input tokens.
    InputAudio = "input_audio",
    /// Audio input tokens read from a prompt cache.
    CacheReadAudio = "cache_read_audio",
    /// Image input tokens.
    InputImage = "input_image",
    /// Image input tokens read from a prompt cache.
    CacheReadImage = "cache_read_image",
    /// Video input tokens.
    InputVideo = "input_video",
    /// Output tokens that are in no other bucket.
    Output = "output",
    /// Reasoning ("thinking") output tokens.
    Reasoning = "reasoning",
    /// Audio output tokens.
    OutputAudio = "output_audio",
    /// Image output tokens.
    OutputImage = "output_image",
    /// Video output tokens.
    OutputVideo = "output_video",
    /// Citation output tokens.
    Citation = "citation",
    /// Input characters (text to speech).
    InputCharacters = "input_characters",
    /// Input text messages.
    InputMessages = "input_messages",
    /// Pages of a document.
    Pages = "pages",
    /// Pages of a document with annotations.
    AnnotatedPages = "annotated_pages",
    /// Images made, where they are billed by the piece and not by the token.
    Images = "images",
    /// Seconds of audio going in.
    InputAudioSeconds = "input_audio_seconds",
    /// Seconds of audio, in or out.
    AudioSeconds = "audio_seconds",
    /// Web searches.
    WebSearch = "web_search",
    /// Searches of a file or vector store.
    FileSearch = "file_search",
    /// Requests, for models that charge by the call.
    Requests = "requests",
}

/// Which part of a bill a bucket belongs to; `pricetag.cost.*` has one attribute a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Input that was neither read from nor written to a cache.
    Input,
    /// Read from a cache, any modality.
    CacheRead,
    /// Written to a cache, any lifetime.
    CacheWrite,
    /// Everything generated.
    Output,
    /// Searches, pages, seconds, requests.
    Other,
}

impl Group {
    /// How many parts there are.
    pub const COUNT: usize = 5;
}

impl Bucket {
    /// How many buckets there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The part of the bill that this bucket belongs to.
    pub const fn group(self) -> Group {
        use Bucket::*;
        match self {
            Input | InputAudio | InputImage | InputVideo | InputCharacters | InputMessages => Group::Input,
            CacheRead | CacheReadAudio | CacheReadImage => Group::CacheRead,
            CacheWrite | CacheWrite1h => Group::CacheWrite,
            Output | Reasoning | OutputAudio | OutputImage | OutputVideo | Citation => Group::Output,
            Pages | AnnotatedPages | Images | InputAudioSeconds | AudioSeconds | WebSearch | FileSearch
            | Requests => Group::Other,
        }
    }

    /// Whether the bucket counts tokens.
    pub const fn is_tokens(self) -> bool {
        !matches!(self.group(), Group::Other)
            && !matches!(self, Bucket::InputCharacters | Bucket::InputMessages)
    }

    /// Units that one list price covers: rates are per 1M tokens or characters, per 1,000 pages, images, searches,
    /// messages or requests, and per hour (3,600 seconds) of audio.
    pub const fn per(self) -> u32 {
        use Bucket::*;
        match self {
            InputMessages | Pages | AnnotatedPages | Images | WebSearch | FileSearch | Requests => 1_000,
            InputAudioSeconds | AudioSeconds => 3_600,
            _ => 1_000_000,
        }
    }

    /// The bucket with this [`name`](Bucket::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.name() == name)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Usage in disjoint buckets; zero means "none of it".
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    quantities: [u64; Bucket::COUNT],
    /// Bit n: the n-th has been written to. The others are zero: a call has four of them, and nobody walks through all.
    touched: u32,
}

const _: () = assert!(Bucket::COUNT <= 32, "a bit for each");

impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.quantities == other.quantities
    }
}

impl Eq for Usage {}

impl std::ops::Index<Bucket> for Usage {
    type Output = u64;
    #[inline]
    fn index(&self, bucket: Bucket) -> &u64 {
        &self.quantities[bucket as usize]
    }
}

impl std::ops::IndexMut<Bucket> for Usage {
    #[inline]
    fn index_mut(&mut self, bucket: Bucket) -> &mut u64 {
        self.touched |= 1 << bucket as u32;
        &mut self.quantities[bucket as usize]
    }
}

/// The buckets from one to another, as bits.
const fn bits(first: Bucket, last: Bucket) -> u32 {
    (2 << last as u32) - (1 << first as u32)
}

impl Usage {
    /// No usage.
    pub const NOTHING: Usage = Usage { quantities: [0; Bucket::COUNT], touched: 0 };

    /// The buckets that hold something, in receipt order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.among(u32::MAX).map(|nth| (Bucket::ALL[nth], self.quantities[nth]))
    }

    /// The positions of those that hold something, among some.
    #[inline]
    fn among(&self, bits: u32) -> impl Iterator<Item = usize> + '_ {
        let mut left = self.touched & bits;
        let touched = std::iter::from_fn(move || {
            let nth = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (nth < Bucket::COUNT).then_some(nth)
        });
        touched.filter(|nth| self.quantities[*nth] > 0)
    }

    fn sum(&self, bits: u32) -> u64 {
        self.among(bits).fold(0, |sum, nth| sum.saturating_add(self.quantities[nth]))
    }

    /// Input tokens of every kind: what a long-context threshold is compared with.
    pub fn input_tokens(&self) -> u64 {
        self.sum(const { bits(Bucket::Input, Bucket::InputVideo) })
    }

    /// Output tokens of every kind.
    pub fn output_tokens(&self) -> u64 {
        self.sum(const { bits(Bucket::Output, Bucket::Citation) })
    }

    /// Tokens read from a cache.
    pub fn cached_tokens(&self) -> u64 {
        self[Bucket::CacheRead]
            .saturating_add(self[Bucket::CacheReadAudio])
            .saturating_add(self[Bucket::CacheReadImage])
    }

    /// Tokens written to a cache.
    pub fn cache_write_tokens(&self) -> u64 {
        self[Bucket::CacheWrite].saturating_add(self[Bucket::CacheWrite1h])
    }

    /// How many buckets hold something: of two reports of one call, the one with more tells more.
    pub fn richness(&self) -> usize {
        self.among(u32::MAX).count()
    }

    /// Whether any bucket holds more than `most`.
    pub fn exceeds(&self, most: u64) -> bool {
        self.among(u32::MAX).any(|nth| self.quantities[nth] > most)
    }
}

/// More than any one call can use: beyond it a count is a mistake, not money.
pub const MAX_PLAUSIBLE: u64 = 1_000_000_000;
