//! What a call costs: the catalog, matching names in it, its rules, exact money, the receipt. Pure.
//!
//! ```text
//! names on a span --matching--> a model of the catalog --rules--> the rates in force --price--> a receipt
//! ```
//! `format` is what is written, `catalog` what it means. Money is integer picodollars from rate to receipt.

pub mod adjust;
mod aliases;
mod build;
pub mod catalog;
pub mod changes;
pub mod decimal;
mod find;
pub mod format;
mod gpu;
pub mod import;
mod index;
pub mod lint;
pub mod matching;
pub mod money;
mod names;
pub mod pattern;
mod price;
pub mod rate;
pub mod receipt;
pub mod region;
pub mod resolver;
mod rounded;
pub mod rules;
mod savings;
pub mod status;
pub mod variant;
mod varied;
pub mod when;
mod worded;
pub mod write;

pub use adjust::Adjustment;
pub use catalog::{Catalog, Layer, Model, ModelId, Provider, ProviderId};
pub use changes::Changes;
pub use format::CatalogFile;
pub use matching::{ModelQuery, Resolution};
pub use money::Picodollars;
pub use receipt::{Flags, Line, Receipt};
pub use resolver::Resolver;
pub use rounded::Rounded;
pub use rules::Conditions;
pub use status::{Reason, Status};
pub use variant::{Variant, Variants};
pub use worded::WordedLine;

#[cfg(test)]
mod tests;
