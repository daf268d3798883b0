//! The answer to a usage record.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::record::Record;
use crate::cli::line::Line;
use crate::genai::usage::{Bucket, Group};
use crate::pricing::{Catalog, Picodollars, Receipt, Status, receipt};

/// A receipt as one JSON object. Amounts are decimal strings; `null` where they are not known.
#[derive(Debug, Serialize)]
pub struct Reply<'a> {
    #[serde(serialize_with = "text")]
    status: Status,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: Cow<'static, str>,
    /// Who bills: the catalog's id, or else what the record says.
    provider: Option<&'a str>,
    /// The catalog's id, or else what the record says.
    model: Option<&'a str>,
    input: Option<Amount>,
    output: Option<Amount>,
    /// All lines: input, output, and what is neither, such as searches.
    total: Option<Amount>,
    currency: &'static str,
    lines: Vec<Line>,
    catalog: &'a str,
}

/// Money as a decimal string.
#[derive(Debug, Serialize)]
struct Amount(#[serde(serialize_with = "text")] Picodollars);

fn text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl<'a> Reply<'a> {
    /// The answer to a record that was priced.
    pub fn new(catalog: &'a Catalog, record: &'a Record<'_>, receipt: &Receipt) -> Self {
        let sum = |part: fn(Bucket) -> bool| {
            let lines = receipt.lines.iter().filter(|line| part(line.bucket)).map(receipt::Line::amount);
            receipt
                .status
                .has_cost()
                .then(|| Amount(lines.fold(Picodollars::ZERO, Picodollars::saturating_add)))
        };
        let provider = receipt.provider.map_or(&*record.provider, |id| catalog.provider(id).id());
        Reply {
            status: receipt.status,
            reason: receipt.explanation(),
            provider: Some(provider).filter(|provider| !provider.is_empty()),
            model: Some(receipt.model.map_or(&*record.model, |id| catalog.model(id).id())),
            input: sum(is_input),
            output: sum(|bucket| bucket.group() == Group::Output),
            total: receipt.cost().map(Amount),
            currency: "USD",
            lines: receipt.lines.iter().map(|line| Line::new(catalog, receipt, line)).collect(),
            catalog: catalog.source(),
        }
    }

    /// The answer to a line that could not be read.
    pub fn error(catalog: &'a Catalog, problem: String) -> Self {
        Reply {
            status: Status::Error,
            reason: problem.into(),
            provider: None,
            model: None,
            input: None,
            output: None,
            total: None,
            currency: "USD",
            lines: Vec::new(),
            catalog: catalog.source(),
        }
    }
}

/// What goes in: tokens however cached, characters, pages, audio.
fn is_input(bucket: Bucket) -> bool {
    matches!(bucket.group(), Group::Input | Group::CacheRead | Group::CacheWrite)
        || matches!(bucket, Bucket::Pages | Bucket::AnnotatedPages | Bucket::InputAudioSeconds)
}
