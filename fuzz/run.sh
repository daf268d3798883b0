#!/usr/bin/env bash
# Fuzzes one target, or each in turn: fuzz/run.sh [TARGET] [SECONDS]. Needs a nightly Rust; installs cargo-fuzz.
# What breaks is kept in fuzz/artifacts; put it, made small (cargo fuzz tmin), into fuzz/corpus/TARGET, where `cargo test` plays it.
set -euo pipefail
cd "$(dirname "$0")"
all=(traces logs json bookings records config prices)
targets=("${all[@]}")
if [[ $# -gt 0 && $1 != all ]]; then
  targets=("$1")
fi
seconds=${2:-600}
cargo +nightly fuzz --version >/dev/null 2>&1 || cargo +nightly install --locked --version 0.13.2 cargo-fuzz

seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
(cd .. && FUZZ_SEEDS="$seeds" cargo test --quiet --test it fuzz::)

for target in "${targets[@]}"; do
  printf '\n== %s, %s s\n' "$target" "$seconds"
  mkdir -p "target/found/$target" "corpus/$target"
  # No sanitizer: there is no unsafe code of ours to look into, and without it there are several times as many executions.
  cargo +nightly fuzz run --sanitizer none "$target" "target/found/$target" "corpus/$target" "$seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
