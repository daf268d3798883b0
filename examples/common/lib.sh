# What the examples' run.sh have in common. They source it when `here` is their own folder; `$work` is for
# their files, and goes with them. All traffic stays on 127.0.0.1.
#
#   PRICETAG_BIN   the pricetag to use; without it the repository is built
#   PYTHON         the Python to use, 3.11 or newer (default: python3)
#
# Exit code: 0 all exact, 75 the packages could not be fetched, anything else a failure.
# shellcheck shell=bash

common=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$(dirname -- "$common")")
venv=$here/.venv
python=$venv/bin/python

say() { printf '==> %s\n' "$*"; }
die() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 1
}

# Nothing that the caller's shell says about OpenTelemetry, OpenAI or proxies may change this run.
for name in "${!OTEL_@}" "${!OPENAI_@}"; do unset "$name"; done
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)

clean_up() {
    local code=$?
    trap - EXIT
    local pid log
    # Nothing of these processes outlives the run, so the surest signal will do.
    for pid in $(jobs -p); do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [[ $code -ne 0 && $code -ne 75 ]]; then
        for log in "$work"/*.log; do
            [[ -s $log ]] || continue
            printf '\nThe last lines of %s:\n' "$(basename "$log" .log)" >&2
            tail -n 15 "$log" >&2
        done
        printf '\nrun.sh: FAILED (exit code %s)\n' "$code" >&2
    fi
    rm -rf -- "$work"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Tries a command every 0.1 s for so many seconds, as long as a process lives.
await() { # seconds pid command...
    local tries=$(($1 * 10)) pid=$2
    shift 2
    until "$@" 2>/dev/null; do
        if ((tries-- == 0)) || ! kill -0 "$pid" 2>/dev/null; then return 1; fi
        sleep 0.1
    done
}

install_packages() {
    local base=${PYTHON:-python3} stamp
    "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "$base is missing or older than Python 3.11 (set PYTHON)"
    # Another interpreter needs other wheels, and an environment does not survive a move.
    stamp=$({ "$base" -VV && printf '%s\n' "$venv" && cat "$root"/examples/*/requirements.txt; } | cksum)
    if [[ -x $python && $(cat "$venv/stamp" 2>/dev/null) == "$stamp" ]]; then
        return
    fi
    say "installing the pinned packages into .venv"
    rm -rf -- "$venv"
    "$base" -m venv "$venv"
    if ! "$python" -m pip install --disable-pip-version-check --no-input --quiet --no-deps \
        -r "$here/requirements.txt" >"$work/pip.log" 2>&1; then
        # pip has one exit code for all; a registry that answers would have told some versions.
        if grep -Eq 'from versions: none|connection broken by|ConnectionError|timed out|HTTP error 5' "$work/pip.log"; then
            cat "$work/pip.log" >&2
            printf '\n*** run.sh: NOT RUN: the Python package registry cannot be reached ***\n' >&2
            exit 75
        fi
        die "pip failed"
    fi
    "$python" -m pip check --disable-pip-version-check >"$work/pip.log" ||
        die "requirements.txt does not name everything"
    printf '%s\n' "$stamp" >"$venv/stamp" # last, so that a broken install is done again
}

find_pricetag() {
    if [[ -n ${PRICETAG_BIN:-} ]]; then
        pricetag=$(realpath -- "$(command -v -- "$PRICETAG_BIN")") || die "PRICETAG_BIN is no program: $PRICETAG_BIN"
        return
    fi
    if [[ ! -f $root/Cargo.toml ]] || ! command -v cargo >/dev/null; then
        die "no pricetag: build it with 'cargo build --release' and set PRICETAG_BIN to target/release/pricetag"
    fi
    say "building pricetag"
    local target
    (cd "$root" && cargo build --release --locked)
    target=$(cd "$root" && cargo metadata --no-deps --format-version 1 |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    pricetag=$target/release/pricetag
}

# Starts a Python file that prints its port once it listens; sets `port` and `pid`.
start_server() { # name file arguments...
    local name=$1
    shift
    "$python" "$@" >"$work/$name.port" 2>"$work/$name.log" &
    pid=$!
    await 20 "$pid" test -s "$work/$name.port" || die "$1 did not start"
    port=$(<"$work/$name.port")
}

# Starts pricetag with a config of the example; sets `grpc_port`, `http_port` and `pid`.
start_pricetag() { # name sink's-port config arguments...
    local name=$1 sink_port=$2 config=$3 ports admin_port ready
    shift 3
    # All three are held at once, so that they differ.
    ports=$("$python" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in held))')
    read -r grpc_port http_port admin_port <<<"$ports"
    # Its ledger is the example's, too.
    XDG_STATE_HOME=$work/$name "$pricetag" run --config "$config" \
        --set "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:$grpc_port" \
        --set "receivers.otlp.protocols.http.endpoint=127.0.0.1:$http_port" \
        --set "exporters.otlphttp.endpoint=http://127.0.0.1:$sink_port" \
        --set "service.telemetry.metrics.address=127.0.0.1:$admin_port" "$@" >"$work/$name.log" 2>&1 &
    pid=$!
    ready=http://127.0.0.1:$admin_port/health/ready
    await 20 "$pid" "$python" -c \
        'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=1)' "$ready" ||
        die "pricetag did not become ready at $ready"
}

gone() { ! kill -0 "$1"; }

# A SIGTERM must make a process hand on what it has accepted, and then leave with 0, or another code that is good.
stop() { # name pid [code]
    local code=0
    kill -TERM "$2"
    await 30 $$ gone "$2" || die "$1 did not stop within 30 s of a SIGTERM"
    wait "$2" || code=$?
    [[ $code -eq ${3:-0} ]] || die "$1 left with $code after a SIGTERM"
}
