//! The folders of files: told of what changes there, and watched anew when they are made anew.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tracing::{debug, warn};

/// The link that Kubernetes turns around when a ConfigMap changes.
const CONFIG_MAP: &str = "..data";

/// What in the folders is of interest, shared with the watcher's thread.
#[derive(Debug, Default)]
struct Interest {
    /// Names of the files, and of those that their links lead to.
    names: BTreeSet<OsString>,
    /// Folders that are watched.
    watched: BTreeSet<PathBuf>,
}

impl Interest {
    /// Whether the files may read otherwise after an event. A folder that went away is watched no more.
    fn takes(&mut self, event: &Event) -> bool {
        // Reading is an event too: of our own.
        if event.kind.is_access() {
            return false;
        }
        let mut taken = event.need_rescan() || event.paths.is_empty();
        for path in &event.paths {
            // The system follows the folder, not its name: moved or removed, it is another one's.
            taken |= self.watched.remove(path);
            taken |= path.file_name().is_some_and(|name| name == CONFIG_MAP || self.names.contains(name));
        }
        taken
    }
}

/// Watches the folders of files.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    interest: Arc<Mutex<Interest>>,
}

impl Watch {
    /// Tells `changed` when one of `files`, which log lines call `called`, may have changed, in folders that [`follow`](Self::follow) has found.
    pub(super) fn new(files: Vec<PathBuf>, called: &'static str, changed: Arc<Notify>) -> Self {
        let interest = Arc::<Mutex<Interest>>::default();
        let of_interest = Arc::clone(&interest);
        let on_event = move |event: notify::Result<Event>| {
            let mut interest = of_interest.lock().unwrap_or_else(PoisonError::into_inner);
            if event.is_ok_and(|event| interest.takes(&event)) {
                changed.notify_one();
            }
        };
        let watcher = (!files.is_empty()).then(|| notify::recommended_watcher(on_event)).and_then(|made| {
            made.inspect_err(|error| warn!("changes of {called} are seen late: {error}")).ok()
        });
        Self { files, watcher, interest }
    }

    /// Watches the folders of the files, and those that their links lead to now. What can not be watched is tried again
    /// the next time. Blocks.
    pub(super) fn follow(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let targets = self.files.iter().filter_map(|file| file.canonicalize().ok());
        let files: Vec<PathBuf> = self.files.iter().cloned().chain(targets).collect();
        let folders: BTreeSet<PathBuf> = files.iter().map(|file| folder(file)).collect();
        // Never locked while the watcher is called: it waits for its thread, and that one for the lock.
        let interest = || self.interest.lock().unwrap_or_else(PoisonError::into_inner);
        interest().names = files.iter().filter_map(|file| file.file_name()).map(Into::into).collect();
        let watched = interest().watched.clone();
        for gone in watched.difference(&folders) {
            let _ = watcher.unwatch(gone);
            interest().watched.remove(gone);
        }
        for new in folders.difference(&watched) {
            // The watcher may still know a folder of this name that is no more.
            let _ = watcher.unwatch(new);
            // Before it is, for it may go away at once.
            interest().watched.insert(new.clone());
            if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                interest().watched.remove(new);
                debug!("{}: changes are seen late: {error}", new.display());
            }
        }
    }
}

/// The folder of a file, under its one name if it is there: the system watches a folder once, whatever names it is watched by,
/// so that giving up one of them would end the watch of all.
fn folder(file: &Path) -> PathBuf {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// Whether something is told within `time`.
    async fn told(changed: &Notify, time: Duration) -> bool {
        tokio::time::timeout(time, changed.notified()).await.is_ok()
    }

    const AMPLE: Duration = Duration::from_secs(20);
    const BRIEF: Duration = Duration::from_millis(300);

    /// Scenario: a folder where others write too is removed, and made again.
    /// Guarantees: only the price file's changes are told; a folder that is not there is tried again, and watched as soon as it
    /// is, under the same name as before.
    #[tokio::test]
    async fn folders_are_watched_as_often_as_they_are_made() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("prices");
        let file = folder.join("prices.yaml");
        let changed = Arc::new(Notify::new());
        let mut watch = Watch::new(vec![file.clone()], "files", Arc::clone(&changed));
        watch.follow();
        for _ in 0..3 {
            fs::create_dir(&folder).unwrap();
            watch.follow();
            for n in 0..20 {
                fs::write(folder.join(format!("other{n}.yaml")), "x").unwrap();
            }
            assert!(!told(&changed, BRIEF).await, "another's file");
            fs::write(&file, "x").unwrap();
            assert!(told(&changed, AMPLE).await, "its file");
            fs::remove_dir_all(&folder).unwrap();
            assert!(told(&changed, AMPLE).await, "no folder");
            // All that there was to tell of it.
            while told(&changed, BRIEF).await {}
            watch.follow();
        }
    }

    /// Scenario: a file of a folder that has two names, as one named from the working directory has, is removed, which leaves one
    /// of the names, and is written anew.
    /// Guarantees: both are told.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_of_two_names_stays_watched() {
        let above = tempfile::tempdir().unwrap();
        let (folder, file) = (above.path().join("real"), above.path().join("link/prices.yaml"));
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, above.path().join("link")).unwrap();
        fs::write(&file, "x").unwrap();
        let changed = Arc::new(Notify::new());
        let mut watch = Watch::new(vec![file.clone()], "files", Arc::clone(&changed));
        watch.follow();
        for _ in 0..2 {
            fs::remove_file(&file).unwrap();
            assert!(told(&changed, AMPLE).await, "removed");
            watch.follow();
            while told(&changed, BRIEF).await {}
            fs::write(&file, "x").unwrap();
            assert!(told(&changed, AMPLE).await, "written anew");
            watch.follow();
            while told(&changed, BRIEF).await {}
        }
    }
}
