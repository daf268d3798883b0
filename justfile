# What there is to do; `just` lists it. Each line works without just, too.

default:
    @just --list

# The collector on its embedded default, with sample traffic
demo:
    cargo run --release -- demo

# Everything that needs only Rust
test:
    cargo test

# Kills, dead backends, full disks, overload; `just faults --help` tells of scenarios and long forms
faults *arguments:
    cargo test --release --test faults -- {{arguments}}

# What CI runs
ci:
    bash .ci/run

# process against prost and against a copy, as ratios
bench:
    cargo bench

# Strangers' bytes, made up by libFuzzer, ten minutes a target (needs a nightly Rust)
fuzz target="all" seconds="600":
    fuzz/run.sh {{target}} {{seconds}}

# A real Python app, traced and priced (installs its packages)
python:
    examples/python/run.sh

# A shop of two services: whose money each call was
shop:
    examples/shop/run.sh

# The demo's page in a real Chromium
browser:
    tests/browser/run.sh

# The README's pictures of the page
pictures:
    tests/browser/run.sh docs

# The config's JSON Schema, after changing src/config/raw
schema:
    UPDATE_SCHEMA=1 cargo test --lib schema

# The embedded catalog from the packages that its script names
catalog:
    config/catalog.sh
