//! What was said in the config file, and what it means.
//!
//! A config goes through six steps, each in its file; [`crate::yaml`] has the first and the fifth:
//!
//! 1. `tree`: text to a tree that knows the line of every key and value;
//! 2. `set`: `--set key=value` changes the tree;
//! 3. `substitute`: `${env:NAME}` and `${file:PATH}` in scalars of the tree;
//! 4. `foreign`: keys of the OpenTelemetry Collector that pricetag does not have;
//! 5. `de`, `raw`: the tree to what was said, every key optional;
//! 6. `validate`: what was said to what it means, [`Config`].
//!
//! Every step goes on after an error, so that [`Config::load`] tells all of them at once. Nothing in the
//! environment is read unless the config names it: `OTEL_EXPORTER_OTLP_*` is for the applications that
//! send here, and would send pricetag's output back to itself.

mod access;
mod connections;
mod defaults;
mod endpoint;
mod exporter;
mod foreign;
mod loops;
mod model;
mod raw;
mod schema;
mod set;
mod spikes;
mod substitute;
mod validate;
mod values;

use std::path::Path as FilePath;

use crate::yaml::{de, error, path, scalar, tree as yaml};

pub use access::{Authenticator, Credentials, MinVersion, ServerTls};
pub use connections::{Connections, MemoryLimit, Share};
pub use endpoint::HostPort;
pub use error::{Mistake as ConfigError, Mistakes as ConfigErrors, Notice};
pub use exporter::{
    Capacity, Compression, Debug, Exporter, ExporterKind, OnFull, OtlpGrpc, OtlpHttp, Queue, Retry, Storage,
    Tls, Verbosity,
};
pub use loops::{Loop, is_own_address, own_listener_loops, resolve};
pub use model::{
    Alias, Attributes, Config, GrpcReceiver, HealthCheck, HttpReceiver, Ledger, LedgerFile, LogEncoding,
    LogLevel, Lookup, Pipeline, Pricetag, Receivers, Redact, Telemetry, Upstream,
};
pub use schema::schema;
pub use spikes::{Spikes, Webhook};
pub use substitute::{Environment, ProcessEnvironment};
pub use values::{ComponentId, Secret};

use error::Report;
use path::Mark;

/// The config that holds when none is given; it doubles as the documentation of every key.
pub const DEFAULT: &str = include_str!("../../config/default.yaml");

/// What messages call [`DEFAULT`].
pub const DEFAULT_NAME: &str = "the embedded default";

impl Config {
    /// The config of a file, or the embedded default, with every `--set` applied.
    pub fn load(
        file: Option<&FilePath>,
        sets: &[String],
        environment: &dyn Environment,
    ) -> Result<Config, ConfigErrors> {
        Config::read(file, sets, environment, |_| true)
    }

    /// The config of a file, or the embedded default, for commands that price and send nothing: what is wrong with the
    /// ends of pipelines, such as a key for an exporter that this shell lacks, is no error of theirs.
    ///
    /// # Errors
    /// The file can not be read, or something else is wrong with it.
    pub fn load_for_prices(
        file: Option<&FilePath>,
        environment: &dyn Environment,
    ) -> Result<Config, ConfigErrors> {
        Config::read(file, &[], environment, |key| {
            !["exporters", "receivers", "extensions"].contains(&key.split('.').next().unwrap_or_default())
        })
    }

    /// The config of a file, or the embedded default, for commands that look into the queue's folder: what is wrong with the exporters
    /// or receivers is no error of theirs.
    ///
    /// # Errors
    /// The file can not be read, or something else is wrong with it.
    pub fn load_for_queue(
        file: Option<&FilePath>,
        environment: &dyn Environment,
    ) -> Result<Config, ConfigErrors> {
        Config::read(file, &[], environment, |key| {
            !["exporters", "receivers"].contains(&key.split('.').next().unwrap_or_default())
        })
    }

    fn read(
        file: Option<&FilePath>,
        sets: &[String],
        environment: &dyn Environment,
        matters: fn(&str) -> bool,
    ) -> Result<Config, ConfigErrors> {
        let Some(file) = file else {
            return Config::parse_for(DEFAULT, DEFAULT_NAME, sets, environment, matters);
        };
        let source = file.display().to_string();
        let read = std::fs::read(file).map_err(|error| error.to_string());
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| format!("not UTF-8 after byte {}", error.utf8_error().valid_up_to()))
        });
        match text {
            Ok(text) => Config::parse_for(&text, &source, sets, environment, matters),
            Err(reason) => Err(ConfigErrors(vec![ConfigError {
                source,
                line: None,
                column: None,
                key: String::new(),
                message: format!("cannot be read: {reason}"),
                remedy: Some("name a YAML file with --config, or none for the embedded default".to_owned()),
            }])),
        }
    }

    /// The config of a text; `source` is what messages call it.
    pub fn parse(
        text: &str,
        source: &str,
        sets: &[String],
        environment: &dyn Environment,
    ) -> Result<Config, ConfigErrors> {
        Config::parse_for(text, source, sets, environment, |_| true)
    }

    /// `matters` says of a key whether what is wrong there is an error.
    fn parse_for(
        text: &str,
        source: &str,
        sets: &[String],
        environment: &dyn Environment,
        matters: fn(&str) -> bool,
    ) -> Result<Config, ConfigErrors> {
        let parsed = yaml::parse(text, |line, column| Mark::File { line, column });
        // Without a tree there is nothing else to find.
        let (mut tree, mut problems) = parsed.map_err(|problem| error::alone(problem, source))?;
        problems.extend(set::apply(&mut tree, sets));
        let mut report = Report::new(tree.clone(), problems);
        substitute::substitute(&mut tree, environment, &mut report);
        foreign::take_out(&mut tree, &mut report);
        let said: raw::Root = de::read(&mut tree, &mut report);
        let config = validate::config(&said, &mut report);
        match report.finish(source, sets) {
            Ok(notices) => Ok(Config { notices, ..config }),
            Err(ConfigErrors(mut wrong)) => {
                wrong.retain(|wrong| matters(&wrong.key));
                if wrong.is_empty() { Ok(config) } else { Err(ConfigErrors(wrong)) }
            }
        }
    }

    /// Every address that is listened on, with a word for it.
    pub fn listeners(&self) -> Vec<(&'static str, &HostPort)> {
        let grpc = self.receivers.grpc.as_ref().map(|grpc| ("gRPC", &grpc.endpoint));
        let http = self.receivers.http.as_ref().map(|http| ("HTTP", &http.endpoint));
        let metrics = self.telemetry.metrics.as_ref().map(|metrics| ("metrics", metrics));
        let health = self.health_check.as_ref().map(|health| ("health", &health.endpoint));
        [grpc, http, metrics, health].into_iter().flatten().collect()
    }
}
