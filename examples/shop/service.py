"""What the two services have in common: plain OpenTelemetry, and a server on a port of its own.

Nothing in here knows pricetag. Where the spans go is said by the environment alone: OTEL_SERVICE_NAME and
OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import socket
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def traced_app():
    """A FastAPI app whose requests, and those it makes with httpx, are spans of one trace."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument()  # sends the trace's context along: the header `traceparent`

    @asynccontextmanager
    async def lifespan(_):
        yield
        provider.shutdown()  # sends what is still buffered

    app = FastAPI(lifespan=lifespan)
    # Without a span for each message of ASGI.
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
    return app


def serve(app):
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
