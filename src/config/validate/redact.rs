//! What is dropped before requests leave.

use super::service::Named;
use crate::config::error::Report;
use crate::config::model::Redact;
use crate::config::path::Path;
use crate::config::raw::{self, Processor, Root};
use crate::config::values::ComponentId;
use crate::otlp::Signal;
use crate::redaction::MESSAGES;

/// Checks the keys of a processor. `path` is that of the processor.
pub(super) fn check(said: &raw::Redact, path: &Path, report: &mut Report) {
    let list = path.key("drop");
    if said.drop.is_empty() {
        let remedy = "write what is to go, as in `drop: [messages, \"user.*\"]`, or remove the processor";
        report.missing(path, "drop", "this drops nothing", remedy);
    }
    for (index, key) in said.drop.iter().enumerate() {
        let path = list.index(index);
        if key.trim().is_empty() {
            report.wrong(&path, "an empty attribute key", "write a key, as in `user.id`");
        } else if key.trim() != key {
            report.wrong(&path, "a key with spaces around it matches nothing", "remove the spaces");
        } else if key.bytes().all(|byte| byte == b'*') {
            let remedy = "write a beginning, as in `user.*`, or remove the exporter from this pipeline";
            report.wrong(&path, "this drops every attribute, what pricetag writes as well", remedy);
        } else if said.drop[..index].contains(key) {
            report.wrong(&path, "this key stands here twice", "keep one of the two");
        } else if key != MESSAGES && strsim::damerau_levenshtein(key, MESSAGES) <= 2 {
            report.notice(&path, format!("an attribute of this name; the group is called `{MESSAGES}`"));
        }
    }
}

/// What a pipeline drops.
pub(super) fn of(
    raw: &Root,
    signal: Signal,
    processors: &[ComponentId],
    pipeline: &Path,
    report: &mut Report,
) -> Option<Redact> {
    let list = pipeline.key("processors");
    let mut found: Option<Redact> = None;
    for (index, id) in processors.iter().enumerate() {
        let Some(Processor::Redact(said)) = raw.processors.get(id) else { continue };
        // One that stands there twice is one mistake, and told.
        if processors[..index].contains(id) {
            continue;
        }
        let path = list.index(index);
        let prices = |id: &ComponentId| matches!(raw.processors.get(id), Some(Processor::Pricetag(_)));
        if signal == Signal::Metrics {
            report.wrong(
                &path,
                "metrics are not redacted: without a label, series that it tells apart would be one",
                "remove it here; keep from this exporter the metrics that it may not have",
            );
        } else if processors[index..].iter().any(prices) {
            report.wrong(
                &path,
                "this stands before pricetag, and requests are priced before anything is dropped",
                format!("write it behind, as in `processors: [pricetag, {id}]`"),
            );
        } else if let Some(first) = &found {
            let remedy = format!("put all keys into one of the two, {} or {id}", first.id);
            report.wrong(&path, "a second processor that drops attributes", remedy);
        } else {
            found = Some(Redact { id: id.clone(), drop: said.drop.clone() });
        }
    }
    found
}

/// An exporter gets a request of a signal once, whatever pipelines lead to it: they must drop the same. That its other signal has
/// messages which this one has not may be meant, and is mentioned.
pub(super) fn agree(raw: &Root, pipelines: &[Named], report: &mut Report) {
    for (index, pipeline) in pipelines.iter().enumerate() {
        for exporter in &pipeline.exporters {
            let path = place(raw, pipeline, exporter);
            let leads = |other: &&Named| other.exporters.contains(exporter);
            let is_same = |other: &&Named| other.signal == pipeline.signal;
            if let Some(other) = pipelines[..index]
                .iter()
                .find(|other| leads(other) && is_same(other) && id(other) != id(pipeline))
            {
                let message = format!(
                    "{exporter} gets these {} from {} too, and the two do not drop the same",
                    pipeline.signal, other.id
                );
                let remedy =
                    "give both pipelines the same `redact` processor, or each an exporter of its own";
                report.wrong(&path, message, remedy);
                continue;
            }
            let has_messages =
                |other: &&Named| other.signal != Signal::Metrics && !drops_messages(other) && leads(other);
            if let Some(redact) = pipeline.redact.as_ref().filter(|_| drops_messages(pipeline))
                && let Some(other) = pipelines.iter().find(|other| has_messages(other) && !is_same(other))
            {
                let message = format!(
                    "{} drops messages from {}, but those in {} reach {exporter} through {}",
                    redact.id, pipeline.signal, other.signal, other.id
                );
                report.notice(&path, message);
            }
        }
    }
}

/// Where a pipeline names an exporter.
fn place(raw: &Root, pipeline: &Named, exporter: &ComponentId) -> Path {
    let path = Path::of("service.pipelines").key(&pipeline.id).key("exporters");
    let said = raw.service.as_ref().and_then(|service| service.pipelines.get(&pipeline.id));
    let place = said.and_then(|said| said.exporters.iter().position(|id| id == exporter));
    place.map_or(path.clone(), |place| path.index(place))
}

fn id(pipeline: &Named) -> Option<&ComponentId> {
    pipeline.redact.as_ref().map(|redact| &redact.id)
}

fn drops_messages(pipeline: &Named) -> bool {
    pipeline.redact.as_ref().is_some_and(|redact| redact.drop.iter().any(|key| key == MESSAGES))
}
