//! `pricetag explain`: prices payloads of traces and logs offline and shows how.

mod human;
mod report;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;

pub use report::Report;

use super::layers::Layers;
use crate::genai::call::Call;
use crate::lookup_files::LookupFiles;
use crate::otlp::{Signal, json};
use crate::processor::{Now, Outcome, Processor, Restater, Shared, Values};
use crate::settlement::Judged;
use crate::time::unix_nano;

/// Prices OTLP payloads as one delivery, and shows a receipt for each call.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// One JSON object a line: each call, then a summary
    #[arg(long)]
    json: bool,
    /// What is protobuf holds log records (an ExportLogsServiceRequest); JSON says by itself what it holds
    #[arg(long)]
    logs: bool,
    #[command(flatten)]
    layers: Layers,
    /// Payloads: .pb (an ExportTraceServiceRequest), .json (OTLP/JSON of traces or logs, one or several), or - for standard
    /// input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Explain {
    /// Runs it.
    ///
    /// # Errors
    /// A file that can not be read, or is no payload.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.layers.config()?;
        let Some(pricetag) = &config.processor else {
            bail!("the config prices nothing; put `pricetag` into the processors of a pipeline of traces")
        };
        let catalog = Arc::new(self.layers.catalog_of(&config)?);
        let settings = crate::app::settings(pricetag)?;
        let lookups = LookupFiles::read(&pricetag.lookups)?.lookups(&settings.attribution)?;
        let shared = Arc::new(Shared::new(&settings, Arc::clone(&catalog)));
        shared.replace_lookups(Arc::new(lookups));
        let mut processor = Processor::new(Arc::clone(&shared));
        let dimensions = shared.dimensions().iter().map(|it| it.name.clone()).collect();
        let mut report = Report { dimensions, ..Report::default() };
        let now = Now { unix_nano: unix_nano(), monotonic: 0 };
        for file in &self.files {
            for (signal, body) in payloads(file, self.logs).with_context(|| file.display().to_string())? {
                let show =
                    |call: &Call<'_>, outcome: &Outcome<'_>, judged: Judged, dimensions: &Values<'_>| {
                        if !judged.again {
                            report.add(call, outcome, judged.verdict, dimensions, &catalog);
                        }
                    };
                let processed = match signal {
                    Signal::Logs => processor.process_logs(body, now, show),
                    _ => processor.process_with(body, now, show),
                };
                let processed = processed.with_context(|| {
                    let hint = if signal == Signal::Traces { "; log records want --logs" } else { "" };
                    format!("{}: not an OTLP payload of {signal}{hint}", file.display())
                })?;
                *(if signal == Signal::Logs { &mut report.records } else { &mut report.spans }) +=
                    processed.items;
            }
        }
        let mut settled = Vec::new();
        shared.open_traces().settle_all(&mut settled);
        report.settle(&settled, &mut Restater::new(&shared, now));

        let text = if self.json { report.to_json_lines() } else { human::receipts(&report) };
        match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Reads payloads as protobuf, whatever they are written in. Protobuf itself does not say whether it holds spans or log
/// records.
fn payloads(file: &Path, logs: bool) -> anyhow::Result<Vec<(Signal, Bytes)>> {
    let mut body = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut body)?;
    } else {
        body = std::fs::read(file).context("can not be read")?;
    }
    let is_json = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json" | "jsonl") => true,
        Some("pb") => false,
        // A protobuf request starts with the tag of its first field, a newline.
        _ => body.trim_ascii_start().first() == Some(&b'{'),
    };
    if !is_json {
        let signal = if logs { Signal::Logs } else { Signal::Traces };
        return Ok(vec![(signal, Bytes::from(body))]);
    }
    // One request, or one a line as the Collector's file exporter writes them. Requests in a row are, in protobuf,
    // one request with the spans of all.
    let mut requests: Vec<(Signal, Vec<u8>)> = Vec::new();
    for value in serde_json::Deserializer::from_slice(&body).into_iter() {
        let value: &serde_json::value::RawValue = value.context("malformed JSON")?;
        let has_logs = serde_json::from_str(value.get()).is_ok_and(|Logs { logs }| logs.is_some());
        let signal = if has_logs { Signal::Logs } else { Signal::Traces };
        let request = json::to_protobuf(signal, value.get().as_bytes())?;
        match requests.last_mut() {
            Some((last, spans)) if *last == signal => spans.extend(request),
            _ => requests.push((signal, request)),
        }
    }
    Ok(requests.into_iter().map(|(signal, body)| (signal, Bytes::from(body))).collect())
}

/// A request of log records has this member.
#[derive(serde::Deserialize)]
struct Logs {
    #[serde(rename = "resourceLogs", alias = "resource_logs")]
    logs: Option<serde::de::IgnoredAny>,
}
