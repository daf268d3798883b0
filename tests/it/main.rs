//! Integration tests. `support` runs the binary between real clients and a second OTLP server.

#![allow(clippy::unwrap_used, reason = "clippy's allow-unwrap-in-tests does not reach the helpers of tests")]

mod captures;
mod chain;
mod config;
mod delivery;
mod demo;
mod explain;
mod exporter;
mod full;
mod metrics;
mod odd;
mod oracle;
mod refused_grpc;
mod refused_http;
mod reported;
mod shutdown;
mod start;
mod support;
mod untouched;
