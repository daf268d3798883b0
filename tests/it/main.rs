//! Integration tests.
mod oracle;
