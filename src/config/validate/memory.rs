//! The limit of all memory together.

use crate::config::connections::{MemoryLimit, Share};
use crate::config::defaults;
use crate::config::error::Report;
use crate::config::path::Path;
use crate::config::raw::{MemoryLimiter, Processor, Root};

/// What the limiter says that some pipeline uses; the process has one memory, so there is one for all pipelines.
pub(super) fn memory(raw: &Root, report: &mut Report) -> MemoryLimit {
    let pipelines = raw.service.as_ref().map(|service| service.pipelines.0.as_slice()).unwrap_or_default();
    let mut found = None;
    for (id, processor) in &raw.processors.0 {
        let Processor::MemoryLimiter(said) = processor else { continue };
        let path = Path::of("processors").key(id);
        let limit = limit(said, &path, report);
        if !pipelines.iter().any(|(_, pipeline)| pipeline.processors.contains(id)) {
            continue;
        }
        if found.replace(limit).is_some() {
            report.wrong(
                &path,
                "a second memory_limiter",
                "keep one of the two: all pipelines have one memory",
            );
        }
    }
    found.unwrap_or_default()
}

fn limit(said: &MemoryLimiter, path: &Path, report: &mut Report) -> MemoryLimit {
    let default = MemoryLimit::default();
    // As in the Collector zero is nothing said, and MiB come before percents.
    let mut share = |mib: Option<u32>, percent: Option<u32>, key: &str| match (mib, percent) {
        (Some(mib @ 1..), _) => Some(Share::Bytes((mib as usize).saturating_mul(defaults::MIB))),
        (_, Some(percent @ 1..)) => {
            if percent > 100 {
                let message = format!("{percent}% is more than there is");
                report.wrong(&path.key(key), message, "write a number from 1 to 100, as in 75");
            }
            Some(Share::Percent(percent))
        }
        _ => None,
    };
    let limit = share(said.limit_mib, said.limit_percentage, "limit_percentage").unwrap_or(default.limit);
    let spike = share(said.spike_limit_mib, said.spike_limit_percentage, "spike_limit_percentage");
    let is_more = match (limit, spike) {
        (Share::Bytes(limit), Some(Share::Bytes(spike))) => spike >= limit,
        (Share::Percent(limit), Some(Share::Percent(spike))) => spike >= limit,
        _ => false,
    };
    if is_more {
        let key = if matches!(limit, Share::Bytes(_)) { "spike_limit_mib" } else { "spike_limit_percentage" };
        report.wrong(
            &path.key(key),
            "as much as the limit, or more: every request would be refused",
            "write less than the limit, or remove the key for a fifth of it",
        );
    }
    let check_interval =
        said.check_interval.map(|interval| interval.0).filter(|interval| !interval.is_zero());
    MemoryLimit { limit, spike, check_interval: check_interval.unwrap_or(default.check_interval) }
}
