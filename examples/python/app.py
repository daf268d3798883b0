"""A small product that calls an LLM: the OpenAI client and plain OpenTelemetry.

Nothing in here knows pricetag. Where the spans go is said by the environment alone:
OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL (grpc or http/protobuf).
"""

import os
import sys
from contextlib import contextmanager, suppress

from openai import OpenAI, RateLimitError
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Whose money a call is. Only these leave the baggage for the spans: baggage may come from outside.
ATTRIBUTION = {"user.id", "session.id", "feature"}

tracer = trace.get_tracer("shop")


def set_up_tracing():
    # The SDK picks the exporter by itself only under `opentelemetry-instrument`.
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider()
    provider.add_span_processor(BaggageSpanProcessor(ATTRIBUTION.__contains__))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    return provider


@contextmanager
def request(user, feature):
    """One product interaction: one trace, whose spans all say who and what it was for."""
    scope = baggage.set_baggage("user.id", user)
    scope = baggage.set_baggage("session.id", f"{user}-1", scope)
    scope = baggage.set_baggage("feature", feature, scope)
    token = context.attach(scope)
    try:
        with tracer.start_as_current_span(f"POST /{feature}"):
            yield
    finally:
        context.detach(token)


def main():
    if "OPENAI_BASE_URL" not in os.environ:
        sys.exit("OPENAI_BASE_URL is not set: this app is for standin.py, not for calls that cost money")
    provider = set_up_tracing()
    client = OpenAI(max_retries=0)  # a 429 should be seen, not waited for

    def ask(prompt, model="gpt-5-mini", **options):
        messages = [{"role": "user", "content": prompt}]
        answer = client.chat.completions.create(model=model, messages=messages, **options)
        if options.get("stream"):
            for _ in answer:  # the span ends with the stream
                pass

    with request("alice", "search"):
        client.embeddings.create(model="text-embedding-3-small", input="red shoes")
        ask("Rank these shoes.")

    with request("alice", "assistant"):
        ask("Which size do I need?", stream=True, stream_options={"include_usage": True})

    with request("bob", "assistant"):
        ask("Can I return them?", stream=True)  # nobody asked for usage, so nobody is told
        ask("Summarise our talk.", model="gpt-4o", service_tier="flex")

    with request("bob", "search"):
        with suppress(RateLimitError):
            ask("Please hit the rate limit.", model="gpt-4o")

    provider.shutdown()  # sends what is still buffered


if __name__ == "__main__":
    main()
