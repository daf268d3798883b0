//! What outlives the process: where it is, and that nobody else writes it.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The folder for what outlives the process, where the config names none: the one that the service manager gives (systemd's
/// `StateDirectory=`), else the user's, by the XDG Base Directory Specification. `None`: there is no such folder.
pub fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let own = folder("STATE_DIRECTORY");
    let users = || {
        let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
        state.map(|state| state.join("pricetag"))
    };
    own.or_else(users)
}

/// How long whoever has let go of something may still hold its lock: a process that he is starting has his files open, until it runs.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held as long as we write a file, or a folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock can not be had.
#[derive(Debug, thiserror::Error)]
pub enum NoLock {
    /// Somebody holds it.
    #[error("another pricetag has it")]
    Taken,
    /// What the system says.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock beside a file or a folder; the folder that it is in is made if there is none.
    ///
    /// # Errors
    /// [`NoLock`].
    pub fn take(beside: &Path) -> Result<Self, NoLock> {
        if let Some(folder) = beside.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(Lock::file(beside))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Lock { _file: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(PATIENCE / 50),
                Err(TryLockError::WouldBlock) => return Err(NoLock::Taken),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Whether somebody holds the lock beside a file or a folder. Nothing is made or changed.
    pub fn is_taken(beside: &Path) -> bool {
        let lock = File::open(Lock::file(beside));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    fn file(beside: &Path) -> PathBuf {
        let mut name = beside.as_os_str().to_owned();
        name.push(".lock");
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_managers_folder_comes_before_the_users() {
        let folder = |set: &[(&str, &str)]| {
            folder(|name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
        };
        let expect = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(&[("HOME", "/h")]), expect("/h/.local/state/pricetag"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]), expect("/s/pricetag"));
        assert_eq!(folder(&[("HOME", "/h"), ("STATE_DIRECTORY", "/v")]), expect("/v"));
        assert_eq!(folder(&[("XDG_STATE_HOME", "relative")]), None);
    }
}
