//! Integration tests.

mod config;
mod exporter;
