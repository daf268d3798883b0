#!/usr/bin/env bash
# The whole example in one go: installs the pinned Python packages, starts a stand-in of the OpenAI
# API, pricetag, a second OTLP server and the two services, clicks through the shop, and checks whose
# money each call was. Then the same export requests again, each time to a pricetag that knows nothing
# yet: swapped, delayed by 5 s, split. ../common/lib.sh has the variables and exit codes.
#
#   run.sh [--record FOLDER]    leaves the export requests there
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common/lib.sh
. "$here/../common/lib.sh"

record=
if [[ ${1:-} == --record && $# -eq 2 ]]; then
    record=$(realpath -m -- "$2")
elif [[ $# -ne 0 ]]; then
    sed -n '2,/^set/{/^#/p}' "$0" >&2
    exit 2
fi

ways=(recorded swapped shop-late writer-late split shuffled)

# A sink, and a pricetag in front of it; sets `http_port` and `pid`.
start_pair() { # name
    mkdir "$work/$1"
    start_server "$1-sink" "$common/sink.py" "$work/$1"
    start_pricetag "$1-pricetag" "$port" "$here/pricetag.yaml"
}

# All that was settled has been told when each action with calls has its event.
settled() { # name
    [[ $(wc -l <"$work/$1/logs.jsonl") -ge $actions ]]
}

finish() { # name pid
    await 20 "$2" settled "$1" ||
        printf '!! only %s of %s actions have settled\n' "$(wc -l <"$work/$1/logs.jsonl")" "$actions" >&2
    stop pricetag "$2"
    printf '\n%s\n' "$1"
    "$python" "$here/check.py" "$work/clicks.jsonl" "$work/$1/logs.jsonl"
}

install_packages
find_pricetag
cd "$here" # tenants.csv is named as seen from here

start_pair live
live_pid=$pid
mkdir "$work/requests"
start_server recorder "$here/recorder.py" "$work/requests" "http://127.0.0.1:$http_port"
# Small batches, so that there is more than one request of a service.
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port OTEL_BSP_SCHEDULE_DELAY=200
start_server standin "$common/standin.py"
standin=http://127.0.0.1:$port
OTEL_SERVICE_NAME=writer OPENAI_BASE_URL=$standin/v1 OPENAI_API_KEY=none start_server writer "$here/writer.py"
writer_pid=$pid
OTEL_SERVICE_NAME=shop WRITER_URL=http://127.0.0.1:$port start_server shop "$here/shop.py"
shop_pid=$pid

say "clicking through the shop"
"$python" "$here/customers.py" "http://127.0.0.1:$port" "$standin" >"$work/clicks.jsonl"
actions=$(grep -vc '"served": \[\]' "$work/clicks.jsonl")
# The services send what they still have, and uvicorn then ends by the signal itself. The inner one is the first:
# its spans end first, too.
stop writer "$writer_pid" 143
stop shop "$shop_pid" 143

say "the same export requests again: ${ways[*]}"
pids=() deliveries=()
for way in "${ways[@]}"; do
    start_pair "$way"
    pids+=("$pid")
    "$python" "$here/deliver.py" "$work/requests" "http://127.0.0.1:$http_port" "$way" &
    deliveries+=("$!")
done

wrong=0
finish live "$live_pid" || wrong=1
for i in "${!ways[@]}"; do
    wait "${deliveries[i]}" || die "the requests could not be sent: ${ways[i]}"
    finish "${ways[i]}" "${pids[i]}" || wrong=1
done

if [[ -n $record ]]; then
    mkdir -p "$record"
    rm -f -- "$record"/*.pb
    cp -- "$work"/requests/*.pb "$record"
    say "$(find "$record" -name '*.pb' | wc -l) requests are in $record"
fi
exit "$wrong"
