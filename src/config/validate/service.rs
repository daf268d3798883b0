//! Pipelines, extensions and telemetry.

use super::{access, listen, redact};
use crate::config::access::Authenticator;
use crate::config::defaults;
use crate::config::endpoint::HostPort;
use crate::config::error::{Report, did_you_mean};
use crate::config::model::{HealthCheck, Redact, Telemetry};
use crate::config::path::Path;
use crate::config::raw::{self, Components, Extension, MetricsLevel, Processor, Root};
use crate::config::values::ComponentId;
use crate::otlp::Signal;

/// A pipeline whose references exist, with its exporters still by name.
pub(super) struct Named {
    pub(super) id: ComponentId,
    pub(super) signal: Signal,
    pub(super) priced: bool,
    pub(super) redact: Option<Redact>,
    pub(super) receivers: Vec<ComponentId>,
    pub(super) exporters: Vec<ComponentId>,
}

pub(super) fn pipelines(raw: &Root, report: &mut Report) -> Vec<Named> {
    let path = Path::of("service.pipelines");
    let said = raw.service.as_ref().map(|service| service.pipelines.0.as_slice()).unwrap_or_default();
    if said.is_empty() {
        let remedy = "add at least `service: {pipelines: {traces: {receivers: [otlp], processors: [pricetag], \
                      exporters: [...]}}}`";
        report.missing(&path, "", "no pipeline: nothing would be received or sent", remedy);
    }
    let named: Vec<Named> =
        said.iter().filter_map(|(id, pipeline)| named(raw, id, pipeline, report)).collect();
    redact::agree(raw, &named, report);
    let traces = |pipeline: &&Named| pipeline.signal == Signal::Traces;
    if named.iter().any(|pipeline| traces(&pipeline))
        && !named.iter().any(|pipeline| traces(&pipeline) && pipeline.priced)
    {
        let message = "no pipeline of traces has the processor `pricetag`: nothing will be priced; add \
                       `processors: [pricetag]` to it, and `pricetag:` to `processors`";
        report.notice(&path, message);
    }
    unused(
        &raw.receivers,
        "receivers",
        |id| named.iter().any(|pipeline| pipeline.receivers.contains(id)),
        report,
    );
    unused(
        &raw.exporters,
        "exporters",
        |id| named.iter().any(|pipeline| pipeline.exporters.contains(id)),
        report,
    );
    unused(
        &raw.processors,
        "processors",
        |id| {
            let is_batch = matches!(raw.processors.get(id), Some(Processor::Batch));
            is_batch || said.iter().any(|(_, pipeline)| pipeline.processors.contains(id))
        },
        report,
    );
    named
}

fn named(raw: &Root, id: &ComponentId, said: &raw::Pipeline, report: &mut Report) -> Option<Named> {
    let signal = Signal::ALL.into_iter().find(|signal| signal.as_str() == id.kind())?;
    let path = Path::of("service.pipelines").key(id);
    let receivers = defined(&raw.receivers, "receivers", &said.receivers, &path, report);
    let processors = defined(&raw.processors, "processors", &said.processors, &path, report);
    let exporters = defined(&raw.exporters, "exporters", &said.exporters, &path, report);
    if said.receivers.is_empty() {
        report.missing(
            &path,
            "receivers",
            "a pipeline without receivers gets nothing",
            "add `receivers: [otlp]`",
        );
    }
    if said.exporters.is_empty() {
        let remedy = "add `exporters: [...]`, `debug` if there is no other";
        report.missing(&path, "exporters", "a pipeline without exporters goes nowhere", remedy);
    }
    let prices = processors.iter().any(|id| matches!(raw.processors.get(id), Some(Processor::Pricetag(_))));
    if prices && signal == Signal::Metrics {
        report.notice(&path.key("processors"), "pricetag acts on traces and logs: metrics pass as they are");
    }
    let priced = prices && signal != Signal::Metrics;
    let redact = redact::of(raw, signal, &said.processors, &path, report);
    Some(Named { id: id.clone(), signal, priced, redact, receivers, exporters })
}

/// Those of the names that are defined, each once; the others are reported.
fn defined<T>(
    components: &Components<T>,
    section: &str,
    said: &[ComponentId],
    pipeline: &Path,
    report: &mut Report,
) -> Vec<ComponentId> {
    let mut found: Vec<ComponentId> = Vec::new();
    for (index, id) in said.iter().enumerate() {
        let path = pipeline.key(section).index(index);
        if found.contains(id) {
            report.wrong(
                &path,
                format!("{id:?} stands here twice", id = id.to_string()),
                "keep one of the two",
            );
        } else if components.get(id).is_some() {
            found.push(id.clone());
        } else if !report.was_said(&Path::of(section).key(id)) {
            // What was said and is wrong has its error there.
            let names: Vec<String> = components.0.iter().map(|(id, _)| id.to_string()).collect();
            let remedy = did_you_mean(&id.to_string(), names.iter().map(String::as_str));
            let message = format!("{:?} is not defined under `{section}`", id.to_string());
            report.wrong(&path, message, remedy);
        }
    }
    found
}

fn unused<T>(
    components: &Components<T>,
    section: &str,
    is_used: impl Fn(&ComponentId) -> bool,
    report: &mut Report,
) {
    for (id, _) in components.0.iter().filter(|(id, _)| !is_used(id)) {
        report.notice(&Path::of(section).key(id), "defined, but no pipeline uses it, so it is not started");
    }
}

/// The health listener, and what there is to say about the other extensions.
pub(super) fn health_check(raw: &Root, service: &raw::Service, report: &mut Report) -> Option<HealthCheck> {
    let path = Path::of("service");
    let started = defined(&raw.extensions, "extensions", &service.extensions, &path, report);
    let mut health_check = None;
    for (id, extension) in &raw.extensions.0 {
        let path = Path::of("extensions").key(id);
        match extension {
            _ if !started.contains(id) => {
                report.notice(&path, "defined, but not in `service.extensions`, so it is not started");
            }
            Extension::HealthCheck(_) if health_check.is_some() => {
                report.wrong(&path, "a second health_check", "keep one of the two");
            }
            Extension::HealthCheck(said) => {
                let at = path.key("endpoint");
                let endpoint = listen(said.endpoint.as_deref(), defaults::HEALTH_CHECK_ENDPOINT, &at, report);
                let answer_at = said.path.clone().unwrap_or_else(|| "/".to_owned());
                if !answer_at.starts_with('/') {
                    report.wrong(
                        &path.key("path"),
                        "the path does not begin with `/`",
                        "write `/` or `/health`",
                    );
                }
                health_check = Some(HealthCheck { endpoint, path: answer_at });
            }
            // `access` and `storage` have what there is to say of these.
            Extension::BearerTokenAuth(_) | Extension::BasicAuth(_) | Extension::FileStorage(_) => {}
        }
    }
    health_check
}

pub(super) fn telemetry(raw: &Root, known: &[Authenticator], report: &mut Report) -> Telemetry {
    let nothing = raw::Telemetry::default();
    let said = raw.service.as_ref().map_or(&nothing, |service| &service.telemetry);
    let resource =
        said.resource.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let (auth, tls) = (said.metrics.auth.as_ref(), said.metrics.tls.as_ref());
    Telemetry {
        tls: tls.and_then(|tls| access::tls(tls, &Path::of("service.telemetry.metrics.tls"), report)),
        auth: access::auth(auth, &Path::of("service.telemetry.metrics.auth"), raw, known, report),
        metrics: metrics(said, report).filter(|_| said.metrics.level != Some(MetricsLevel::None)),
        log_level: said.logs.level.unwrap_or_default(),
        log_encoding: said.logs.encoding.unwrap_or_default(),
        resource,
    }
}

fn metrics(said: &raw::Telemetry, report: &mut Report) -> Option<HostPort> {
    let path = Path::of("service.telemetry.metrics");
    let said = &said.metrics;
    let Some(readers) = &said.readers else {
        return Some(listen(
            said.address.as_deref(),
            defaults::METRICS_ENDPOINT,
            &path.key("address"),
            report,
        ));
    };
    let path_of_readers = path.key("readers");
    if said.address.is_some() {
        report.wrong(&path.key("address"), "`address` and `readers` say the same", "keep one of the two");
    }
    match readers.as_slice() {
        // As in the Collector: a list without readers is nobody reading.
        [] => None,
        [reader] => match &reader.pull.exporter.prometheus {
            Some(prometheus) => {
                let (host, port) = defaults::METRICS_ENDPOINT;
                let host = prometheus.host.as_deref().unwrap_or(host);
                Some(HostPort::new(host, prometheus.port.unwrap_or(port)))
            }
            None => {
                let remedy =
                    "write `readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]`";
                report.missing(&path_of_readers, "", "a reader without `pull.exporter.prometheus`", remedy);
                None
            }
        },
        _ => {
            report.wrong(
                &path_of_readers,
                "more than one reader",
                "keep one: pricetag serves metrics at one address",
            );
            None
        }
    }
}
