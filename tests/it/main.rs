//! Integration tests.

mod exporter;
