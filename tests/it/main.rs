//! Integration tests.

mod captures;
mod chain;
mod config;
mod delivery;
mod differential;
mod exporter;
mod fields;
mod full;
mod json;
mod ledger;
mod metrics;
mod odd;
mod oracle;
mod passthrough;
mod refused_grpc;
mod refused_http;
mod reported;
mod settlement;
mod shutdown;
mod support;
mod tidy;
mod untouched;
