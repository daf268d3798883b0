//! A call: one LLM request and its answer, as one span tells of it.

use super::dimensions::Row;
use super::sampling::Weight;
use super::usage::Usage;
use crate::otlp::splice::FrameId;
use crate::otlp::view::{Scalar, Text};

/// What kind of work a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A request to a model: `chat`, `text_completion`, `generate_content`, `embeddings`, or an operation
    /// that we do not know, with usage.
    Call,
    /// An agent or workflow around calls, which repeats their usage; or a remote one, of which no more is
    /// known.
    Container,
}

impl Role {
    /// The role of an operation name; `None` for those that use no model themselves.
    /// (semantic conventions, `gen_ai.operation.name`; `agent_step` is Vercel's, `execute_event_loop_cycle`
    /// Strands', `tokenize` Envoy's: it counts tokens that nobody pays)
    pub fn of(operation: Text<'_>) -> Option<Role> {
        match operation.0 {
            b"invoke_agent" | b"invoke_workflow" | b"agent_step" | b"execute_event_loop_cycle" => {
                Some(Role::Container)
            }
            b"create_agent" | b"execute_tool" | b"plan" | b"retrieval" | b"fetch_response" | b"tokenize" => {
                None
            }
            memory if memory.ends_with(b"_memory") || memory.ends_with(b"_memory_store") => None,
            _ => Some(Role::Call),
        }
    }

    /// Whether the operation is one that is priced even if the span tells no usage.
    pub fn is_known_call(operation: Text<'_>) -> bool {
        matches!(operation.0, b"chat" | b"text_completion" | b"generate_content" | b"embeddings")
    }
}

/// In [`Call::kind`]: a log record tells of the call. No kind of span has this number.
pub const LOG_EVENT: u8 = u8::MAX;

/// In [`Call::names`]: nobody has compared it with others.
pub const UNNUMBERED: u32 = u32::MAX;

/// Where a span stands in its trace. Zero bytes stand for "no parent".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Trace id.
    pub trace: [u8; 16],
    /// Span id.
    pub span: [u8; 8],
    /// Parent's span id, zero for a root.
    pub parent: [u8; 8],
}

/// Where the caller runs, as a span or its resource says. An empty text means "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cloud<'a> {
    /// `cloud.provider`: `aws`, `gcp`, `azure` ...
    pub provider: Text<'a>,
    /// `cloud.region`, in that cloud's words.
    pub region: Text<'a>,
}

impl Cloud<'_> {
    /// What a span says, and its resource where the span says nothing. A resource's region is never one of a cloud that
    /// only the span names.
    pub fn or(self, resource: Self) -> Self {
        if self.region.is_empty() {
            resource
        } else if self.provider.is_empty() {
            Self { provider: resource.provider, ..self }
        } else {
            self
        }
    }
}

/// A cost that the sender put on the span.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// Under which key.
    pub key: &'a str,
    /// What stands there; a number in USD if all is well.
    pub value: Scalar<'a>,
}

/// One call, borrowed from the request. An empty text means "not said".
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Trace, span and parent; `None` when the ids are not of the right length.
    pub ids: Option<Ids>,
    /// Where to splice.
    pub frame: FrameId,
    /// Index of its resource in the request.
    pub resource: u32,
    /// Name of the instrumentation scope.
    pub scope: Text<'a>,
    /// How it is written.
    pub dialect: super::dialects::DialectId,
    /// Span name.
    pub name: Text<'a>,
    /// Span kind, OTLP's number (3 is CLIENT).
    pub kind: u8,
    /// End of the span, nanoseconds since 1970; zero when not said.
    pub end_unix_nano: u64,
    /// The span says that the call failed.
    pub failed: bool,
    /// Call or container.
    pub role: Role,
    /// `gen_ai.operation.name`.
    pub operation: Text<'a>,
    /// `gen_ai.provider.name`.
    pub provider: Text<'a>,
    /// Host asked.
    pub host: Text<'a>,
    /// Model asked for.
    pub model_asked: Text<'a>,
    /// Model that answered.
    pub model_served: Text<'a>,
    /// Calls of one request with the same number name the same provider, host and models; [`UNNUMBERED`] says nothing.
    pub names: u32,
    /// The provider's id of the answer.
    pub response_id: Text<'a>,
    /// The conversation or session that it belongs to.
    pub conversation: Text<'a>,
    /// Service tier asked for.
    pub tier_asked: Text<'a>,
    /// Service tier that served.
    pub tier_served: Text<'a>,
    /// Where the provider says that it served the call (Anthropic's `inference_geo`).
    pub region: Text<'a>,
    /// Where the span says that the caller runs.
    pub cloud: Cloud<'a>,
    /// What it used, or why that is not known.
    pub usage: Known<'a>,
    /// A cost that the sender put there.
    pub reported: Option<Reported<'a>>,
    /// Bit n: the n-th attribute that we may write is there already.
    pub ours: u64,
    /// What the span itself says about dimensions.
    pub dimensions: Row,
    /// How many calls it stands for; `None`: what it says of that can not be.
    pub weight: Option<Weight>,
}

/// A call of which nothing is known.
impl Default for Call<'_> {
    fn default() -> Self {
        Call {
            ids: None,
            frame: FrameId::BODY,
            resource: 0,
            scope: Text::default(),
            dialect: 0,
            name: Text::default(),
            kind: 0,
            end_unix_nano: 0,
            failed: false,
            role: Role::Call,
            operation: Text::default(),
            provider: Text::default(),
            host: Text::default(),
            model_asked: Text::default(),
            model_served: Text::default(),
            names: UNNUMBERED,
            response_id: Text::default(),
            conversation: Text::default(),
            tier_asked: Text::default(),
            tier_served: Text::default(),
            region: Text::default(),
            cloud: Cloud::default(),
            usage: Known::Nothing,
            reported: None,
            ours: 0,
            dimensions: Row::default(),
            weight: Some(Weight::ONE),
        }
    }
}

/// What a span tells of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// Plausible counts.
    Usage {
        /// In disjoint buckets.
        usage: Usage,
        /// A part was larger than its whole and was cut.
        clamped: bool,
    },
    /// Nothing.
    Nothing,
    /// The attribute of this key is no plausible count.
    Implausible(&'a str),
}

impl Call<'_> {
    /// The usage, where there is one.
    pub fn usage(&self) -> Option<&Usage> {
        match &self.usage {
            Known::Usage { usage, .. } => Some(usage),
            _ => None,
        }
    }

    /// Whether it names the same provider, host and models as another.
    pub fn is_named_as(&self, other: &Call<'_>) -> bool {
        self.model_served == other.model_served
            && self.model_asked == other.model_asked
            && self.provider == other.provider
            && self.host == other.host
    }

    /// The model that answered, or else the one asked for.
    pub fn model(&self) -> Text<'_> {
        if self.model_served.is_empty() { self.model_asked } else { self.model_served }
    }
}
