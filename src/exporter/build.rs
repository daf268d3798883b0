//! From an exporter's config to its client.

use std::time::Duration;

use http::HeaderValue;

use super::debug::{DebugExporter, Verbosity};
use super::grpc::{GrpcClient, GrpcSettings};
use super::http::{HttpClient, HttpSettings};
use super::redact::Redactor;
use super::retry::RetrySettings;
use super::{BuildError, Client, Compression, Header, TlsSettings};
use crate::config::{self, Config, ExporterKind, Secret};
use crate::otlp::Signal;
use crate::redaction::Redaction;
use crate::telemetry::Telemetry;

/// Where debug exporters write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// To the console.
    #[default]
    Stdout,
    /// Nowhere: something else has the console.
    Nowhere,
}

/// Makes the client of an exporter, without connecting; `tls` is what stands in the files that its config names.
///
/// # Errors
/// [`BuildError`]: an endpoint or a certificate that can not be used.
///
/// # Panics
/// Outside of a tokio runtime, where the connection's task is spawned.
pub fn client(
    exporter: &config::Exporter,
    tls: TlsSettings,
    debug_output: Output,
) -> Result<Client, BuildError> {
    Ok(match &exporter.kind {
        ExporterKind::OtlpGrpc(grpc) => Client::Grpc(GrpcClient::new(GrpcSettings {
            endpoint: grpc.url().parse().map_err(|_| BuildError::Endpoint(grpc.url()))?,
            tls: grpc.tls.is_some().then_some(tls),
            headers: headers(&grpc.headers)?,
            compression: compression(grpc.compression),
            timeout: grpc.timeout.unwrap_or(Duration::ZERO),
        })?),
        ExporterKind::OtlpHttp(http) => Client::Http(HttpClient::new(HttpSettings {
            endpoint: None,
            traces_endpoint: http.traces.clone(),
            metrics_endpoint: http.metrics.clone(),
            logs_endpoint: http.logs.clone(),
            tls,
            headers: headers(&http.headers)?,
            compression: compression(http.compression),
            timeout: http.timeout.unwrap_or(Duration::ZERO),
        })?),
        ExporterKind::Debug(debug) => {
            let verbosity = match debug.verbosity {
                config::Verbosity::Basic => Verbosity::Basic,
                config::Verbosity::Normal => Verbosity::Normal,
                config::Verbosity::Detailed => Verbosity::Detailed,
            };
            Client::Debug(match debug_output {
                Output::Stdout => DebugExporter::new(verbosity),
                Output::Nowhere => DebugExporter::to(std::io::sink(), verbosity),
            })
        }
    })
}

/// What an exporter drops, by signal: what any of the pipelines into it does, for they all do the same.
pub fn redactors(config: &Config, exporter: usize, telemetry: &Telemetry) -> [Option<Redactor>; 3] {
    Signal::ALL.map(|signal| {
        let leads = |it: &&config::Pipeline| it.signal == signal && it.exporters.contains(&exporter);
        let redact = config.pipelines.iter().filter(leads).find_map(|pipeline| pipeline.redact.as_ref())?;
        let metrics = telemetry.redact(&redact.id.to_string(), &config.exporters[exporter].id.to_string());
        Some(Redactor::new(Redaction::new(&redact.drop), metrics))
    })
}

/// How an exporter tries again.
pub fn retry(exporter: &config::Exporter) -> RetrySettings {
    match &exporter.retry {
        None => RetrySettings { enabled: false, ..RetrySettings::default() },
        Some(retry) => RetrySettings {
            enabled: true,
            initial_interval: retry.initial_interval,
            randomization_factor: retry.randomization_factor,
            multiplier: retry.multiplier,
            max_interval: retry.max_interval,
            // Zero is "for ever" there, as in the Collector.
            max_elapsed_time: retry.max_elapsed_time.unwrap_or(Duration::ZERO),
        },
    }
}

fn compression(compression: config::Compression) -> Compression {
    match compression {
        config::Compression::None => Compression::None,
        config::Compression::Gzip => Compression::Gzip,
        config::Compression::Zstd => Compression::Zstd,
    }
}

fn headers(headers: &[(http::HeaderName, Secret)]) -> Result<Vec<Header>, BuildError> {
    headers
        .iter()
        .map(|(name, secret)| {
            let mut value =
                HeaderValue::from_str(secret.expose()).map_err(|_| BuildError::Header(name.to_string()))?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        })
        .collect()
}
