#!/usr/bin/env bash
# The whole example in one go: installs the pinned Python packages, starts a stand-in of the
# OpenAI API, pricetag and a second OTLP server, runs app.py over gRPC and over HTTP, stops
# pricetag, and checks every cost that came out at the other end. ../common/lib.sh has the
# variables and exit codes.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common/lib.sh
. "$here/../common/lib.sh"

run_app() { # service protocol port
    say "app.py over $2"
    OTEL_SERVICE_NAME=$1 OTEL_EXPORTER_OTLP_PROTOCOL=$2 OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$3 \
        OPENAI_BASE_URL=http://127.0.0.1:$standin_port/v1 OPENAI_API_KEY=none \
        "$python" "$here/app.py"
}

install_packages
find_pricetag
start_server sink "$common/sink.py" "$work"
sink_port=$port
start_server standin "$common/standin.py"
standin_port=$port
start_pricetag pricetag "$sink_port" "$here/pricetag.yaml"
run_app shop-grpc grpc "$grpc_port"
run_app shop-http http/protobuf "$http_port"
stop pricetag "$pid"
"$python" "$here/check.py" "$work/spans.jsonl" shop-grpc shop-http
