//! pricetag
pub mod config;
pub mod exporter;
pub mod booking;
pub mod genai;
pub mod otlp;
pub mod pricing;
pub mod processor;
pub mod queue;
pub mod settlement;
