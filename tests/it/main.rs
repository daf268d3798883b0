//! Integration tests.

mod config;
mod exporter;
mod oracle;
