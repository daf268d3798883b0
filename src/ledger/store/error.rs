//! What can be wrong with a store.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a store can not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can not be opened or made.
    #[error(
        "{}: the ledger can not be opened: {message}; name another file with processors.pricetag.ledger.file",
        file.display()
    )]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system or SQLite says.
        message: String,
    },
    /// Another process has it.
    #[error(
        "{}: another pricetag keeps its ledger here; give each its own file with processors.pricetag.ledger.file",
        file.display()
    )]
    Taken {
        /// The file.
        file: PathBuf,
    },
    /// The file is of another version of pricetag, or something else.
    #[error("{}: {message}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        message: String,
    },
    /// SQLite can not read or write.
    #[error("the ledger's store: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    pub(super) fn open(file: &Path, message: &dyn std::fmt::Display) -> Self {
        StoreError::Open { file: file.to_owned(), message: message.to_string() }
    }

    /// The same error with the file's name.
    pub(super) fn at(self, place: &Path) -> Self {
        match self {
            // What SQLite can not do on a full disk it calls the one or the other.
            StoreError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                    StoreError::open(place, &format_args!("{error} (if its disk is full, make room)"))
                }
                _ => StoreError::open(place, &error),
            },
            StoreError::Foreign { message, .. } => StoreError::Foreign { file: place.to_owned(), message },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// Scenario: SQLite can not open a file, for want of room, or for another reason.
    /// Guarantees: the file is named, and what to do.
    #[test]
    fn a_full_disk_has_a_remedy() {
        let said = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::Sqlite(error).at(Path::new("/data/ledger.db")).to_string()
        };
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR] {
            let said = said(code);
            assert!(said.starts_with("/data/ledger.db: ") && said.contains("make room"), "{said}");
        }
        assert!(!said(ffi::SQLITE_CORRUPT).contains("make room"));
    }
}
