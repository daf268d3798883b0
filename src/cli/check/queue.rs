//! What `pricetag check` says of the queue on disk, without changing anything in it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};

use crate::app::{queue_folder, queue_on_disk, say_absent};
use crate::config::{Config, Environment};
use crate::queue::Unusable;
use crate::queue::recovery::waiting;
use crate::queue::storage::Folder;
use crate::receiver::hold;
use crate::state::Lock;
use crate::text::counted;

/// A few lines: where it is, what waits in it for whom, and what is wrong with it.
///
/// # Errors
/// The files are of another version: `run` refuses them too. Whatever else is wrong need not be so for whoever runs it.
pub(super) fn lines(config: &Config, environment: &dyn Environment) -> Result<String, String> {
    let folder = queue_folder(config, |name| environment.variable(name).map(Into::into));
    let Some((_, folder)) = queue_on_disk(config).zip(folder) else {
        return Ok("  queue      in memory\n".to_owned());
    };
    let mut text = format!("  queue      {}", folder.display());
    let mut notices = Vec::new();
    if Lock::is_taken(&folder) {
        text.push_str(", where a pricetag runs");
    }
    let there = folder.ancestors().find(|it| it.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() || access(there, Access::WRITE_OK).is_err() {
        notices.push(format!("the queue's folder can not be written, by this user: {}", there.display()));
    }
    if there == folder {
        match waiting(Arc::new(Folder::to_look_at(&folder))) {
            Ok(waiting) => {
                let is_exporter = |name: &str| config.exporters.iter().any(|it| it.id.to_string() == name);
                for (name, requests) in waiting.iter().filter(|(_, requests)| *requests > 0) {
                    match is_exporter(name) {
                        _ if name == hold::NAME => {
                            _ = write!(text, ", {} held back", counted(*requests as u64, "request"))
                        }
                        true => _ = write!(text, ", {} for {name}", counted(*requests as u64, "request")),
                        false => notices.push(say_absent(name, *requests)),
                    }
                }
            }
            Err(error @ Unusable::Version { .. }) => return Err(format!("{}: {error}", folder.display())),
            Err(Unusable::Io(error)) => notices.push(format!("the queue can not be read: {error}")),
        }
    }
    text.push('\n');
    for notice in notices {
        let _ = writeln!(text, "  notice     {notice}");
    }
    Ok(text)
}
