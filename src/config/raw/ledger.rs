//! Where the ledger is kept, as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the ledger is kept, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Ledger {
    /// The SQLite file, made if there is none; `:memory:` for none, and nothing is left then when pricetag ends. Default:
    /// `pricetag/ledger.db` in the user's state folder (`$XDG_STATE_HOME`, `~/.local/state`), or `ledger.db` in that of the
    /// service (`$STATE_DIRECTORY`).
    pub(in crate::config) file: Option<PathBuf>,
    /// For how many days sums are kept. Those of the last 14 are kept by the hour. Default: 400.
    pub(in crate::config) days: Option<u32>,
    /// Values of a dimension, as users, that are told apart in an hour, and in a day; all others are one, `other`. Totals are
    /// exact whatever it is. Default: 10000.
    pub(in crate::config) max_values: Option<u32>,
}
