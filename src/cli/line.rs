//! A line of a receipt as JSON: what `explain` and `quote` have in common.

use serde::Serialize;

use crate::pricing::{Catalog, Layer, Receipt, receipt};

/// A line of a receipt: quantity x rate = amount.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    pub(super) bucket: &'static str,
    pub(super) quantity: u64,
    /// USD for one unit.
    pub(super) rate: String,
    pub(super) amount: String,
    /// The same rate as price lists state it: USD, for so many units.
    pub(super) price: String,
    pub(super) per: u32,
    /// The bucket whose rate it is, where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_of: Option<&'static str>,
    /// What made the rate what it is, in words and in order; empty: the list price as it stands.
    pub(super) conditions: Vec<String>,
    /// The price file that the rate stands in, `embedded` for the one in the binary.
    pub(super) layer: String,
    /// The version that the file gives itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}

impl Line {
    pub(super) fn new(catalog: &Catalog, receipt: &Receipt, line: &receipt::Line) -> Self {
        let layer = catalog.origin(receipt);
        Line {
            bucket: line.bucket.name(),
            quantity: line.quantity,
            rate: catalog.unit_price(receipt, line).to_string(),
            amount: line.amount().to_string(),
            price: catalog.list_price(receipt, line).to_string(),
            per: line.bucket.per(),
            rate_of: (line.rate_of != line.bucket).then(|| line.rate_of.name()),
            conditions: catalog.line_conditions(receipt, line),
            layer: layer.map_or_else(String::new, |layer| layer.origin().to_owned()),
            version: layer.and_then(Layer::version).map(str::to_owned),
        }
    }
}
