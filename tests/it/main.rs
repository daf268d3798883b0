//! Integration tests.

mod config;
mod differential;
mod exporter;
mod oracle;
mod settlement;
