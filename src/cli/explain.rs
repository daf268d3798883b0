//! `pricetag explain`: prices trace payloads offline and shows how.

mod human;
mod report;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bytes::Bytes;

pub use report::Report;

use super::layers::Layers;
use crate::otlp::{Signal, json};
use crate::processor::{Now, Processor, Restater, Shared};

/// Prices OTLP trace payloads as one delivery, and shows a receipt for each call.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// One JSON object a line: each call, then a summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layers: Layers,
    /// Payloads: .pb (an ExportTraceServiceRequest), .json (OTLP/JSON, one or several), or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Explain {
    /// Runs it.
    ///
    /// # Errors
    /// A file that can not be read, or is no trace payload.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.layers.config()?;
        let Some(pricetag) = &config.processor else {
            bail!("the config prices nothing; put `pricetag` into the processors of a pipeline of traces")
        };
        let catalog = Arc::new(self.layers.catalog_of(&config)?);
        let shared = Arc::new(Shared::new(&crate::app::settings(pricetag)?, Arc::clone(&catalog)));
        let mut processor = Processor::new(Arc::clone(&shared));
        let mut report = Report::default();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Now { unix_nano: unix.as_nanos() as u64, monotonic: 0 };
        for file in &self.files {
            let body = payload(file).with_context(|| file.display().to_string())?;
            let processed = processor
                .process_with(body, now, |call, outcome, judged, dimensions| {
                    if !judged.again {
                        report.add(call, outcome, judged.verdict, dimensions, &catalog);
                    }
                })
                .with_context(|| format!("{}: not an OTLP trace payload", file.display()))?;
            report.spans += processed.items;
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

/// Reads a payload as protobuf, whatever it is written in.
fn payload(file: &Path) -> anyhow::Result<Bytes> {
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
        return Ok(Bytes::from(body));
    }
    // One request, or one a line as the Collector's file exporter writes them. Requests in a row are, in protobuf,
    // one request with the spans of all.
    let mut requests = Vec::new();
    for value in serde_json::Deserializer::from_slice(&body).into_iter() {
        let value: &serde_json::value::RawValue = value.context("malformed JSON")?;
        requests.extend(json::to_protobuf(Signal::Traces, value.get().as_bytes())?);
    }
    Ok(Bytes::from(requests))
}
