//! The cost metrics, and what was sampled away before.

use crate::attribution::Dimension;
use crate::config::error::{Report, did_you_mean};
use crate::config::path::Path;
use crate::config::{defaults, raw};

/// The most dimensions that are labels: beyond some, nothing but `other` is left.
const MAX_LABELS: usize = 8;

/// The dimensions that are labels, by name. `path` is that of the section.
pub(super) fn labels(
    said: &raw::Metrics,
    dimensions: &[Dimension],
    path: &Path,
    report: &mut Report,
) -> Vec<String> {
    let Some(labels) = &said.labels else { return defaults::METRIC_LABELS.map(str::to_owned).to_vec() };
    let path = path.key("labels");
    for (index, label) in labels.iter().enumerate() {
        let path = path.index(index);
        if !dimensions.iter().any(|dimension| dimension.name == *label) {
            let known = dimensions.iter().map(|dimension| dimension.name.as_str());
            report.wrong(&path, format!("there is no dimension {label:?}"), did_you_mean(label, known));
        } else if labels[..index].contains(label) {
            report.wrong(&path, "this dimension stands here twice", "keep one of the two");
        }
    }
    if labels.len() > MAX_LABELS {
        let message = format!("{} labels, and {MAX_LABELS} is the most", labels.len());
        report.wrong(&path, message, "ask the ledger for the others: it has all dimensions");
    }
    labels.clone()
}

/// The attribute that says how many calls a span stands for. `path` is that of the section.
pub(super) fn sampled(said: &raw::Sampling, path: &Path, report: &mut Report) -> Option<String> {
    let key = said.attribute.as_ref()?;
    if key.trim().is_empty() {
        let remedy = "write a key, as in `SampleRate`, or remove it";
        report.wrong(&path.key("attribute"), "an empty attribute key", remedy);
    }
    Some(key.clone())
}
