//! From what was said to what it means: defaults filled in, references resolved, contradictions found.

mod access;
mod beyond;
mod dimensions;
mod exporters;
mod ledger;
mod margin;
mod memory;
mod metrics;
mod receivers;
mod redact;
mod service;
mod spikes;
mod storage;

use std::time::Duration;

use super::defaults;
use super::endpoint::HostPort;
use super::error::Report;
use super::model::{Alias, Config, Pricetag};
use super::path::Path;
use super::raw::{Processor, Receiver, Root};
use super::values::ComponentId;
use crate::otlp::Signal;

/// The meaning of a config; what is wrong with it goes into the report, and then the result is not used.
pub(super) fn config(raw: &Root, report: &mut Report) -> Config {
    let service = raw.service.as_ref();
    let pipelines = service::pipelines(raw, report);
    let known = access::authenticators(raw, report);
    let receivers = receivers::receivers(raw, &pipelines, &known, report);
    let (exporters, pipelines) = exporters::exporters(raw, pipelines, report);
    let priced = pipelines.iter().any(|pipeline| pipeline.priced);
    let processor = processor(raw, report).filter(|_| priced);
    if pipelines.iter().any(|it| it.priced && it.signal == Signal::Traces)
        && !pipelines.iter().any(|it| it.priced && it.signal == Signal::Logs)
        && raw.processors.0.iter().any(|(_, processor)| asks_whose(processor))
    {
        let message = "no pipeline of logs has the processor `pricetag`: the events that tell whose money a whole trace was \
                       go nowhere; add one with `processors: [pricetag]`";
        report.notice(&Path::of("service.pipelines"), message);
    }
    let health_check = service.and_then(|service| service::health_check(raw, service, report));
    let telemetry = service::telemetry(raw, &known, report);
    let queue_folder = storage::folder(raw, report);
    let memory = memory::memory(raw, report);
    let config = Config {
        receivers,
        processor,
        exporters,
        pipelines,
        telemetry,
        memory,
        health_check,
        queue_folder,
        notices: Vec::new(),
    };
    listeners_differ(raw, &config, report);
    access::unused(raw, &config, report);
    access::nameless(raw, &config, report);
    beyond::notices(raw, &config, report);
    config
}

/// Whether a config says anything of whose money it is.
fn asks_whose(processor: &Processor) -> bool {
    matches!(processor, Processor::Pricetag(said) if !said.dimensions.is_empty()
        || !said.lookups.is_empty()
        || !said.actions.names.is_empty())
}

fn processor(raw: &Root, report: &mut Report) -> Option<Pricetag> {
    let mut found: Option<(&ComponentId, Pricetag)> = None;
    for (id, processor) in &raw.processors.0 {
        let path = Path::of("processors").key(id);
        match processor {
            Processor::Pricetag(_) if found.is_some() => {
                let first = found.as_ref().map(|(id, _)| id.to_string()).unwrap_or_default();
                report.wrong(
                    &path,
                    "a second pricetag",
                    format!("keep one of the two: {first:?} serves all pipelines"),
                );
            }
            Processor::Redact(said) => redact::check(said, &path, report),
            Processor::Pricetag(said) => found = Some((id, pricetag(said, &path, report))),
            Processor::Batch => {
                report.notice(&path, "accepted and not needed: pricetag forwards each request as it came");
            }
            // `memory` has what there is to say of it.
            Processor::MemoryLimiter(_) => {}
        }
    }
    found.map(|(_, pricetag)| pricetag)
}

fn pricetag(said: &super::raw::Pricetag, path: &Path, report: &mut Report) -> Pricetag {
    let mut aliases = Vec::new();
    for (index, alias) in said.aliases.as_deref().unwrap_or(&Alias::ALL).iter().enumerate() {
        if aliases.contains(alias) {
            report.wrong(
                &path.key("aliases").index(index),
                "this alias stands here twice",
                "keep one of the two",
            );
        } else {
            aliases.push(*alias);
        }
    }
    for (key, files) in [("prices", &said.prices), ("dialects", &said.dialects)] {
        for (index, file) in files.iter().enumerate() {
            let path = path.key(key).index(index);
            if file.as_os_str().is_empty() {
                report.wrong(&path, "an empty file name", "name a file, or remove the entry");
            } else if files[..index].contains(file) {
                report.wrong(&path, "this file stands here twice", "keep one of the two");
            }
        }
    }
    let max_open_traces_bytes = match said.max_open_traces_mib {
        None => defaults::MAX_OPEN_TRACES_BYTES,
        Some(mib) => mebibytes(mib, &path.key("max_open_traces_mib"), report),
    };
    let settle_after = said.settle_after.map_or(defaults::SETTLE_AFTER, |duration| duration.0);
    let hold = said.hold.map_or(Duration::ZERO, |duration| duration.0);
    if hold > settle_after {
        let remedy = "write a shorter time, or make `settle_after` longer";
        report.wrong(
            &path.key("hold"),
            "what comes after a trace has settled says nothing of its calls",
            remedy,
        );
    }
    let max_held_bytes = match said.max_held_mib {
        None => defaults::MAX_HELD_BYTES,
        Some(mib) => mebibytes(mib, &path.key("max_held_mib"), report),
    };
    let dimensions = dimensions::dimensions(said, path, report);
    Pricetag {
        attributes: said.attributes.unwrap_or_default(),
        aliases,
        prices: said.prices.clone(),
        prices_stale_after: said
            .prices_stale_after
            .map_or(defaults::PRICES_STALE_AFTER, |duration| duration.0),
        dialects: said.dialects.clone(),
        reported: said.reported.unwrap_or_default(),
        upstream: said.upstream.unwrap_or_default(),
        settle_after,
        hold,
        max_held_bytes,
        max_open_traces_bytes,
        lookups: dimensions::lookups(&said.lookups, &dimensions, &path.key("lookups"), report),
        metric_labels: metrics::labels(&said.metrics, &dimensions, &path.key("metrics"), report),
        sampled: metrics::sampled(&said.sampling, &path.key("sampling"), report),
        margin: margin::margin(said, &dimensions, path, report),
        spikes: said
            .spikes
            .as_ref()
            .map(|said| spikes::spikes(said, &dimensions, &path.key("spikes"), report)),
        dimensions,
        hash_key: said.hash_key.clone(),
        actions: dimensions::actions(&said.actions, &path.key("actions"), report),
        ledger: ledger::ledger(&said.ledger, &path.key("ledger"), report),
    }
}

/// A size in MiB as bytes; zero is no size.
fn mebibytes(mib: u32, path: &Path, report: &mut Report) -> usize {
    if mib == 0 {
        report.wrong(
            path,
            "0 MiB leaves no room",
            "write a size in MiB, as in 64, or remove the key for the default",
        );
    }
    (mib as usize).saturating_mul(defaults::MIB)
}

/// An address to listen on, or the default.
fn listen(said: Option<&str>, default: (&str, u16), path: &Path, report: &mut Report) -> HostPort {
    let default = HostPort::new(default.0, default.1);
    match said.map(HostPort::listen) {
        None => default,
        Some(Ok(address)) => address,
        Some(Err((message, remedy))) => {
            report.wrong(path, message, remedy);
            default
        }
    }
}

/// Two listeners of one config cannot have one address. Hosts are compared as written: what names mean
/// is known only when they are bound, and then the system says it.
fn listeners_differ(raw: &Root, config: &Config, report: &mut Report) {
    let mut taken: Vec<(String, HostPort)> = Vec::new();
    for (what, address) in config.listeners() {
        if let Some((other, _)) = taken
            .iter()
            .find(|(_, taken)| taken.port == address.port && address.port != 0 && overlap(taken, address))
        {
            let message =
                format!("the {what} listener has the same address as the {other} listener, {address}");
            let path = listener_path(raw, what);
            report.wrong(&path, message, "give one of the two another port");
        } else {
            taken.push((what.to_owned(), address.clone()));
        }
    }
}

fn overlap(one: &HostPort, other: &HostPort) -> bool {
    let is_everywhere = |host: &str| matches!(host, "0.0.0.0" | "::");
    let plain = |host: &str| if host == "localhost" { "127.0.0.1".to_owned() } else { host.to_lowercase() };
    is_everywhere(&one.host) || is_everywhere(&other.host) || plain(&one.host) == plain(&other.host)
}

/// The key that says where a listener is, for messages.
fn listener_path(raw: &Root, what: &str) -> Path {
    let protocol = match what {
        "gRPC" => "grpc",
        "HTTP" => "http",
        "health" => {
            let id = raw.extensions.0.iter().find(|(id, _)| id.kind() == "health_check");
            let path = Path::of("extensions");
            return id.map_or(path.clone(), |(id, _)| path.key(id)).key("endpoint");
        }
        _ => return Path::of("service.telemetry.metrics.address"),
    };
    let id = raw.receivers.0.iter().find(|(_, Receiver::Otlp(otlp))| match protocol {
        "grpc" => otlp.protocols.grpc.is_some(),
        _ => otlp.protocols.http.is_some(),
    });
    let path = Path::of("receivers");
    id.map_or(path.clone(), |(id, _)| path.key(id)).key("protocols").key(protocol).key("endpoint")
}
