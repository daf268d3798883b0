//! What carries prompts and answers: the group `messages`.
//!
//! The list is of what instrumentations are known to write (docs/privacy.md says how each is known). It is better to drop a key too
//! much than one too few: who wants less names the keys himself.

use std::sync::LazyLock;

use super::keys::Keys;

/// Who writes it, and keys of attributes, in which `*` is any text.
pub type Source = (&'static str, &'static [&'static str]);

/// Dropped wherever they stand: on spans, events, links, resources, scopes and log records.
pub const ANYWHERE: &[Source] = &[
    ("the word for this group itself", &["messages"]),
    (
        "OpenTelemetry GenAI conventions",
        &[
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.retrieval.documents",
            "gen_ai.retrieval.query.text",
            "gen_ai.evaluation.explanation",
        ],
    ),
    (
        "the conventions' older names; Traceloop, OpenLIT, LangSmith, Spring AI, Azure",
        &[
            "gen_ai.prompt",
            "gen_ai.prompt.*",
            "gen_ai.completion",
            "gen_ai.completion.*",
            "gen_ai.content.*",
            "gen_ai.event.content",
        ],
    ),
    (
        "Traceloop",
        &[
            "traceloop.entity.input",
            "traceloop.entity.output",
            "traceloop.prompt.template",
            "traceloop.prompt.template_variables*",
            "llm.request.functions.*",
        ],
    ),
    (
        "OpenInference",
        &[
            "input.value",
            "output.value",
            "input.images*",
            "output.images*",
            "input.documents*",
            "output.documents*",
            "llm.input_messages*",
            "llm.output_messages*",
            "llm.prompts*",
            "llm.choices*",
            "llm.tools*",
            "llm.function_call",
            "llm.invocation_parameters",
            "llm.prompt_template.template",
            "llm.prompt_template.variables",
            "retrieval.documents*",
            "reranker.query",
            "reranker.input_documents*",
            "reranker.output_documents*",
            "embedding.embeddings*",
            "embedding.text",
            "embedding.vector",
            "tool.parameters*",
        ],
    ),
    (
        // Not `llm.*.prompt`: OpenInference counts tokens in `llm.token_count.prompt`.
        "LiteLLM, `llm.<provider>.<parameter>`",
        &[
            "llm.*.messages",
            "llm.*.instructions",
            "llm.*.system",
            "llm.*.tools",
            "llm.*.choices",
            "llm.*.content",
            "llm.openai.prompt",
            "llm.openai.input",
            "llm.openai.output",
            "llm.azure.prompt",
            "llm.azure.input",
            "llm.azure.output",
            "llm.text-completion-openai.prompt",
        ],
    ),
    (
        "Vercel AI SDK",
        &[
            "ai.prompt",
            "ai.prompt.*",
            "ai.response.text",
            "ai.response.object",
            "ai.response.toolCalls",
            "ai.response.reasoning",
            "ai.response.files",
            "ai.result.text",
            "ai.result.object",
            "ai.result.toolCalls",
            "ai.toolCall.args",
            "ai.toolCall.result",
            "ai.value",
            "ai.values",
            "ai.embedding",
            "ai.embeddings",
        ],
    ),
    (
        "Pydantic AI, Logfire",
        &[
            "pydantic_ai.all_messages",
            "all_messages_events",
            "events",
            "model_request_parameters",
            "final_result",
            "tool_arguments",
            "tool_response",
            "request_data",
            "response_data",
        ],
    ),
    (
        "Langfuse",
        &[
            "langfuse.observation.input",
            "langfuse.observation.output",
            "langfuse.trace.input",
            "langfuse.trace.output",
        ],
    ),
    (
        "MLflow",
        &[
            "mlflow.spanInputs",
            "mlflow.spanOutputs",
            "mlflow.traceInputs",
            "mlflow.traceOutputs",
            "mlflow.chat.messages",
            "mlflow.chat.tools",
        ],
    ),
    (
        "Google ADK",
        &[
            "gcp.vertex.agent.llm_request",
            "gcp.vertex.agent.llm_response",
            "gcp.vertex.agent.tool_call_args",
            "gcp.vertex.agent.tool_response",
            "gcp.vertex.agent.data",
        ],
    ),
    (
        "Spring AI",
        &[
            "spring.ai.chat.client.user.text",
            "spring.ai.chat.client.system.text",
            "spring.ai.tool.call.arguments",
            "spring.ai.tool.call.result",
            "db.vector.query.content",
            "db.vector.query.response.documents",
        ],
    ),
    (
        "Claude Code",
        &[
            "user_prompt",
            "system_prompt",
            "system_prompt_preview",
            "new_context",
            "response.model_output",
            "tool_input",
        ],
    ),
];

/// What events are called that may carry messages. Their name is that of a span's event, `event_name` of a log record, the
/// attribute `event.name` of either, or a log record's body where that is nothing but a name.
pub const EVENTS: &[Source] = &[
    ("OpenTelemetry GenAI conventions, Strands, OpenLIT, Semantic Kernel, Azure", &["gen_ai.*"]),
    ("Claude Code", &["claude_code.*"]),
    ("Codex", &["codex.*"]),
    ("Gemini CLI, Qwen Code", &["gemini_cli.*", "qwen-code.*"]),
];

/// Dropped on such events only, for elsewhere they may mean anything. A log record's body goes with them.
pub const IN_EVENTS: &[Source] = &[
    (
        "OpenTelemetry GenAI conventions, Strands, Azure",
        &["content", "message", "tool_calls", "tool.result", "parts"],
    ),
    (
        "Claude Code, Codex, Gemini CLI",
        &[
            "prompt",
            "prompt_text",
            "response",
            "response_text",
            "request_text",
            "body",
            "arguments",
            "output",
            "function_args",
            "tool_input",
            "tool_parameters",
            "tool_output",
            "tool_response",
        ],
    ),
];

/// The keys of a table.
pub(super) fn of(table: &'static [Source]) -> impl Iterator<Item = &'static str> {
    table.iter().flat_map(|(_, keys)| keys.iter().copied())
}

static IS_EVENT: LazyLock<Keys> = LazyLock::new(|| Keys::new(of(EVENTS)));
static OF_EVENT: LazyLock<Keys> = LazyLock::new(|| Keys::new(of(IN_EVENTS)));

/// Whether an event of this name may carry messages.
pub(super) fn is_event(name: &[u8]) -> bool {
    IS_EVENT.contains(name)
}

/// Whether this attribute of such an event is dropped.
pub(super) fn is_dropped_in_event(key: &[u8]) -> bool {
    OF_EVENT.contains(key)
}

/// Whether a text is a name, and says nothing.
pub(super) fn is_name(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    text.len() <= 64 && text.iter().all(is_part)
}
