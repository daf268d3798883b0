//! What customers pay, as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::attribution::margin::{By, Each};

/// What customers pay and what else they cost, for margins: see docs/margin.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Margin {
    /// What customers pay, by their tier; the lines of a tier add up. Default: nothing, and no margin is told.
    pub(in crate::config) revenue: Vec<Revenue>,
    /// What customers cost besides inference, in percent of what they pay: hosting, support, fees of payment. Default: not
    /// known, and margins are called inference margins.
    pub(in crate::config) other_cogs_percent: Option<Decimal>,
    /// Where months begin: a name of the IANA time zone database, as in Europe/Berlin. Default: UTC.
    pub(in crate::config) time_zone: Option<String>,
    /// What margins are metrics by; of tenants and actions the hundred with the least margin. Default: tier.
    pub(in crate::config) metrics: Option<Vec<By>>,
}

/// What the customers of a tier pay for one thing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Revenue {
    /// The tier; `*` stands for every tier without a line of its own, and for none. Default: `*`.
    pub(in crate::config) tier: Option<String>,
    /// US dollars, with at most 9 digits after the point. Required.
    pub(in crate::config) amount: Option<Decimal>,
    /// What the amount is paid for. Required.
    pub(in crate::config) per: Option<Per>,
    /// With `per: month`: who pays it. Default: tenant.
    pub(in crate::config) each: Option<Each>,
}

/// What an amount is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RevenuePer")]
pub(in crate::config) enum Per {
    /// A calendar month; part of one pays part of it.
    Month,
    /// A settled action.
    Action,
    /// A thousand tokens, input and output.
    #[serde(rename = "1k_tokens")]
    ThousandTokens,
}

/// A decimal number, kept as it is written: a double would not be exact.
#[derive(Debug, Clone)]
pub(in crate::config) struct Decimal(pub(in crate::config) String);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Decimal)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "description": "A decimal number, as in 0.002." })
    }
}
