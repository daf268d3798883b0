//! A line of a receipt in words: what `explain`, `quote` and the API show.

use schemars::JsonSchema;
use serde::Serialize;

use super::catalog::{Catalog, Layer};
use super::receipt::{Line, Receipt};

/// A line of a receipt: quantity x rate = amount.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Line")]
pub struct WordedLine {
    /// What was counted.
    pub bucket: &'static str,
    /// How much of it.
    pub quantity: u64,
    /// USD for one unit.
    pub rate: String,
    /// What it cost, in USD.
    pub amount: String,
    /// The same rate as price lists state it: USD, for so many units.
    pub price: String,
    /// So many.
    pub per: u32,
    /// The bucket whose rate it is, where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_of: Option<&'static str>,
    /// What made the rate what it is, in words and in order; empty: the list price as it stands.
    pub conditions: Vec<String>,
    /// The price file that the rate stands in, `embedded` for the one in the binary.
    pub layer: String,
    /// The version that the file gives itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl WordedLine {
    /// The line in the words of the catalog that made the receipt.
    pub fn new(catalog: &Catalog, receipt: &Receipt, line: &Line) -> Self {
        let layer = catalog.origin(receipt);
        WordedLine {
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
