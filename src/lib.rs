//! pricetag stands in the path of OpenTelemetry traffic, puts an exact price on every LLM call that passes,
//! and forwards everything to any OTLP backend.
//!
//! Follow a request through the modules:
//!
//! | step | module | what it does |
//! |---|---|---|
//! | 0 | [`cli`], [`config`], [`app`] | what was asked for; what it means; build it, exporters first |
//! | 1 | [`receiver`] | takes a body over gRPC or HTTP, and hands it to the intake as bytes |
//! | 2 | [`processor`] | collect the calls ([`genai`]), judge which count ([`settlement`]) and whose money it was ([`attribution`]), price them ([`pricing`]), splice ([`otlp`]) |
//! | 3 | [`queue`] | holds the request and its [`booking`]s, in one commit |
//! | 4 | [`exporter`], [`ledger`] | read the queue: one delivers, without what a pipeline drops ([`redaction`]), the other counts |
//! | - | [`margin`] | what customers pay against what they cost |
//! | - | [`price_files`] | a user's prices over the embedded ones |
//! | - | [`lookup_files`] | a user's tables between dimensions |
//! | - | [`dialect_files`] | a user's dialects beside the embedded ones |
//! | - | [`serve`], [`access`] | connections of all listeners; TLS and logins |
//! | - | [`memory`] | the limit of all memory together |
//! | - | [`admin`], [`telemetry`] | health, metrics |
//! | - | [`yaml`], [`text`], [`said`], [`time`] | what the config and price files are written in; text for people; what the log has said; hours |
//!
//! What must hold everywhere (ARCHITECTURE.md says more, and what tests each):
//!
//! 1. A request without edits leaves as the same allocation; metrics and logs pass byte for byte.
//! 2. [`otlp`], [`genai`], [`pricing`], [`attribution`], [`settlement`], [`redaction`], [`processor`] and [`booking`] do no I/O and read no clock.
//! 3. Malformed input is refused as a whole, before anything is counted.
//! 4. No attribute is overwritten and no key is written twice.
//! 5. A request is acknowledged when the queue has it, and room was reserved in all its readers first.
//! 6. Unknown is never zero: a call without a price has a status and a reason, and no cost attribute.
//! 7. Money is integer picodollars from rate to ledger, and a double only where it becomes an attribute.

pub mod access;
pub mod admin;
pub mod app;
pub mod attribution;
pub mod booking;
pub mod cli;
pub mod config;
pub mod dialect_files;
pub mod exporter;
pub mod genai;
pub mod ledger;
pub mod lookup_files;
pub mod margin;
pub mod memory;
pub mod otlp;
pub mod price_files;
pub mod pricing;
pub mod processor;
pub mod queue;
pub mod receiver;
pub mod redaction;
pub mod said;
pub mod serve;
pub mod settlement;
pub mod state;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod yaml;
