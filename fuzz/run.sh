#!/usr/bin/env bash
# Fuzzes one target, or each in turn: fuzz/run.sh [TARGET|all] [SECONDS] [EXECUTIONS], whichever limit comes first; says in the end what
# was done. Needs a nightly Rust; installs cargo-fuzz.
# What breaks is kept in fuzz/artifacts; put it, made small (cargo fuzz tmin), into fuzz/corpus/TARGET, where `cargo test` plays it.
set -euo pipefail
cd "$(dirname "$0")"
all=(traces logs json http bookings records config prices)
targets=("${all[@]}")
if [[ $# -gt 0 && $1 != all ]]; then
  targets=("$1")
fi
seconds=${2:-600}
executions=${3:--1}
cargo +nightly fuzz --version >/dev/null 2>&1 || cargo +nightly install --locked --version 0.13.2 cargo-fuzz

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd .. && FUZZ_SEEDS="$scratch/seeds" cargo test --quiet --test it fuzz::)

findings() { find "artifacts/$1" -type f | wc -l; }

status=0
printf '%-10s %12s %8s %9s\n' target executions seconds findings >"$scratch/table"
for target in "${targets[@]}"; do
  printf '\n== %s, %s s\n' "$target" "$seconds"
  mkdir -p "target/found/$target" "corpus/$target" "artifacts/$target"
  # No sanitizer: there is no unsafe code of ours to look into, and without it there are several times as many executions.
  cargo +nightly fuzz build --sanitizer none "$target"
  before=$(findings "$target") begun=$SECONDS
  cargo +nightly fuzz run --sanitizer none "$target" "target/found/$target" "corpus/$target" "$scratch/seeds/$target" -- \
    -max_total_time="$seconds" -runs="$executions" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 2>&1 |
    tee "$scratch/log" || status=1
  printf '%-10s %12s %8s %9s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log")" \
    "$((SECONDS - begun))" "$(($(findings "$target") - before))" >>"$scratch/table"
done
printf '\n'
cat "$scratch/table"
exit "$status"
