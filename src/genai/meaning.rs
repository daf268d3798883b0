//! What an attribute can say about a call: the words in which dialects are written.

/// What an attribute says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A text that identifies the call.
    Name(Name),
    /// A count.
    Count(Count),
    /// What the sender thinks that the call cost, in USD.
    ReportedCost,
    /// How many calls the span stands for.
    Weight,
    /// The n-th of the configured dimensions.
    Dimension(u8),
    /// The n-th of the documents: a text or map with members that say something.
    Document(u8),
    /// Only the n-th dialect writes this key.
    Mark(u8),
    /// Something that another pricetag wrote: its status.
    UpstreamStatus,
    /// The n-th of the attributes that we may write: it must not be written twice.
    Ours(u8),
    /// The same, under a key that all sorts of spans have.
    OursToo(u8),
}

impl Meaning {
    /// Whether it is said of all sorts of spans, and so tells no call.
    pub const fn is_common(self) -> bool {
        use Name::{CloudProvider, CloudRegion, Conversation, Error, Host, Route};
        matches!(
            self,
            Meaning::Dimension(_)
                | Meaning::OursToo(_)
                | Meaning::Weight
                | Meaning::Name(Host | Error | CloudProvider | CloudRegion | Conversation | Route)
        )
    }
}

/// Declares an enum together with its names and its count.
macro_rules! slots {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $slot_doc:literal])+ $slot:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $slot_doc])+ $slot,)+ }
        impl $name {
            /// Every one.
            pub const ALL: [Self; Self::COUNT] = [$($name::$slot),+];
            /// How many there are.
            pub const COUNT: usize = [$($word),+].len();
            /// What dialects call it.
            pub const fn word(self) -> &'static str {
                match self { $($name::$slot => $word,)+ }
            }
            /// The one that dialects call so.
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|slot| slot.word() == word)
            }
        }
    };
}

slots! {
    /// Texts that identify a call.
    Name {
        /// `chat`, `embeddings`, `invoke_agent` ...: `gen_ai.operation.name`.
        Operation = "operation",
        /// The same in the dialect's own words, see `operation` of a dialect.
        Kind = "kind",
        /// Who was asked, in the instrumentation's words.
        Provider = "provider",
        /// The host that was asked.
        Host = "host",
        /// The model asked for.
        ModelAsked = "model_asked",
        /// The model that answered.
        ModelServed = "model_served",
        /// The provider's id of the answer.
        ResponseId = "response_id",
        /// What joins a call's span with its log events: a conversation or session.
        Conversation = "conversation",
        /// The service tier asked for.
        TierAsked = "tier_asked",
        /// The service tier that served the call.
        TierServed = "tier_served",
        /// Where the provider says that it served the call.
        Region = "region",
        /// Present when the call failed.
        Error = "error",
        /// The cloud that the caller runs on.
        CloudProvider = "cloud_provider",
        /// The region of that cloud.
        CloudRegion = "cloud_region",
        /// The route of the request that a server's span stands for.
        Route = "route",
    }
}

slots! {
    /// Counts: totals, parts of them, and what is paid by the piece.
    Count {
        /// Total input.
        Input = "input",
        /// Input that was neither read from nor written to a cache.
        InputUncached = "input_uncached",
        /// Input that stands in no other count.
        InputRest = "input_rest",
        /// Total output.
        Output = "output",
        /// Output that stands in no other count.
        OutputRest = "output_rest",
        /// Input and output together.
        Total = "total",
        /// Input read from a cache.
        CacheRead = "cache_read",
        /// Input written to a cache.
        CacheWrite = "cache_write",
        /// Written with five minutes to live.
        CacheWrite5m = "cache_write_5m",
        /// Written with an hour to live.
        CacheWrite1h = "cache_write_1h",
        /// Output spent on reasoning.
        Reasoning = "reasoning",
        /// Audio input.
        InputAudio = "input_audio",
        /// Audio input read from a cache.
        CacheReadAudio = "cache_read_audio",
        /// Image input.
        InputImage = "input_image",
        /// Image input read from a cache.
        CacheReadImage = "cache_read_image",
        /// Video input.
        InputVideo = "input_video",
        /// Audio output.
        OutputAudio = "output_audio",
        /// Image output.
        OutputImage = "output_image",
        /// Video output.
        OutputVideo = "output_video",
        /// Paid web searches.
        Searches = "searches",
        /// Paid searches of files or vector stores.
        FileSearches = "file_searches",
    }
}

impl Count {
    /// Whether the count makes a usage by itself; the others are parts of one, or the sum of it.
    pub const fn is_usage(self) -> bool {
        use Count::*;
        matches!(self, Input | InputUncached | InputRest | Output | OutputRest)
    }
}
