//! Margin: what customers pay, against what their calls cost.
//!
//! Revenue by use is booked by the ledger when a trace settles ([`UseRevenue`]); what is paid by the month is computed when somebody
//! asks, from the calendar and the lookup tables.

mod by_use;

pub use by_use::UseRevenue;

use crate::pricing::money::Picodollars;

/// A line of the price list that customers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revenue {
    /// The tier whose customers pay it; `None`: those of every tier without a line of its own, and of none.
    pub tier: Option<String>,
    /// How much, each time.
    pub amount: Picodollars,
    /// For what.
    pub per: Per,
}

/// What an amount is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// For each calendar month.
    Month(Each),
    /// For each settled action.
    Action,
    /// For each thousand tokens, input and output.
    ThousandTokens,
}

/// Who pays for a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Each tenant of the tier, whether it made calls or not.
    #[default]
    Tenant,
    /// Each user of the tier, likewise.
    User,
    /// All of them together, once.
    Total,
}
