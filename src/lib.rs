//! pricetag
pub mod admin;
pub mod app;
pub mod booking;
pub mod cli;
pub mod config;
pub mod exporter;
pub mod genai;
pub mod ledger;
pub mod otlp;
pub mod pricing;
pub mod processor;
pub mod queue;
pub mod receiver;
pub mod settlement;
pub mod telemetry;
pub mod text;
