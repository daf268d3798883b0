//! Integration tests.

mod config;
mod differential;
mod exporter;
mod fields;
mod json;
mod ledger;
mod oracle;
mod passthrough;
mod settlement;
mod tidy;
