//! Margin: what customers pay, against what their calls cost.
//!
//! Revenue by use is booked by the ledger when a trace settles ([`UseRevenue`]); what is paid by the month is computed when somebody
//! asks, from the calendar ([`months`]) and the lookup tables ([`customers`]). docs/margin.md has the formulas.

mod by_tier;
pub mod customers;
pub mod months;
pub mod statement;

pub use by_tier::{Fees, UseRevenue};
pub use customers::Customers;
pub use months::{Months, Period};
pub use statement::{Line, Statement, Used};

use jiff::tz::TimeZone;

use crate::pricing::money::Picodollars;

/// What customers pay and what else they cost, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What customers pay; empty: nobody asks for margins.
    pub revenue: Vec<Revenue>,
    /// What they cost besides inference; `None`: not said, and then margins are of inference alone.
    pub other_cogs: Option<Share>,
    /// Where months begin.
    pub zone: TimeZone,
    /// What margins are metrics by.
    pub metrics: Vec<By>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { revenue: Vec::new(), other_cogs: None, zone: TimeZone::UTC, metrics: vec![By::Tier] }
    }
}

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

/// What margins are asked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// What customers pay for.
    #[default]
    Tier,
    /// Each customer.
    Tenant,
    /// What is done for them.
    Action,
}

impl By {
    /// All of them.
    pub const ALL: [By; 3] = [By::Tier, By::Tenant, By::Action];

    /// The dimension of the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Tier => "tier",
            By::Tenant => "tenant",
            By::Action => "action",
        }
    }
}

/// A part of a whole, in units of 10⁻⁸: a millionth of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// Digits of a percentage after the point.
    pub const PLACES: u32 = 6;
    /// The whole.
    const WHOLE: u32 = 100_000_000;

    /// From millionths of a percent; `None` beyond 100 %.
    pub fn new(millionths: u32) -> Option<Self> {
        (millionths <= Self::WHOLE).then_some(Share(millionths))
    }

    /// That part of an amount.
    pub fn of(self, amount: Picodollars) -> Picodollars {
        amount.part(self.0.into(), Self::WHOLE.into())
    }
}

#[cfg(test)]
mod tests;
