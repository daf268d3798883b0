//! YAML in which every key and value knows its line: for the config, and for price files. Pure.
//!
//! `tree` reads text, `de` reads serde's types from the tree, and `error` collects every mistake with its place and
//! its remedy, instead of stopping at the first.

pub(crate) mod de;
pub(crate) mod error;
pub(crate) mod ordered;
pub(crate) mod path;
pub(crate) mod scalar;
pub(crate) mod tree;

pub use error::{Mistake, Mistakes};
