//! What genai-prices does not say: the names that instrumentations use for providers, hosts, endings that change no
//! price, and the weekdays of a price.
//!
//! Provider names: OpenTelemetry's `gen_ai.provider.name` and the older `gen_ai.system`, Vercel's AI SDK, LiteLLM.

/// What is added to one provider.
pub(super) struct Facts {
    pub(super) id: &'static str,
    pub(super) names: &'static [&'static str],
    pub(super) hosts: &'static [&'static str],
    pub(super) serves: &'static [&'static str],
    pub(super) same_price: &'static [&'static str],
}

const NONE: Facts = Facts { id: "", names: &[], hosts: &[], serves: &[], same_price: &[] };

/// Facts by provider. A provider that genai-prices does not list is added without models, so that a call to it is
/// an unknown model and not an unknown provider.
pub(super) const PROVIDERS: &[Facts] = &[
    // Extended thinking is a mode of a call, at the model's own price.
    Facts { id: "anthropic", same_price: &[":thinking"], ..NONE },
    Facts {
        id: "aws",
        names: &[
            "aws.bedrock",
            "aws_bedrock",
            "bedrock",
            "bedrock_converse",
            "amazon-bedrock",
            "amazon_bedrock",
            "aws.anthropic",
            "bedrock.anthropic.messages",
        ],
        serves: &[
            "arn:aws:bedrock:*",
            "amazon.*",
            "anthropic.*",
            "meta.*",
            "us.*",
            "us-gov.*",
            "eu.*",
            "apac.*",
            "jp.*",
            "au.*",
            "in.*",
            "global.*",
        ],
        // A context size that throughput was provisioned with.
        same_price: &[":200k", ":300k", ":128k", ":48k", ":24k", ":8k"],
        ..NONE
    },
    Facts {
        id: "azure",
        names: &[
            "azure.ai.openai",
            "azure.ai.inference",
            "az.ai.openai",
            "az.ai.inference",
            "azure_ai",
            "azure_openai",
            "azure-openai",
            "azureopenai",
            "azure*",
            "az.ai.*",
        ],
        ..NONE
    },
    Facts { id: "cohere", names: &["cohere_chat"], ..NONE },
    Facts { id: "deepseek", names: &["deep_seek", "deepseek-ai", "deepseek.*"], ..NONE },
    Facts { id: "fireworks", names: &["fireworks_ai", "fireworks-ai", "fireworks.*", "fireworksai"], ..NONE },
    Facts { id: "github-copilot", names: &["github_copilot", "githubcopilot"], ..NONE },
    Facts {
        id: "google",
        names: &[
            "gcp.gemini",
            "gcp.vertex_ai",
            "gcp.gen_ai",
            "vertex_ai",
            "vertexai",
            "gemini",
            "google_genai",
            "google.generative-ai",
            "gcp.anthropic",
            "vertex.anthropic.messages",
            "googlevertex.anthropic.messages",
        ],
        serves: &["projects/*", "publishers/*"],
        ..NONE
    },
    Facts { id: "groq", names: &["groq.*"], ..NONE },
    Facts { id: "ibm", names: &["ibm.watsonx.ai", "watsonx", "watsonx.ai"], ..NONE },
    Facts { id: "mistral", names: &["mistral_ai", "mistralai", "mistral-ai"], ..NONE },
    Facts { id: "moonshotai", names: &["moonshot_ai", "moonshot"], ..NONE },
    Facts { id: "novita", names: &["novita_ai", "novita-ai"], ..NONE },
    Facts {
        id: "openai",
        names: &["text-completion-openai"],
        serves: &[
            "text-embedding-*",
            "chatgpt-*",
            "dall-e-*",
            "computer-use*",
            "codex-*",
            "omni-moderation*",
        ],
        ..NONE
    },
    // Shortcuts for routing and sorting; the price is the model's.
    Facts {
        id: "openrouter",
        names: &["open_router", "openrouter.ai"],
        same_price: &[":nitro", ":floor", ":exacto"],
        ..NONE
    },
    // Its older names for models that search.
    Facts {
        id: "perplexity",
        names: &["perplexity_ai", "perplexity-ai", "perplexityai", "perplexity.*"],
        same_price: &["-online"],
        ..NONE
    },
    Facts {
        id: "together",
        names: &["together_ai", "togetherai", "together.*", "togetherai.*"],
        hosts: &["api.together.ai"],
        ..NONE
    },
    Facts { id: "voyageai", names: &["voyage_ai", "voyage"], ..NONE },
    Facts { id: "x-ai", names: &["x_ai", "xai", "x.ai", "xai.*"], ..NONE },
    Facts { id: "zai", names: &["z.ai", "z_ai", "z-ai"], ..NONE },
];

/// Whether a model has DeepSeek's peak hours, when everything costs double. genai-prices has no word for days, and dates only some
/// of the hours. DeepSeek's page (api-docs.deepseek.com/quick_start/pricing, at several dates): every day since
/// [`DEEPSEEK_PEAK_SINCE`], on working days only since [`DEEPSEEK_WORKING_DAYS_SINCE`]. China's public holidays are off-peak too;
/// that cannot be said here, and those few days are priced as other days.
pub(super) fn deepseek_peak(provider: &str, model: &str) -> bool {
    provider == "deepseek" && matches!(model, "deepseek-flash" | "deepseek-v4-flash" | "deepseek-v4-pro")
}

/// The new prices began at 16:00 UTC of the day before; the first peak hour was this day's.
pub(super) const DEEPSEEK_PEAK_SINCE: &str = "2026-08-17";

/// The day since which peak hours are those of working days.
pub(super) const DEEPSEEK_WORKING_DAYS_SINCE: &str = "2026-09-10";
