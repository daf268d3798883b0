//! What the instrumentations of the Python world disclose of what was served.

use super::{Case, Row};

const MINI: &str = "gpt-5-mini";
const GPT_4O: &str = "gpt-4o";
const EMBEDDING: &str = "text-embedding-3-small";
const CLAUDE: &str = "claude-sonnet-4-5";
const GEMINI: &str = "gemini-2.5-flash";

/// All that OpenAI's chat API tells.
const CHAT: &str =
    "input 356, cache_read 1024, cache_write 100, input_audio 20, output 140, reasoning 200, output_audio 10";
/// The same without cache writes.
const CHAT_READ: &str =
    "input 456, cache_read 1024, input_audio 20, output 140, reasoning 200, output_audio 10";
/// All that the Responses API tells, or the chat API without audio.
const RESPONSE: &str = "input 376, cache_read 1024, cache_write 100, output 150, reasoning 200";
/// The same without cache writes.
const RESPONSE_READ: &str = "input 476, cache_read 1024, output 150, reasoning 200";
/// Totals and the cache.
const TOTALS: &str = "input 376, cache_read 1024, cache_write 100, output 350";
/// Totals and what was read from the cache.
const TOTALS_READ: &str = "input 476, cache_read 1024, output 350";
/// Totals alone.
const PLAIN: &str = "input 1500, output 350";
const EMBEDDED: &str = "input 42";

/// All that Anthropic's API tells.
const CLAUDE_ALL: &str = "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 150, reasoning 200, web_search 2";
/// The same without searches.
const CLAUDE_TOKENS: &str =
    "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 150, reasoning 200";
/// Totals and the cache, lifetimes not told: five minutes are the default.
const CLAUDE_TOTALS: &str = "input 176, cache_read 1024, cache_write 300, output 350";
/// Traceloop's sum of `message_start` and `message_delta`.
const CLAUDE_351: &str = "input 176, cache_read 1024, cache_write 300, output 351";

/// Audio costs more than text.
const GEMINI_AUDIO: &str = "input 456, cache_read 1024, input_audio 20, output 150, reasoning 200";
const GEMINI_ALL: &str = "input 476, cache_read 1024, output 150, reasoning 200";

const LOGFIRE_STREAM: &str = "streaming response from {request_data[model]!r} took {duration:.2f}s";
const NATIVE: &str = "anthropic.messages.create";

pub(super) const CASES: &[Case] = &[
    (
        "anthropic-api/chat",
        &[
            // Of reports that tell the same, the one nearest to the wire counts.
            (NATIVE, CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
        ],
    ),
    (
        "anthropic-sdk/chat",
        &[
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, "failed"),
        ],
    ),
    (
        "google-adk/agent",
        &[
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
        ],
    ),
    (
        "google-adk/legacy",
        &[
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
            ("call_llm", GEMINI, "aggregate"),
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
            ("call_llm", GEMINI, "aggregate"),
        ],
    ),
    (
        "langfuse/chat",
        &[
            ("OpenAI-generation", MINI, CHAT),
            ("OpenAI-generation", MINI, CHAT),
            ("manual", CLAUDE, CLAUDE_TOTALS),
        ],
    ),
    (
        "langfuse/langchain",
        &[
            ("ChatOpenAI", MINI, CHAT),
            ("ChatAnthropic", CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
        ],
    ),
    (
        "langfuse/openai",
        &[
            ("OpenAI-generation", MINI, RESPONSE),
            ("OpenAI-generation", MINI, RESPONSE),
            ("OpenAI-generation", MINI, "no_usage"),
            ("OpenAI-generation", GPT_4O, CHAT),
            ("OpenAI-generation", GPT_4O, "failed"),
            ("OpenAI-embedding", EMBEDDING, EMBEDDED),
        ],
    ),
    (
        "langsmith/chain",
        &[
            ("ChatOpenAI", MINI, CHAT_READ),
            ("ChatOpenAI", MINI, CHAT_READ),
            ("ChatOpenAI", MINI, "no_usage"),
            ("ChatOpenAI", GPT_4O, "failed"),
            ("ChatAnthropic", CLAUDE, "duplicate"),
            ("ChatOpenAI", MINI, RESPONSE_READ),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            // LangSmith's wrapper lost the stream.
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
        ],
    ),
    (
        "litellm/chat",
        &[
            ("litellm_request", MINI, CHAT),
            ("litellm_request", CLAUDE, CLAUDE_ALL),
            ("litellm_request", CLAUDE, CLAUDE_ALL),
        ],
    ),
    (
        "litellm/v2",
        &[
            ("chat gpt-5-mini", MINI, TOTALS),
            ("chat gpt-5-mini", MINI, TOTALS),
            ("chat gpt-5-mini", MINI, "no_usage"),
            ("chat gpt-4o", GPT_4O, TOTALS),
            ("chat claude-sonnet-4-5", CLAUDE, CLAUDE_TOTALS),
            ("chat claude-sonnet-4-5", CLAUDE, CLAUDE_TOTALS),
            ("chat gpt-4o", GPT_4O, "failed"),
            ("embeddings text-embedding-3-small", EMBEDDING, EMBEDDED),
        ],
    ),
    (
        "logfire/chat",
        &[
            ("Chat Completion with {request_data[model]!r}", MINI, CHAT),
            (LOGFIRE_STREAM, MINI, CHAT),
            (LOGFIRE_STREAM, MINI, "no_usage"),
            ("Responses API with {gen_ai.request.model!r}", MINI, RESPONSE),
            ("Embedding Creation with {request_data[model]!r}", EMBEDDING, EMBEDDED),
            ("Message with {request_data[model]!r}", CLAUDE, CLAUDE_ALL),
            (LOGFIRE_STREAM, CLAUDE, CLAUDE_ALL),
            // The same call as the one before, and nothing says so.
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
        ],
    ),
    (
        "mlflow/chat",
        &[
            ("Completions", MINI, CHAT_READ),
            ("Completions", MINI, CHAT_READ),
            ("Completions", MINI, "no_usage"),
            ("Completions", GPT_4O, "failed"),
            ("Responses", MINI, RESPONSE_READ),
            ("Embeddings", EMBEDDING, EMBEDDED),
            ("Messages.create", CLAUDE, CLAUDE_ALL),
        ],
    ),
    (
        "mlflow/semconv",
        &[
            ("chat gpt-5-mini-2025-08-07", MINI, PLAIN),
            ("chat gpt-5-mini-2025-08-07", MINI, PLAIN),
            ("chat gpt-5-mini-2025-08-07", MINI, "no_usage"),
            ("chat", GPT_4O, "failed"),
            ("chat gpt-5-mini-2025-08-07", MINI, PLAIN),
            ("embeddings text-embedding-3-small", EMBEDDING, "no_usage"),
            ("chat claude-sonnet-4-5", CLAUDE, PLAIN),
        ],
    ),
    (
        "openinference/anthropic",
        &[
            (NATIVE, CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, "duplicate"),
            // The native span of messages.stream() stands in a trace of its own, and nothing says that it is the same call.
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, "failed"),
            ("messages.create", CLAUDE, CLAUDE_ALL),
            ("messages.create", CLAUDE, CLAUDE_ALL),
            ("messages.stream", CLAUDE, CLAUDE_ALL),
            ("messages.create", CLAUDE, "duplicate"),
        ],
    ),
    (
        "openinference/chat",
        &[
            ("ChatCompletion", MINI, CHAT),
            ("ChatCompletion", MINI, CHAT),
            ("ChatCompletion", MINI, "no_usage"),
            ("ChatCompletion", GPT_4O, CHAT),
            ("ChatCompletion", GPT_4O, "failed"),
            ("Response", MINI, RESPONSE),
            ("Response", MINI, RESPONSE),
            ("CreateEmbeddings", EMBEDDING, EMBEDDED),
        ],
    ),
    (
        // The same by a tracer of the application's own: the kind of span, which stands last, tells the dialect.
        "openinference/own-scope",
        &[
            ("ChatCompletion", MINI, CHAT),
            ("ChatCompletion", GPT_4O, CHAT),
            ("ChatCompletion", GPT_4O, "failed"),
        ],
    ),
    (
        "openinference/gemini",
        &[("GenerateContent", GEMINI, GEMINI_AUDIO), ("GenerateContentStream", GEMINI, GEMINI_AUDIO)],
    ),
    ("openlit/anthropic", &[OPENLIT_CLAUDE, OPENLIT_CLAUDE, OPENLIT_CLAUDE]),
    (
        "openlit/chat",
        &[
            ("chat gpt-5-mini", MINI, TOTALS),
            ("chat gpt-5-mini", MINI, TOTALS),
            // Made up by OpenLIT: the stream told no usage.
            ("chat gpt-5-mini", MINI, "input 4, output 6"),
            ("chat gpt-4o", GPT_4O, TOTALS),
            ("chat gpt-4o", GPT_4O, "failed"),
            ("chat gpt-5-mini", MINI, RESPONSE),
            ("chat gpt-5-mini", MINI, RESPONSE),
            ("embeddings text-embedding-3-small", EMBEDDING, EMBEDDED),
        ],
    ),
    (
        "openlit/gemini",
        &[("chat gemini-2.5-flash", GEMINI, GEMINI_ALL), ("chat gemini-2.5-flash", GEMINI, GEMINI_ALL)],
    ),
    (
        "pydantic-ai/agent",
        &[
            ("chat gpt-5-mini", MINI, CHAT),
            ("chat gpt-5-mini", MINI, CHAT),
            ("invoke_agent checkout_agent", MINI, "aggregate"),
            PYDANTIC_CLAUDE,
            ("invoke_agent checkout_agent", CLAUDE, "aggregate"),
            (NATIVE, CLAUDE, "duplicate"),
        ],
    ),
    (
        "pydantic-ai/anthropic",
        &[
            (NATIVE, CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, "duplicate"),
            (NATIVE, CLAUDE, "duplicate"),
            PYDANTIC_CLAUDE,
            PYDANTIC_CLAUDE,
            ("invoke_agent checkout_agent", CLAUDE, "aggregate"),
            PYDANTIC_CLAUDE,
            PYDANTIC_CLAUDE,
            ("invoke_agent checkout_agent", CLAUDE, "aggregate"),
        ],
    ),
    (
        "strands/agent",
        &[
            ("chat", MINI, TOTALS),
            ("chat", MINI, TOTALS),
            ("invoke_agent helper", MINI, "aggregate"),
            ("chat", CLAUDE, CLAUDE_TOTALS),
            ("chat", CLAUDE, CLAUDE_TOTALS),
            ("invoke_agent helper", CLAUDE, "aggregate"),
        ],
    ),
    (
        "traceloop/agent",
        &[
            ("openai.chat", MINI, RESPONSE_READ),
            ("openai.response", MINI, RESPONSE_READ),
            ("openai.response", MINI, RESPONSE_READ),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            ("anthropic.chat", CLAUDE, "duplicate"),
            // Its usage is not that of the native span beside it.
            ("anthropic.chat", CLAUDE, CLAUDE_351),
        ],
    ),
    (
        "traceloop/anthropic",
        &[
            ("anthropic.chat", CLAUDE, CLAUDE_TOTALS),
            ("anthropic.chat", CLAUDE, CLAUDE_351),
            ("anthropic.chat", CLAUDE, CLAUDE_351),
        ],
    ),
    (
        "traceloop/chat",
        &[
            ("openai.chat", MINI, RESPONSE_READ),
            // Streams do not tell reasoning.
            ("openai.chat", MINI, TOTALS_READ),
            ("openai.chat", MINI, "no_usage"),
            ("openai.chat", GPT_4O, RESPONSE_READ),
            ("openai.chat", GPT_4O, "failed"),
            ("openai.response", MINI, RESPONSE_READ),
            ("openai.response", MINI, RESPONSE_READ),
            ("openai.embeddings", EMBEDDING, EMBEDDED),
        ],
    ),
    (
        "traceloop/gemini",
        &[
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
            ("generate_content gemini-2.5-flash", GEMINI, GEMINI_ALL),
        ],
    ),
    (
        "traceloop/legacy",
        &[
            ("openai.chat", MINI, TOTALS_READ),
            ("openai.chat", MINI, "no_usage"),
            ("openai.chat", MINI, "no_usage"),
            ("openai.chat", GPT_4O, TOTALS_READ),
            ("openai.chat", GPT_4O, "failed"),
            ("openai.embeddings", EMBEDDING, EMBEDDED),
        ],
    ),
];

const OPENLIT_CLAUDE: Row = ("chat claude-sonnet-4-5", CLAUDE, CLAUDE_TOTALS);
const PYDANTIC_CLAUDE: Row = ("chat claude-sonnet-4-5", CLAUDE, CLAUDE_ALL);
