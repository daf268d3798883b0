"""A second OTLP server, for the checks: it writes down every span and every log record that reaches it.

    python sink.py FOLDER [PORT]    prints the port it listens on

OTLP/HTTP with protobuf bodies, plain or gzip. One JSON object a span is appended to FOLDER/spans.jsonl, one a
log record to FOLDER/logs.jsonl. Metrics are accepted, decoded and dropped.
"""

import gzip
import json
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        # Read first: a reply to an unread body would break the connection for the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path not in REQUESTS:
            return self.reply(404)
        if self.headers.get("Content-Type") != "application/x-protobuf":
            return self.reply(415)
        request, file, rows = REQUESTS[self.path]
        try:
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = request.FromString(body)
        except (DecodeError, EOFError, OSError, zlib.error):
            return self.reply(400)
        self.server.write(file, rows(request))
        self.reply(200)

    def reply(self, status):
        # An empty body is an Export*ServiceResponse that accepted everything.
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Sink(ThreadingHTTPServer):
    def __init__(self, port, folder):
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = Path(folder)
        self.lock = threading.Lock()
        for file in ("spans.jsonl", "logs.jsonl"):
            (self.folder / file).touch()

    def write(self, file, rows):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        if lines:
            with self.lock, open(self.folder / file, "a", encoding="utf-8") as out:
                out.write(lines)


def spans(request):
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield {
                    "name": span.name,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "start": span.start_time_unix_nano,
                    "scope": scope_spans.scope.name,
                    "resource": plain(resource_spans.resource.attributes),
                    **attributes(span),
                }


def logs(request):
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield {
                    "event": record.event_name,
                    "trace_id": record.trace_id.hex(),
                    "span_id": record.span_id.hex(),
                    "scope": scope_logs.scope.name,
                    "resource": plain(resource_logs.resource.attributes),
                    **attributes(record),
                }


def attributes(of):
    keys = [attribute.key for attribute in of.attributes]
    # OTLP forbids a key twice, and a dict would hide it.
    return {"attributes": plain(of.attributes), "repeated_keys": sorted({k for k in keys if keys.count(k) > 1})}


def plain(attributes):
    return {attribute.key: value(attribute.value) for attribute in attributes}


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return plain(any_value.kvlist_value.values)
    if kind == "bytes_value":
        return any_value.bytes_value.hex()
    return getattr(any_value, kind)


# What a path takes, the file that its rows go to, and how they are read.
REQUESTS = {
    "/v1/traces": (ExportTraceServiceRequest, "spans.jsonl", spans),
    "/v1/logs": (ExportLogsServiceRequest, "logs.jsonl", logs),
    "/v1/metrics": (ExportMetricsServiceRequest, None, lambda request: ()),
}


if __name__ == "__main__":
    server = Sink(int(sys.argv[2]) if len(sys.argv) > 2 else 0, sys.argv[1])
    print(server.server_port, flush=True)
    server.serve_forever()
