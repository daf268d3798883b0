//! What gateways, coding agents and instrumentations beyond Python's disclose of what was served. Where those did not run here the
//! spans were made by hand as their source writes them, of the same calls.

use super::{Case, Row};

const MINI: &str = "gpt-5-mini";
const EMBEDDING: &str = "text-embedding-3-small";
const CLAUDE: &str = "claude-sonnet-4-5";
const GEMINI: &str = "gemini-2.5-flash";

/// All but audio, which no one here tells.
const ALL: &str = "input 376, cache_read 1024, cache_write 100, output 150, reasoning 200";
/// The same of a server that tells no cache writes.
const READ: &str = "input 476, cache_read 1024, output 150, reasoning 200";
/// Totals and what was read from the cache.
const TOTALS: &str = "input 476, cache_read 1024, output 350";
/// Totals alone.
const PLAIN: &str = "input 1500, output 350";
const EMBEDDED: &str = "input 42";

/// All that Anthropic's API tells.
const CLAUDE_ALL: &str = "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 150, reasoning 200, web_search 2";
/// Without reasoning, which costs what other output does.
const CLAUDE_VISIBLE: &str =
    "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 350, web_search 2";
/// Without searches and reasoning.
const CLAUDE_LIFETIMES: &str = "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 350";
/// Without searches.
const CLAUDE_TOKENS: &str =
    "input 176, cache_read 1024, cache_write 200, cache_write_1h 100, output 150, reasoning 200";
/// Totals and the cache, lifetimes not told: five minutes are the default.
const CLAUDE_TOTALS: &str = "input 176, cache_read 1024, cache_write 300, output 350";

const GENERATE: &str = "ai.generateText.doGenerate";
const STREAM: &str = "ai.streamText.doStream";
const OBJECT: &str = "ai.generateObject.doGenerate";
const EMBED: &str = "ai.embed.doEmbed";
const OUTER: &str = "ai.generateText";
const OUTER_STREAM: &str = "ai.streamText";
const OUTER_OBJECT: &str = "ai.generateObject";
const CHAT: &str = "chat gpt-5-mini";
const CHAT_CLAUDE: &str = "chat claude-sonnet-4-5";
const NATIVE: &str = "anthropic.messages.create";
const AGENT: &str = "invoke_agent gpt-5-mini";
const AGENT_CLAUDE: &str = "invoke_agent claude-sonnet-4-5";
const EMBEDDINGS: &str = "embeddings text-embedding-3-small";

/// Two steps with a tool between them, the Responses API, a stream, Claude, Claude streamed, an embedding: with a span around each.
const VERCEL: &[Row] = &[
    (GENERATE, MINI, ALL),
    (GENERATE, MINI, ALL),
    (OUTER, MINI, "aggregate"),
    (GENERATE, MINI, ALL),
    (OUTER, MINI, "aggregate"),
    (STREAM, MINI, ALL),
    (OUTER_STREAM, MINI, "aggregate"),
    (GENERATE, CLAUDE, CLAUDE_ALL),
    (OUTER, CLAUDE, "aggregate"),
    (STREAM, CLAUDE, CLAUDE_ALL),
    (OUTER_STREAM, CLAUDE, "aggregate"),
    (EMBED, EMBEDDING, EMBEDDED),
    ("ai.embed", EMBEDDING, "aggregate"),
];

pub(super) const CASES: &[Case] = &[
    (
        "agent-framework/anthropic",
        &[
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (CHAT_CLAUDE, CLAUDE, "duplicate"),
            ("invoke_agent helper", CLAUDE, "aggregate"),
            (CHAT_CLAUDE, CLAUDE, "duplicate"),
            ("invoke_agent helper", CLAUDE, "aggregate"),
        ],
    ),
    // The framework's own spans tell nothing of the cache; those of Anthropic's SDK do.
    (
        "agent-framework/anthropic-baseline",
        &[
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (NATIVE, CLAUDE, CLAUDE_TOKENS),
            (CHAT_CLAUDE, CLAUDE, "duplicate"),
            ("invoke_agent helper", CLAUDE, "aggregate"),
            (CHAT_CLAUDE, CLAUDE, "duplicate"),
            ("invoke_agent helper", CLAUDE, "aggregate"),
        ],
    ),
    // A remote agent, of which no more is known, counts in full.
    (
        "agent-framework/dotnet",
        &[
            ("invoke_agent remote(a2)", MINI, PLAIN),
            (CHAT, MINI, READ),
            (CHAT, MINI, READ),
            ("invoke_agent checkout(a1)", "openai/", "aggregate"),
        ],
    ),
    (
        "agent-framework/openai",
        &[
            (CHAT, MINI, READ),
            (CHAT, MINI, READ),
            ("invoke_agent checkout", MINI, "aggregate"),
            (CHAT, MINI, READ),
            (CHAT, MINI, "failed"),
        ],
    ),
    // The event tells the lifetimes of written tokens, and so it counts.
    ("claude-code/events", &[("com.anthropic.claude_code.events", CLAUDE, CLAUDE_LIFETIMES)]),
    (
        "claude-code/events-and-spans",
        &[
            ("com.anthropic.claude_code.events", CLAUDE, CLAUDE_LIFETIMES),
            ("claude_code.llm_request", CLAUDE, "duplicate"),
        ],
    ),
    (
        "claude-code/spans-and-events",
        &[
            ("claude_code.llm_request", CLAUDE, "duplicate"),
            ("com.anthropic.claude_code.events", CLAUDE, CLAUDE_LIFETIMES),
        ],
    ),
    ("claude-code/spans", &[("claude_code.llm_request", CLAUDE, CLAUDE_TOTALS)]),
    ("codex/events", &[("codex_otel.log_only", MINI, ALL)]),
    // 412 spans of one call.
    ("codex/turn", &[("handle_responses", MINI, ALL), ("session_task.turn", MINI, "aggregate")]),
    // The first Claude answered /v1/chat/completions, whose input holds the cache's tokens, the second /v1/messages.
    (
        "envoy-ai-gateway/gen-ai",
        &[
            (CHAT, MINI, "failed"),
            (EMBEDDINGS, EMBEDDING, EMBEDDED),
            (CHAT_CLAUDE, "google/claude-sonnet-4-5", CLAUDE_TOTALS),
            (CHAT_CLAUDE, CLAUDE, CLAUDE_TOTALS),
            (CHAT, "azure/gpt-5-mini", READ),
            (CHAT, MINI, READ),
        ],
    ),
    (
        "envoy-ai-gateway/openinference",
        &[
            ("ChatCompletion", MINI, "failed"),
            ("CreateEmbeddings", EMBEDDING, EMBEDDED),
            ("Message", CLAUDE, CLAUDE_TOTALS),
            ("ChatCompletion", MINI, READ),
        ],
    ),
    // Tokens written to a cache are not told; here 100 were read.
    (
        "extensions-ai/chat",
        &[
            (EMBEDDINGS, EMBEDDING, EMBEDDED),
            (CHAT, MINI, "failed"),
            (CHAT_CLAUDE, CLAUDE, "input 176, cache_read 100, output 350"),
            (CHAT, MINI, READ),
            (CHAT, MINI, READ),
        ],
    ),
    // Two calls, each told by two records.
    ("gemini-cli/events", &[("gemini-cli", GEMINI, READ), ("gemini-cli", GEMINI, READ)]),
    (
        "gemini-cli/spans-and-events",
        &[
            ("llm_call", GEMINI, "duplicate"),
            ("llm_call", GEMINI, "duplicate"),
            ("gemini-cli", GEMINI, READ),
            ("gemini-cli", GEMINI, READ),
        ],
    ),
    // Neither cache nor thoughts.
    (
        "gemini-cli/spans",
        &[("llm_call", GEMINI, "input 1500, output 150"), ("llm_call", GEMINI, "input 1500, output 150")],
    ),
    (
        "semantic-kernel/dotnet",
        &[
            (CHAT, MINI, "failed"),
            ("text_completion gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct", "input 1000, output 100"),
            (CHAT, MINI, PLAIN),
        ],
    ),
    (
        "semantic-kernel/openai",
        &[(CHAT, MINI, PLAIN), (CHAT, MINI, PLAIN), (CHAT, MINI, PLAIN), (CHAT, MINI, "failed")],
    ),
    (
        "spring-ai/chat",
        &[
            ("embedding text-embedding-3-small", EMBEDDING, EMBEDDED),
            (CHAT, MINI, "failed"),
            ("chat gemini-2.5-flash", GEMINI, READ),
            (CHAT_CLAUDE, CLAUDE, CLAUDE_TOTALS),
            (CHAT, MINI, TOTALS),
        ],
    ),
    // A 429; a stream without usage; an object; two embeddings.
    (
        "vercel-ai/odd",
        &[
            (GENERATE, MINI, "failed"),
            (STREAM, MINI, "no_usage"),
            (OBJECT, MINI, READ),
            (OUTER_OBJECT, MINI, "aggregate"),
            (EMBED, EMBEDDING, EMBEDDED),
            ("ai.embed", EMBEDDING, "aggregate"),
            ("ai.embedMany.doEmbed", EMBEDDING, EMBEDDED),
            ("ai.embedMany", EMBEDDING, "aggregate"),
        ],
    ),
    (
        "vercel-ai/v5",
        &[
            (GENERATE, MINI, PLAIN),
            (OUTER, MINI, "aggregate"),
            (OBJECT, MINI, PLAIN),
            (OUTER_OBJECT, MINI, "aggregate"),
            (GENERATE, CLAUDE, CLAUDE_VISIBLE),
            (OUTER, CLAUDE, "aggregate"),
            (STREAM, CLAUDE, CLAUDE_VISIBLE),
            (OUTER_STREAM, CLAUDE, "aggregate"),
            (EMBED, EMBEDDING, EMBEDDED),
            ("ai.embed", EMBEDDING, "aggregate"),
        ],
    ),
    ("vercel-ai/v5-gemini", &[(GENERATE, GEMINI, READ), (OUTER, GEMINI, "aggregate")]),
    ("vercel-ai/v6", VERCEL),
    (
        "vercel-ai/v6-object",
        &[
            (GENERATE, MINI, READ),
            (OUTER, MINI, "aggregate"),
            (OBJECT, MINI, PLAIN),
            (OUTER_OBJECT, MINI, "aggregate"),
            (GENERATE, CLAUDE, CLAUDE_ALL),
            (OUTER, CLAUDE, "aggregate"),
            (STREAM, CLAUDE, CLAUDE_ALL),
            (OUTER_STREAM, CLAUDE, "aggregate"),
            (EMBED, EMBEDDING, EMBEDDED),
            ("ai.embed", EMBEDDING, "aggregate"),
        ],
    ),
    ("vercel-ai/v7-legacy", VERCEL),
    (
        "vercel-ai-7/anthropic",
        &[
            (CHAT_CLAUDE, CLAUDE, CLAUDE_TOTALS),
            (AGENT_CLAUDE, CLAUDE, "aggregate"),
            (CHAT_CLAUDE, CLAUDE, CLAUDE_TOTALS),
            (AGENT_CLAUDE, CLAUDE, "aggregate"),
        ],
    ),
    // Each integration has a trace of its own.
    (
        "vercel-ai-7/both-integrations",
        &[
            ("chat gemini-2.5-flash", GEMINI, READ),
            ("step 1", "", "aggregate"),
            ("invoke_agent gemini-2.5-flash", GEMINI, "aggregate"),
            (GENERATE, GEMINI, "duplicate"),
            (OUTER, GEMINI, "aggregate"),
        ],
    ),
    (
        "vercel-ai-7/metadata",
        &[
            (CHAT_CLAUDE, CLAUDE, CLAUDE_ALL),
            ("step 1", "", "aggregate"),
            (AGENT_CLAUDE, CLAUDE, "aggregate"),
            (CHAT_CLAUDE, CLAUDE, CLAUDE_ALL),
            ("step 1", "", "aggregate"),
            (AGENT_CLAUDE, CLAUDE, "aggregate"),
        ],
    ),
    // Two embeddings, each with a span around it that tells no usage.
    (
        "vercel-ai-7/odd",
        &[
            (CHAT, MINI, "failed"),
            (CHAT, MINI, "no_usage"),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
            (EMBEDDINGS, EMBEDDING, EMBEDDED),
            (EMBEDDINGS, EMBEDDING, "duplicate"),
            (EMBEDDINGS, EMBEDDING, EMBEDDED),
            (EMBEDDINGS, EMBEDDING, "duplicate"),
        ],
    ),
    (
        "vercel-ai-7/openai",
        &[
            (CHAT, MINI, TOTALS),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
            (CHAT, MINI, TOTALS),
            (AGENT, MINI, "aggregate"),
        ],
    ),
];
