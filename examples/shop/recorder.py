"""Stands between the services and pricetag: hands every export request on, and keeps its bytes.

    python recorder.py FOLDER URL    prints the port it listens on

The requests are FOLDER/01-SERVICE.pb, FOLDER/02-SERVICE.pb, ..., in the order in which they came; SERVICE is the
`service.name` of their resource.
"""

import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.count += 1
            (self.server.folder / f"{self.server.count:02}-{service(body)}.pb").write_bytes(body)
        status, answer = post(self.server.url + self.path, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def service(body):
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        for attribute in resource_spans.resource.attributes:
            if attribute.key == "service.name":
                return attribute.value.string_value
    return "unknown"


def post(url, body):
    """Status and body of the answer to an OTLP/HTTP request."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder, server.url = Path(sys.argv[1]), sys.argv[2]
    server.lock, server.count = threading.Lock(), 0
    print(server.server_port, flush=True)
    server.serve_forever()
