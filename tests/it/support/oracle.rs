//! The rows of the oracles. See `tests/fixtures/oracle/README.md`.

use std::path::PathBuf;

use serde_json::Value;

/// The committed sample of an oracle; its whole file from the folder that `PRICETAG_ORACLE` names.
pub(crate) fn rows(file: &str) -> Vec<Value> {
    let folder = std::env::var_os("PRICETAG_ORACLE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/oracle"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join(file)).expect("the oracle is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

/// A text of a row; empty where there is none.
pub(crate) fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}
