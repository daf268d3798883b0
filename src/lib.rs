//! pricetag
pub mod config;
pub mod exporter;
pub mod genai;
pub mod pricing;
