//! What a request holds: its calls, and how all of its spans are related.

use super::call::{Call, Cloud, Ids};
use super::dimensions::{DimensionTable, Row};
use super::keys::Hints;
use crate::otlp::view::Text;

/// A span's place in its trace, and its call if it is one.
#[derive(Clone, Copy, Debug)]
pub struct SpanNote {
    /// Trace, span, parent.
    pub ids: Ids,
    /// Index in [`Found::calls`].
    pub call: Option<u32>,
}

/// What a resource says of the calls below it.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Its dimensions.
    pub dimensions: Row,
    /// Where it runs.
    pub cloud: Cloud<'a>,
    /// Who sends: the service's namespace and name, and which instance of it.
    pub sender: [Text<'a>; 3],
}

/// What a request holds.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// Every span with valid ids.
    pub spans: Vec<SpanNote>,
    /// The calls, in the order of the body.
    pub calls: Vec<Call<'a>>,
    /// For each `ResourceSpans` its resource.
    pub resources: Vec<Resource<'a>>,
    /// The dimensions of calls and resources.
    pub dimensions: DimensionTable<'a>,
    /// Spans of any kind.
    pub span_count: u64,
    /// What the last spans were like.
    pub(super) hints: Hints,
}

impl<'a> Found<'a> {
    /// Adds a resource that says nothing yet; gives its index.
    pub(super) fn open_resource(&mut self) -> usize {
        let (cloud, sender) = Default::default();
        self.resources.push(Resource { dimensions: self.dimensions.open(), cloud, sender });
        self.resources.len() - 1
    }

    /// Empties it for another request. The vectors keep their allocations: collecting an emptied vector
    /// into one of the same layout is done in place.
    pub fn recycle<'b>(mut self, dimensions: usize) -> Found<'b> {
        self.spans.clear();
        self.calls.clear();
        self.resources.clear();
        Found {
            spans: self.spans,
            calls: self.calls.into_iter().map(|_| unreachable!("emptied above")).collect(),
            resources: self.resources.into_iter().map(|_| unreachable!("emptied above")).collect(),
            dimensions: self.dimensions.recycle(dimensions),
            span_count: 0,
            hints: self.hints,
        }
    }
}
