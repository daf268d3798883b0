//! Which span attribute means what: one table a dialect, data that the rest of the code only looks up in.

/// What an attribute says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A text that identifies the call.
    Name(Name),
    /// A count of tokens.
    Count(Count),
    /// What the sender thinks that the call cost, in USD.
    ReportedCost,
    /// The n-th of the configured dimensions.
    Dimension(u8),
    /// Something that another pricetag wrote: its status.
    UpstreamStatus,
    /// The n-th of the attributes that we may write: it must not be written twice.
    Ours(u8),
}

/// Declares an enum together with its count.
macro_rules! slots {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $slot_doc:literal])+ $slot:ident,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $slot_doc])+ $slot,)+ }
        impl $name {
            /// Every one.
            pub const ALL: [Self; Self::COUNT] = [$($name::$slot),+];
            /// How many there are.
            pub const COUNT: usize = [$($name::$slot),+].len();
        }
    };
}

slots! {
    /// Texts that identify a call.
    Name {
        /// `chat`, `embeddings`, `invoke_agent` ...
        Operation,
        /// Who was asked, in the instrumentation's words.
        Provider,
        /// The host that was asked.
        Host,
        /// The model asked for.
        ModelAsked,
        /// The model that answered.
        ModelServed,
        /// The provider's id of the answer.
        ResponseId,
        /// The service tier asked for.
        TierAsked,
        /// The service tier that served the call.
        TierServed,
        /// Present when the call failed.
        ErrorType,
        /// The cloud that the caller runs on.
        CloudProvider,
        /// The region of that cloud.
        CloudRegion,
    }
}

slots! {
    /// Token counts: totals, and parts of them.
    Count {
        /// Total input.
        Input,
        /// Total output.
        Output,
        /// Input read from a cache.
        CacheRead,
        /// Input written to a cache.
        CacheWrite,
        /// Written with five minutes to live.
        CacheWrite5m,
        /// Written with an hour to live.
        CacheWrite1h,
        /// Output spent on reasoning.
        Reasoning,
        /// Audio input.
        InputAudio,
        /// Audio input read from a cache.
        CacheReadAudio,
        /// Image input.
        InputImage,
        /// Image input read from a cache.
        CacheReadImage,
        /// Audio output.
        OutputAudio,
        /// Image output.
        OutputImage,
    }
}

impl Count {
    /// Whether the count is a total; the others are parts of one.
    pub const fn is_total(self) -> bool {
        matches!(self, Count::Input | Count::Output)
    }
}

/// How one family of instrumentations writes calls.
#[derive(Debug)]
pub struct Dialect {
    /// A name for people.
    pub name: &'static str,
    /// For each meaning the keys that carry it, the preferred one first.
    pub keys: &'static [(Meaning, &'static [&'static str])],
}

const fn name(name: Name) -> Meaning {
    Meaning::Name(name)
}

const fn count(count: Count) -> Meaning {
    Meaning::Count(count)
}

/// The OpenTelemetry GenAI semantic conventions, current names before older ones, and what Anthropic's SDK
/// adds to them. (semantic-conventions-genai v0.1.0; <https://opentelemetry.io/docs/specs/semconv/gen-ai/>)
pub static OTEL_GENAI: Dialect = Dialect {
    name: "OpenTelemetry GenAI",
    keys: &[
        (name(Name::Operation), &["gen_ai.operation.name"]),
        (name(Name::Provider), &["gen_ai.provider.name", "gen_ai.system"]),
        (name(Name::Host), &["server.address"]),
        (name(Name::ModelAsked), &["gen_ai.request.model"]),
        (name(Name::ModelServed), &["gen_ai.response.model"]),
        (name(Name::ResponseId), &["gen_ai.response.id"]),
        (name(Name::TierAsked), &["openai.request.service_tier", "gen_ai.openai.request.service_tier"]),
        (
            name(Name::TierServed),
            &[
                "openai.response.service_tier",
                "gen_ai.openai.response.service_tier",
                "anthropic.response.service_tier",
            ],
        ),
        (name(Name::ErrorType), &["error.type"]),
        (name(Name::CloudProvider), &["cloud.provider"]),
        (name(Name::CloudRegion), &["cloud.region"]),
        (count(Count::Input), &["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
        (count(Count::Output), &["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        (
            count(Count::CacheRead),
            &["gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"],
        ),
        (
            count(Count::CacheWrite),
            &[
                "gen_ai.usage.cache_write.input_tokens",
                "gen_ai.usage.cache_creation.input_tokens",
                "gen_ai.usage.cache_creation_input_tokens",
            ],
        ),
        (count(Count::CacheWrite5m), &["anthropic.usage.cache_creation.ephemeral_5m_input_tokens"]),
        (count(Count::CacheWrite1h), &["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"]),
        (count(Count::Reasoning), &["gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"]),
        (count(Count::InputAudio), &["gen_ai.usage.audio.input_tokens"]),
        (count(Count::CacheReadAudio), &["gen_ai.usage.audio.cache_read.input_tokens"]),
        (count(Count::InputImage), &["gen_ai.usage.image.input_tokens"]),
        (count(Count::CacheReadImage), &["gen_ai.usage.image.cache_read.input_tokens"]),
        (count(Count::OutputAudio), &["gen_ai.usage.audio.output_tokens"]),
        (count(Count::OutputImage), &["gen_ai.usage.image.output_tokens"]),
        (
            Meaning::ReportedCost,
            &["gen_ai.usage.cost", "gen_ai.usage.cost.amount", "operation.cost", "llm.cost.total"],
        ),
    ],
};

/// All dialects.
pub static ALL: &[&Dialect] = &[&OTEL_GENAI];
