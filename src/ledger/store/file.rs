//! Where the store is, and that nobody else writes it.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::StoreError;

/// The ledger's file where the config names none: in the state folder that the service manager gives (systemd's
/// `StateDirectory=`), else in the user's, by the XDG Base Directory Specification. `None`: there is no such folder.
pub fn default_file(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let own = folder("STATE_DIRECTORY");
    let users = || {
        let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
        state.map(|state| state.join("pricetag"))
    };
    own.or_else(users).map(|folder| folder.join("ledger.db"))
}

/// How long whoever has let go of the store may still hold its lock: a process that he is starting has his files open, until it runs.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held as long as we write the store. SQLite's own locks would keep out readers, or let in a second writer.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside a store's file; the folder is made if there is none.
    pub(super) fn take(file: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| StoreError::open(file, &error))?;
        }
        let mut beside = file.as_os_str().to_owned();
        beside.push(".lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&beside);
        let lock = opened.map_err(|error| StoreError::open(file, &error))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Lock { _file: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(PATIENCE / 50),
                Err(TryLockError::WouldBlock) => return Err(StoreError::Taken { file: file.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(StoreError::open(file, &error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_managers_folder_comes_before_the_users() {
        let file = |set: &[(&str, &str)]| {
            default_file(|name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
        };
        let expect = |path: &str| Some(PathBuf::from(path));
        assert_eq!(file(&[("HOME", "/h")]), expect("/h/.local/state/pricetag/ledger.db"));
        assert_eq!(file(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]), expect("/s/pricetag/ledger.db"));
        assert_eq!(file(&[("HOME", "/h"), ("STATE_DIRECTORY", "/v")]), expect("/v/ledger.db"));
        assert_eq!(file(&[("XDG_STATE_HOME", "relative")]), None);
    }
}
