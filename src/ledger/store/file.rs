//! Where the store is, and that nobody else writes it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::state::{self, Lock, NoLock};

/// The ledger's file where the config names none: in the [state folder](state::folder). `None`: there is no such folder.
pub fn default_file(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    state::folder(variable).map(|folder| folder.join("ledger.db"))
}

/// Keeps others from writing a store. SQLite's own locks would keep out readers, or let in a second writer.
pub(super) fn lock(file: &Path) -> Result<Lock, StoreError> {
    Lock::take(file).map_err(|error| match error {
        NoLock::Taken => StoreError::Taken { file: file.to_owned() },
        NoLock::Io(error) => StoreError::open(file, &error),
    })
}
