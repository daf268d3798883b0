//! The destinations.

use std::time::Duration;

use super::access::{A_PEM_FILE, readable, reload_interval};
use super::service::Named;
use super::storage;
use crate::config::endpoint::{GrpcTarget, HostPort, join, url};
use crate::config::error::Report;
use crate::config::exporter::{
    Capacity, Compression, Debug, Exporter, ExporterKind, OtlpGrpc, OtlpHttp, Queue, Retry, Storage, Tls,
};
use crate::config::model::Pipeline;
use crate::config::path::Path;
use crate::config::raw::{self, Batch, BatchSizer, Headers, QueueSizer, RetryOnFailure, Root, SendingQueue};
use crate::config::values::{GoDuration, Secret};
use crate::config::{OnFull, defaults};
use crate::otlp::Signal;
use crate::otlp::split::Limit;

/// The exporters that are used, and the pipelines with indices into them.
pub(super) fn exporters(
    raw: &Root,
    pipelines: Vec<Named>,
    report: &mut Report,
) -> (Vec<Exporter>, Vec<Pipeline>) {
    let mut exporters = Vec::new();
    // What a console has: nothing is shown again.
    let in_memory = SendingQueue { storage: Some(storage::MEMORY.to_owned()), ..SendingQueue::default() };
    let never = RetryOnFailure { enabled: Some(false), ..RetryOnFailure::default() };
    for (id, said) in &raw.exporters.0 {
        let mut signals: Vec<Signal> =
            pipelines.iter().filter(|pipeline| pipeline.exporters.contains(id)).map(|p| p.signal).collect();
        signals.sort_unstable();
        signals.dedup();
        let path = Path::of("exporters").key(id);
        // One that is not used is checked all the same: it will be used one day.
        let (kind, queue, retries) = match said {
            raw::Exporter::OtlpGrpc(said) => (
                grpc(said, &path, report).map(ExporterKind::OtlpGrpc),
                queue(raw, &said.sending_queue, &path.key("sending_queue"), report),
                &said.retry_on_failure,
            ),
            raw::Exporter::OtlpHttp(said) => (
                http(said, &signals, &path, report).map(|http| ExporterKind::OtlpHttp(Box::new(http))),
                queue(raw, &said.sending_queue, &path.key("sending_queue"), report),
                &said.retry_on_failure,
            ),
            raw::Exporter::Debug(said) => (
                Some(ExporterKind::Debug(Debug { verbosity: said.verbosity.unwrap_or_default() })),
                // A console that stalls must hold up nobody.
                Queue { on_full: OnFull::Drop, ..queue(raw, &in_memory, &path, report) },
                &never,
            ),
        };
        let retry = retry(retries, queue.storage, &path.key("retry_on_failure"), report);
        if let (Some(kind), false) = (kind, signals.is_empty()) {
            exporters.push(Exporter { id: id.clone(), kind, queue, retry });
        }
    }
    let place = |id| exporters.iter().position(|exporter| exporter.id == id);
    let pipelines = pipelines
        .into_iter()
        .map(|Named { id, signal, priced, redact, exporters, .. }| {
            let exporters = exporters.into_iter().filter_map(place).collect();
            Pipeline { id, signal, priced, redact, exporters }
        })
        .collect();
    (exporters, pipelines)
}

fn grpc(said: &raw::OtlpGrpc, path: &Path, report: &mut Report) -> Option<OtlpGrpc> {
    let encryption = tls(&said.tls, &path.key("tls"), report);
    let headers = headers(&said.headers, &path.key("headers"), report);
    for (name, _) in &headers {
        if name.as_str().starts_with("grpc-") || name.as_str().ends_with("-bin") {
            let message = "gRPC keeps names that begin with `grpc-` or end in `-bin` to itself";
            report.wrong(&path.key("headers"), message, format!("remove {:?}", name.as_str()));
        }
    }
    let Some(endpoint) = said.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
        no_endpoint(path, "localhost:14317", report);
        return None;
    };
    let target = match GrpcTarget::parse(endpoint) {
        Ok(target) => target,
        Err((message, remedy)) => {
            report.wrong(&path.key("endpoint"), message, remedy);
            return None;
        }
    };
    let is_plain = target.tls == Some(false) || (target.tls.is_none() && said.tls.insecure == Some(true));
    if is_plain && (encryption.files().next().is_some() || encryption.server_name.is_some()) {
        let message = "certificates, and no TLS for them";
        let remedy = "remove `insecure` (or the `http://`), or remove the files and `server_name_override`";
        report.wrong(&path.key("tls"), message, remedy);
    }
    Some(OtlpGrpc {
        address: target.address,
        tls: (!is_plain).then_some(encryption),
        headers,
        compression: compression(said.compression),
        timeout: timeout(said.timeout, defaults::GRPC_TIMEOUT),
    })
}

fn no_endpoint(path: &Path, example: &str, report: &mut Report) {
    report.missing(
        path,
        "endpoint",
        "the endpoint is missing",
        format!("say where to send, as in `endpoint: {example}`"),
    );
}

fn http(said: &raw::OtlpHttp, signals: &[Signal], path: &Path, report: &mut Report) -> Option<OtlpHttp> {
    let tls = tls(&said.tls, &path.key("tls"), report);
    let headers = headers(&said.headers, &path.key("headers"), report);
    let base = said.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
    if let Some(Err((message, remedy))) = base.map(url) {
        report.wrong(&path.key("endpoint"), message, remedy);
        return None;
    }
    let mut urls = Signal::ALL.map(|signal| {
        let (key, own) = match signal {
            Signal::Traces => ("traces_endpoint", &said.traces_endpoint),
            Signal::Metrics => ("metrics_endpoint", &said.metrics_endpoint),
            Signal::Logs => ("logs_endpoint", &said.logs_endpoint),
        };
        let (key, joined) = match (own.as_deref().filter(|own| !own.is_empty()), base) {
            (Some(own), _) => (key, url(own)),
            (None, Some(base)) => ("endpoint", join(base, &format!("/v1/{signal}"))),
            (None, None) if signals.contains(&signal) => {
                let remedy = format!("add `endpoint: http://localhost:14318` for all signals, or `{key}`");
                let message = format!("the endpoint for {signal} is missing, and a pipeline brings them");
                report.missing(path, "endpoint", message, remedy);
                return None;
            }
            (None, None) => return None,
        };
        joined.map_err(|(message, remedy)| report.wrong(&path.key(key), message, remedy)).ok()
    });
    if urls.iter().all(Option::is_none) && signals.is_empty() {
        no_endpoint(path, "http://localhost:14318", report);
    }
    let [traces, metrics, logs] = urls.each_mut().map(Option::take);
    let compression = compression(said.compression);
    Some(OtlpHttp {
        traces,
        metrics,
        logs,
        tls,
        headers,
        compression,
        timeout: timeout(said.timeout, defaults::HTTP_TIMEOUT),
    })
}

fn tls(said: &raw::Tls, path: &Path, report: &mut Report) -> Tls {
    let files = [("ca_file", &said.ca_file), ("cert_file", &said.cert_file), ("key_file", &said.key_file)];
    for (key, file) in files {
        if let Some(file) = file {
            readable(file, key, path, A_PEM_FILE, report);
        }
    }
    if said.cert_file.is_some() != said.key_file.is_some() {
        let absent = if said.cert_file.is_some() { "key_file" } else { "cert_file" };
        let message = "a certificate needs its key, and the key its certificate";
        report.missing(path, absent, message, format!("add `{absent}`, or remove the other one"));
    }
    if let Some(name) = &said.server_name_override
        && (name.is_empty() || HostPort::listen(&format!("{name}:1")).is_err())
    {
        report.wrong(
            &path.key("server_name_override"),
            "no host name",
            "write a name without port, as in `api.example.com`",
        );
    }
    Tls {
        ca_file: said.ca_file.clone(),
        identity: said.cert_file.clone().zip(said.key_file.clone()),
        reload_interval: reload_interval(said.reload_interval, path, report),
        server_name: said.server_name_override.clone(),
    }
}

pub(super) fn headers(said: &Headers, path: &Path, report: &mut Report) -> Vec<(http::HeaderName, Secret)> {
    let mut headers: Vec<(http::HeaderName, Secret)> = Vec::new();
    for (name, value) in &said.0 {
        // The list form has no key to point at; then the whole list is pointed at.
        let path = path.key(name);
        let Ok(header) = name.parse::<http::HeaderName>() else {
            report.wrong(&path, format!("{name:?} is no header name"), "use letters, digits and `-`");
            continue;
        };
        if http::HeaderValue::from_str(value.expose()).is_err() || !value.expose().is_ascii() {
            // Without the value: it may be a secret.
            let message = "the value has characters that no header can carry";
            report.wrong(
                &path,
                message,
                "check for a line break at the end of the variable or the quoted text",
            );
        } else if value.expose().is_empty() {
            report.notice(&path, "the value is empty: is the variable that it comes from set?");
        }
        if headers.iter().any(|(other, _)| *other == header) {
            report.wrong(
                &path,
                "this header stands here twice",
                "keep one of the two: case makes no difference",
            );
        } else {
            headers.push((header, value.clone()));
        }
    }
    headers
}

fn compression(said: Option<raw::Compression>) -> Compression {
    match said {
        Some(raw::Compression::None) => Compression::None,
        Some(raw::Compression::Gzip) | None => Compression::Gzip,
        Some(raw::Compression::Zstd) => Compression::Zstd,
    }
}

/// As in the Collector, zero is for ever.
fn timeout(said: Option<GoDuration>, default: Duration) -> Option<Duration> {
    Some(said.map_or(default, |said| said.0)).filter(|timeout| !timeout.is_zero())
}

fn queue(raw: &Root, said: &SendingQueue, path: &Path, report: &mut Report) -> Queue {
    if said.enabled == Some(false) {
        report.notice(
            &path.key("enabled"),
            "pricetag always has a queue: it answers the sender when all queues have the request",
        );
    }
    if said.queue_size == Some(0) {
        report.wrong(
            &path.key("queue_size"),
            "a queue without room",
            "write a number above 0, or remove the key for the default",
        );
    }
    if said.num_consumers.is_some_and(|number| !(1..=defaults::MAX_CONSUMERS).contains(&number)) {
        let message = format!("not between 1 and {}", defaults::MAX_CONSUMERS);
        report.wrong(
            &path.key("num_consumers"),
            message,
            "write how many requests are under way at once, as in 10",
        );
    }
    let storage = storage::of(raw, said.storage.as_deref(), &path.key("storage"), report);
    let size = said.queue_size.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let capacity = match (said.sizer, size, storage) {
        (Some(QueueSizer::Bytes), Some(size), _) => Capacity::Bytes(size),
        (Some(QueueSizer::Requests) | None, Some(size), _) => Capacity::Requests(size),
        (_, None, Storage::Disk | Storage::Relaxed) => Capacity::Bytes(defaults::QUEUE_DISK_BYTES),
        (Some(QueueSizer::Bytes), None, Storage::Memory) => Capacity::Bytes(defaults::QUEUE_BYTES),
        (_, None, Storage::Memory) => Capacity::Requests(defaults::QUEUE_REQUESTS),
    };
    let consumers = said.num_consumers.map_or(defaults::QUEUE_CONSUMERS, |number| number as usize);
    let on_full = said.on_full.unwrap_or_default();
    Queue {
        capacity,
        consumers,
        on_full,
        storage,
        storage_is_said: said.storage.is_some(),
        limit: limit(&said.batch),
    }
}

/// As in the Collector, zero is no limit.
fn limit(said: &Batch) -> Limit {
    match (said.max_size.filter(|size| *size > 0), said.sizer.unwrap_or_default()) {
        (None, _) => Limit::NONE,
        (Some(items), BatchSizer::Items) => Limit { items, ..Limit::NONE },
        (Some(bytes), BatchSizer::Bytes) => {
            Limit { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), ..Limit::NONE }
        }
    }
}

fn retry(said: &RetryOnFailure, storage: Storage, path: &Path, report: &mut Report) -> Option<Retry> {
    // What a disk holds is not to be thrown away because a backend is down for long.
    let for_long = if storage.is_on_disk() { Duration::ZERO } else { defaults::RETRY_MAX_ELAPSED_TIME };
    let duration = |said: Option<GoDuration>, default| said.map_or(default, |said| said.0);
    let retry = Retry {
        initial_interval: duration(said.initial_interval, defaults::RETRY_INITIAL_INTERVAL),
        randomization_factor: said.randomization_factor.unwrap_or(defaults::RETRY_RANDOMIZATION_FACTOR),
        multiplier: said.multiplier.unwrap_or(defaults::RETRY_MULTIPLIER),
        max_interval: duration(said.max_interval, defaults::RETRY_MAX_INTERVAL),
        max_elapsed_time: Some(duration(said.max_elapsed_time, for_long)).filter(|time| !time.is_zero()),
    };
    if retry.initial_interval.is_zero() {
        let remedy = "write the first wait, as in 5s";
        report.wrong(
            &path.key("initial_interval"),
            "attempts without a wait would flood the backend",
            remedy,
        );
    }
    if !(0.0..=1.0).contains(&retry.randomization_factor) {
        report.wrong(&path.key("randomization_factor"), "not between 0 and 1", "write a number as in 0.5");
    }
    if !(1.0..=100.0).contains(&retry.multiplier) {
        report.wrong(&path.key("multiplier"), "not between 1 and 100", "write a number as in 1.5");
    }
    if let Some(longest) = retry.max_elapsed_time
        && longest < retry.initial_interval
    {
        let remedy = "make it longer than `initial_interval`, or 0 for ever";
        report.wrong(&path.key("max_elapsed_time"), "given up before the first wait is over", remedy);
    }
    (said.enabled != Some(false)).then_some(retry)
}
