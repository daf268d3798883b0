//! pricetag
pub mod cli;
pub mod config;
pub mod exporter;
pub mod genai;
pub mod pricing;
