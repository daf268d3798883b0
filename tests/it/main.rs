//! Integration tests. `support` runs the binary between real clients and a second OTLP server.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod actions;
mod agreement;
mod attribution;
mod attribution_page;
mod booked;
mod captures;
mod chain;
mod config;
mod delivery;
mod demo;
mod dialects;
mod dialects_page;
mod differential;
mod explain;
mod exporter;
mod fields;
mod full;
mod golden;
mod json;
mod ledger;
mod lookups;
mod margin;
mod metrics;
mod names;
mod odd;
mod oracle;
mod oracle_litellm;
mod passthrough;
mod prices;
mod prices_commands;
mod pricing_page;
mod refused_grpc;
mod refused_http;
mod regions;
mod reload;
mod reported;
mod settlement;
mod shop;
mod shutdown;
mod start;
mod support;
mod tidy;
mod truth;
mod untouched;
