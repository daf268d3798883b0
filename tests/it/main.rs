//! Integration tests.

mod config;
mod differential;
mod exporter;
mod fields;
mod json;
mod oracle;
mod settlement;
