//! `/api/v1/dimensions`: by what costs can be told apart.

use schemars::JsonSchema;
use serde::Serialize;

use super::query::{Parameter, Query};
use super::reply::Refusal;
use super::{Answer, Question, Sources};
use crate::ledger::query::TOTAL;

/// By what costs can be told apart.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Dimensions {
    /// The dimensions.
    rows: Vec<Dimension>,
}

/// A dimension.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Dimension {
    /// Its name, as `by` takes it.
    name: String,
    /// Where its values come from: `config`, the config's dimensions; `call`, what all calls say; `total`, of which everything is one
    /// value.
    of: &'static str,
}

impl Answer for Dimensions {
    type Row = Dimension;
    fn rows(&self) -> impl Iterator<Item = &Dimension> {
        self.rows.iter()
    }
}

impl Question for Dimensions {
    const PATH: &'static str = "/api/v1/dimensions";
    const SUMMARY: &'static str = "By what costs can be told apart";
    const PARAMETERS: &'static [Parameter] = &[];

    fn answer(_: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let configured = sources.shared.as_ref().map_or(&[][..], |shared| shared.dimensions());
        let of = |name: String| Dimension {
            of: match () {
                () if name == TOTAL => "total",
                () if configured.iter().any(|it| it.name == name) => "config",
                () => "call",
            },
            name,
        };
        Ok(Dimensions { rows: sources.ledger.dimensions().into_iter().map(of).collect() })
    }
}
