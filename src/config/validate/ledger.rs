//! Where the ledger is kept.

use std::path::PathBuf;

use crate::config::error::Report;
use crate::config::model::{Ledger, LedgerFile};
use crate::config::path::Path;
use crate::config::raw;
use crate::ledger::store::{Limits, MEMORY};

/// A hundred years; a sum of each day for each value takes some hundred bytes.
const MAX_DAYS: u32 = 36_500;
/// What an hour of one dimension may take: a gigabyte would be ten million.
const MAX_VALUES: u32 = 1_000_000;

pub(super) fn ledger(said: &raw::Ledger, path: &Path, report: &mut Report) -> Ledger {
    let mut number = |key: &str, said: Option<u32>, max: u32, default: u32| {
        if said.is_some_and(|said| said == 0 || said > max) {
            let remedy =
                format!("write a number from 1 to {max}, or remove the key for the default, {default}");
            report.wrong(&path.key(key), "a ledger without an end, or without a beginning", remedy);
        }
        said.unwrap_or(default)
    };
    let default = Limits::default();
    let days = number("days", said.days, MAX_DAYS, default.days);
    let values = number("max_values", said.max_values, MAX_VALUES, default.values as u32) as usize;
    let file = match &said.file {
        None => LedgerFile::Default,
        Some(file) if file.as_os_str() == MEMORY => LedgerFile::Memory,
        Some(file) => {
            if file.as_os_str().is_empty() {
                let remedy = format!("name a file, write {MEMORY:?}, or remove the key for the default");
                report.wrong(&path.key("file"), "an empty file name", remedy);
            }
            LedgerFile::At(PathBuf::from(file))
        }
    };
    Ledger { file, limits: Limits { days, values, ..Limits::default() } }
}
