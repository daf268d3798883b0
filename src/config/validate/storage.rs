//! Where requests wait.

use std::path::PathBuf;

use crate::config::error::{Report, did_you_mean};
use crate::config::exporter::Storage;
use crate::config::path::Path;
use crate::config::raw::{Extension, FileStorage, Root};

pub(super) const MEMORY: &str = "memory";
const RELAXED: &str = "relaxed";
const DISK: &str = "disk";
/// The Collector's extension.
const KIND: &str = "file_storage";

/// What an exporter's queue says of itself.
pub(super) fn of(raw: &Root, said: Option<&str>, path: &Path, report: &mut Report) -> Storage {
    let Some(said) = said else { return Storage::Disk };
    let is_named = said == KIND || said.strip_prefix(KIND).is_some_and(|rest| rest.starts_with('/'));
    let defined = all(raw).find(|(id, _)| id == said);
    match (said, defined) {
        (DISK, _) => Storage::Disk,
        (RELAXED, _) => Storage::Relaxed,
        (MEMORY, _) => Storage::Memory,
        (_, Some((_, storage))) if storage.fsync == Some(false) => Storage::Relaxed,
        (_, Some(_)) => Storage::Disk,
        (_, None) => {
            let ids: Vec<String> = all(raw).map(|(id, _)| id).collect();
            let (message, remedy) = match is_named {
                true if raw.extensions.0.iter().any(|(id, _)| id.to_string() == said) => (
                    format!("{said:?} is not in `service.extensions`, so it is not started"),
                    format!("add it: `service: {{extensions: [{said}]}}`"),
                ),
                true => (
                    format!("{said:?} is not defined under `extensions`"),
                    "define it, or write `disk`".to_owned(),
                ),
                false => {
                    let known = [DISK, RELAXED, MEMORY].into_iter().chain(ids.iter().map(String::as_str));
                    (format!("no such storage {said:?}"), did_you_mean(said, known))
                }
            };
            report.wrong(path, message, remedy);
            Storage::Disk
        }
    }
}

/// The folder of the queue, where the config names one.
pub(super) fn folder(raw: &Root, report: &mut Report) -> Option<PathBuf> {
    let mut named = None;
    for (id, storage) in all(raw) {
        let path = Path::of("extensions").key(&id).key("directory");
        match (&storage.directory, &named) {
            (None, _) => {}
            (Some(folder), _) if folder.as_os_str().is_empty() => {
                report.wrong(&path, "no folder", "name one, or remove the key for the default");
            }
            (Some(folder), None) => named = Some(folder.clone()),
            (Some(folder), Some(first)) if folder == first => {}
            (Some(_), Some(first)) => {
                report.notice(
                    &path,
                    format!("pricetag has one queue for all exporters: it is in {}", first.display()),
                );
            }
        }
    }
    named
}

fn all(raw: &Root) -> impl Iterator<Item = (String, &FileStorage)> {
    let started = raw.service.as_ref().map_or(&[][..], |service| &service.extensions);
    raw.extensions.0.iter().filter(|(id, _)| started.contains(id)).filter_map(|(id, extension)| {
        match extension {
            Extension::FileStorage(storage) => Some((id.to_string(), storage)),
            _ => None,
        }
    })
}
