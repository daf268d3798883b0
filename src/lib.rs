//! pricetag
pub mod config;
pub mod exporter;
pub mod genai;
pub mod otlp;
pub mod pricing;
