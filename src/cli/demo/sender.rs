//! Sends the sample as an app would: with the OpenTelemetry SDK and its OTLP exporter.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanLimits,
};

use super::PATIENCE;
use super::history::SampleAction;
use super::sample::{SampleCall, Twist};

/// How long a call of the sample takes.
const TOOK: Duration = Duration::from_millis(900);

/// An app that is instrumented with the GenAI conventions, as far as its spans can tell.
pub(super) struct Sender {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Sender {
    /// A client of the collector at `grpc`.
    ///
    /// # Errors
    /// When the client can not be made.
    pub(super) fn new(grpc: SocketAddr) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{grpc}"))
            .with_timeout(PATIENCE)
            .build()
            .context("the demo's OTLP client")?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "pricetag-demo"),
                // Whoever meets these spans in a backend must see that nobody paid for them.
                KeyValue::new("pricetag.demo", true),
            ])
            .build();
        // Everything that OTEL_* variables could change is said here: the sample must arrive on any machine.
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(2048)
            .with_max_export_batch_size(512)
            .with_scheduled_delay(Duration::from_secs(5))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::AlwaysOn)
            .with_span_limits(SpanLimits::default())
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .build();
        let tracer = provider.tracer("pricetag.demo");
        Ok(Sender { provider, tracer })
    }

    /// Sends calls, their times moved so that "now" is now, and waits until they are delivered.
    ///
    /// # Errors
    /// When the collector does not take them.
    pub(super) async fn send(&self, calls: &[SampleCall]) -> anyhow::Result<()> {
        for call in calls {
            self.emit(call);
        }
        self.flush().await
    }

    /// Sends actions, likewise.
    ///
    /// # Errors
    /// When the collector does not take them.
    pub(super) async fn send_actions(&self, actions: &[SampleAction]) -> anyhow::Result<()> {
        for action in actions {
            self.action(action);
        }
        self.flush().await
    }

    async fn flush(&self) -> anyhow::Result<()> {
        let provider = self.provider.clone();
        tokio::task::spawn_blocking(move || provider.force_flush()).await?.context("sending the sample")
    }

    fn emit(&self, call: &SampleCall) {
        let end = SystemTime::now() - Duration::from_secs(call.ago);
        let start = end - TOOK;
        if call.twist != Twist::InAgent {
            self.span(&Context::new(), call, start, end);
            return;
        }
        let agent = SpanBuilder::from_name("invoke_agent helper")
            .with_kind(SpanKind::Internal)
            .with_start_time(start)
            .with_attributes([
                KeyValue::new("gen_ai.operation.name", "invoke_agent"),
                KeyValue::new("gen_ai.agent.name", "helper"),
            ]);
        let mut agent = self.tracer.build_with_context(agent, &Context::new());
        let context = agent.span_context().clone();
        self.span(&within(context), call, start, end);
        for attribute in usage(call).into_iter().chain(identity(call)) {
            agent.set_attribute(attribute);
        }
        agent.end_with_timestamp(end);
    }

    /// A service's span that knows whose money it is, and below it the calls, one after the other.
    fn action(&self, action: &SampleAction) {
        let Some(first) = action.calls.first() else { return };
        let end = SystemTime::now() - Duration::from_secs(first.ago);
        let start = end - TOOK * action.calls.len() as u32;
        let mut whose = whose(first);
        whose.extend([
            KeyValue::new("tenant.id", action.tenant),
            KeyValue::new("tenant.tier", action.tier),
            KeyValue::new("gen_ai.workflow.name", action.workflow),
        ]);
        let root = SpanBuilder::from_name(action.name)
            .with_kind(SpanKind::Server)
            .with_start_time(start)
            .with_attributes(whose);
        let mut root = self.tracer.build_with_context(root, &Context::new());
        let within = within(root.span_context().clone());
        for (n, call) in (1..).zip(&action.calls) {
            self.span(&within, call, start + TOOK * (n - 1), start + TOOK * n);
        }
        root.end_with_timestamp(end);
    }

    fn span(&self, parent: &Context, call: &SampleCall, start: SystemTime, end: SystemTime) {
        let mut attributes = identity(call);
        attributes.push(KeyValue::new("gen_ai.operation.name", call.operation));
        let mut status = Status::Unset;
        match call.twist {
            Twist::RateLimited => {
                attributes.push(KeyValue::new("error.type", "RateLimitError"));
                status = Status::error("429: rate limit");
            }
            Twist::NoUsage => attributes.push(KeyValue::new("gen_ai.response.model", call.served)),
            Twist::None | Twist::InAgent => {
                attributes.push(KeyValue::new("gen_ai.response.model", call.served));
                attributes.extend(usage(call));
            }
        }
        let span = SpanBuilder::from_name(format!("{} {}", call.operation, call.asked))
            .with_kind(SpanKind::Client)
            .with_start_time(start)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(span, parent);
        span.set_status(status);
        span.end_with_timestamp(end);
    }
}

fn within(parent: SpanContext) -> Context {
    Context::new().with_remote_span_context(parent)
}

fn identity(call: &SampleCall) -> Vec<KeyValue> {
    let mut identity = whose(call);
    identity.push(KeyValue::new("gen_ai.provider.name", call.provider));
    identity.push(KeyValue::new("gen_ai.request.model", call.asked));
    identity
}

fn whose(call: &SampleCall) -> Vec<KeyValue> {
    vec![
        KeyValue::new("user.id", call.user),
        KeyValue::new("session.id", format!("session-{}", call.user)),
        KeyValue::new("feature", call.feature),
    ]
}

fn usage(call: &SampleCall) -> Vec<KeyValue> {
    let counts = [
        ("gen_ai.usage.input_tokens", call.input),
        ("gen_ai.usage.output_tokens", call.output),
        ("gen_ai.usage.cache_read.input_tokens", call.cache_read),
        ("gen_ai.usage.cache_write.input_tokens", call.cache_write),
        ("gen_ai.usage.reasoning.output_tokens", call.reasoning),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| KeyValue::new(key, count)).collect()
}
