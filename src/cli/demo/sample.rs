//! The demo's sample traffic, as data.

/// One call of the sample.
#[derive(Clone, Copy, Debug)]
pub struct SampleCall {
    /// How many seconds ago it ended.
    pub ago: u64,
    /// Who asked.
    pub user: &'static str,
    /// Of which feature.
    pub feature: &'static str,
    /// `gen_ai.operation.name`.
    pub operation: &'static str,
    /// `gen_ai.provider.name`.
    pub provider: &'static str,
    /// `gen_ai.request.model`.
    pub asked: &'static str,
    /// `gen_ai.response.model`.
    pub served: &'static str,
    /// Input tokens, cached ones included.
    pub input: i64,
    /// Of those, read from a cache.
    pub cache_read: i64,
    /// Of those, written to a cache.
    pub cache_write: i64,
    /// Output tokens, reasoning included.
    pub output: i64,
    /// Of those, reasoning.
    pub reasoning: i64,
    /// What is special about it.
    pub twist: Twist,
}

/// What is special about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// Nothing.
    None,
    /// It is made by an agent, whose own span repeats the usage: that must not count twice.
    InAgent,
    /// A stream that was asked for without `include_usage`.
    NoUsage,
    /// A 429.
    RateLimited,
}

pub(super) const fn call(
    ago: u64,
    (user, feature): (&'static str, &'static str),
    (provider, asked, served): Model,
    (input, cache_read, cache_write): (i64, i64, i64),
    (output, reasoning): (i64, i64),
    twist: Twist,
) -> SampleCall {
    let operation = if output == 0 && matches!(twist, Twist::None) { "embeddings" } else { "chat" };
    SampleCall {
        ago,
        user,
        feature,
        operation,
        provider,
        asked,
        served,
        input,
        cache_read,
        cache_write,
        output,
        reasoning,
        twist,
    }
}

/// Provider, model asked for, model that answers.
pub(super) type Model = (&'static str, &'static str, &'static str);
pub(super) const GPT_5_MINI: Model = ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07");
pub(super) const GPT_4O: Model = ("openai", "gpt-4o", "gpt-4o-2024-11-20");
pub(super) const EMBEDDING: Model = ("openai", "text-embedding-3-small", "text-embedding-3-small");
pub(super) const SONNET: Model = ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929");
pub(super) const GEMINI: Model = ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash");
pub(super) const MISTRAL: Model = ("mistral_ai", "mistral-small-latest", "mistral-small-latest");
pub(super) const OWN: Model = ("openai", "acme-finetune-7b", "acme-finetune-7b");

type Who = (&'static str, &'static str);
const ANN_SEARCH: Who = ("ann", "search");
const ANN_ASSISTANT: Who = ("ann", "assistant");
const BEN_ASSISTANT: Who = ("ben", "assistant");
const BEN_SUMMARY: Who = ("ben", "summary");
const CLEO_SUPPORT: Who = ("cleo", "support");
const DAN_SEARCH: Who = ("dan", "search");

/// The sample, oldest call first.
pub const CALLS: [SampleCall; 24] = [
    call(58, ANN_SEARCH, EMBEDDING, (42, 0, 0), (0, 0), Twist::None),
    call(57, ANN_SEARCH, GPT_5_MINI, (1_500, 1_024, 0), (350, 200), Twist::None),
    call(55, BEN_ASSISTANT, SONNET, (8_200, 0, 6_900), (612, 0), Twist::None),
    call(52, BEN_ASSISTANT, SONNET, (9_050, 6_900, 1_400), (488, 120), Twist::None),
    call(49, CLEO_SUPPORT, GEMINI, (12_400, 9_000, 0), (730, 310), Twist::None),
    call(47, DAN_SEARCH, EMBEDDING, (37, 0, 0), (0, 0), Twist::None),
    call(46, DAN_SEARCH, GPT_5_MINI, (1_733, 1_024, 0), (290, 128), Twist::None),
    call(43, BEN_SUMMARY, MISTRAL, (15_800, 0, 0), (940, 0), Twist::None),
    call(41, ANN_ASSISTANT, GPT_4O, (2_210, 1_152, 0), (415, 0), Twist::InAgent),
    call(39, CLEO_SUPPORT, GPT_4O, (0, 0, 0), (0, 0), Twist::RateLimited),
    call(38, CLEO_SUPPORT, GPT_4O, (3_020, 0, 0), (388, 0), Twist::None),
    call(35, BEN_ASSISTANT, SONNET, (10_300, 8_300, 900), (1_204, 640), Twist::InAgent),
    call(32, ANN_SEARCH, GPT_5_MINI, (1_611, 1_024, 0), (402, 256), Twist::None),
    call(30, DAN_SEARCH, GPT_5_MINI, (0, 0, 0), (0, 0), Twist::NoUsage),
    call(27, CLEO_SUPPORT, GEMINI, (13_950, 12_000, 0), (655, 280), Twist::None),
    call(25, BEN_SUMMARY, MISTRAL, (22_300, 15_800, 0), (1_110, 0), Twist::None),
    call(22, ANN_ASSISTANT, GPT_4O, (2_875, 2_048, 0), (520, 0), Twist::InAgent),
    call(19, CLEO_SUPPORT, OWN, (640, 0, 0), (95, 0), Twist::None),
    call(17, DAN_SEARCH, EMBEDDING, (51, 0, 0), (0, 0), Twist::None),
    call(16, DAN_SEARCH, GPT_5_MINI, (1_902, 1_024, 0), (377, 192), Twist::None),
    call(12, BEN_ASSISTANT, SONNET, (11_460, 9_200, 1_100), (866, 310), Twist::None),
    call(9, CLEO_SUPPORT, GEMINI, (14_220, 12_000, 0), (702, 300), Twist::None),
    call(5, ANN_ASSISTANT, GPT_4O, (3_310, 2_816, 0), (344, 0), Twist::None),
    call(2, ANN_SEARCH, GPT_5_MINI, (1_548, 1_024, 0), (311, 128), Twist::None),
];
