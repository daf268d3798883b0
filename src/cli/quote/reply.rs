//! The answer to a usage record.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::named::Named;
use super::record::Record;
use crate::genai::usage::{Bucket, Group};
use crate::pricing::{Catalog, Picodollars, Receipt, Status, WordedLine, receipt};

/// A receipt as one JSON object. Amounts are decimal strings; `null` where they are not known.
#[derive(Debug, Serialize)]
pub struct Reply<'a> {
    /// The record's own, so that the two can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(serialize_with = "text")]
    status: Status,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: Cow<'static, str>,
    /// Who bills: the catalog's id, or else what the record says.
    provider: Option<Name<'a>>,
    /// The catalog's id, or else what the record says.
    model: Option<Name<'a>>,
    input: Option<Amount>,
    output: Option<Amount>,
    /// What is neither, such as searches: input, output and this are the total.
    other: Option<Amount>,
    total: Option<Amount>,
    currency: &'static str,
    lines: Vec<WordedLine>,
    catalog: &'a str,
}

/// A name of the catalog, or one as the record has it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Name<'a> {
    Known(&'a str),
    Said(&'a RawValue),
}

/// Money as a decimal string.
#[derive(Debug, Serialize)]
struct Amount(#[serde(serialize_with = "text")] Picodollars);

fn text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl<'a> Reply<'a> {
    /// The answer to a record that was priced.
    pub fn new(catalog: &'a Catalog, named: &Named<'a>, record: &'a Record<'_>, receipt: &Receipt) -> Self {
        let sum = |part: fn(Bucket) -> bool| {
            let lines = receipt.lines.iter().filter(|line| part(line.bucket)).map(receipt::Line::amount);
            receipt
                .status
                .has_cost()
                .then(|| Amount(lines.fold(Picodollars::ZERO, Picodollars::saturating_add)))
        };
        let provider = receipt.provider.map_or(&*record.provider, |id| catalog.provider(id).id());
        Reply {
            id: named.id(),
            status: receipt.status,
            reason: receipt.explanation(),
            provider: Some(provider).filter(|provider| !provider.is_empty()).map(Name::Known),
            model: Some(Name::Known(receipt.model.map_or(&*record.model, |id| catalog.model(id).id()))),
            input: sum(is_input),
            output: sum(is_output),
            other: sum(|bucket| !is_input(bucket) && !is_output(bucket)),
            total: receipt.cost().map(Amount),
            currency: "USD",
            lines: receipt.lines.iter().map(|line| WordedLine::new(catalog, receipt, line)).collect(),
            catalog: catalog.source(),
        }
    }

    /// The answer to a line that could not be read.
    pub fn error(catalog: &'a Catalog, named: &Named<'a>, problem: String) -> Self {
        Reply {
            id: named.id(),
            status: Status::Error,
            reason: problem.into(),
            provider: named.provider().map(Name::Said),
            model: named.model().map(Name::Said),
            input: None,
            output: None,
            other: None,
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

fn is_output(bucket: Bucket) -> bool {
    bucket.group() == Group::Output
}
