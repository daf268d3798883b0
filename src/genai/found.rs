//! What a request holds: its calls, and how all of its spans are related.

use smallvec::SmallVec;

use super::asides::Said;
use super::call::{Call, Cloud, Ids};
use super::dimensions::{Mention, Mentions, Row};
use super::hints::Hints;
use crate::otlp::splice::FrameId;
use crate::otlp::view::{Attribute, Text};

/// A span's place in its trace, and its call if it is one.
#[derive(Clone, Copy, Debug)]
pub struct SpanNote {
    /// Trace, span, parent.
    pub ids: Ids,
    /// Index in [`Found::calls`].
    pub call: Option<u32>,
    /// What it says about dimensions.
    pub said: Row,
    /// It is an agent's or a workflow's, with or without usage of its own.
    pub is_agent: bool,
}

impl SpanNote {
    /// A span, or a call's, that says nothing else.
    pub fn new(ids: Ids, call: Option<u32>) -> Self {
        SpanNote { ids, call, said: Row::default(), is_agent: false }
    }
}

/// A span that stands for all that is below it: the root of a trace, an agent, a workflow. It may get sums.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Index in [`Found::spans`].
    pub note: u32,
    /// Where to splice.
    pub frame: FrameId,
    /// As [`Call::ours`].
    pub ours: u64,
    /// Index of its resource in the request.
    pub resource: u32,
}

/// An attribute of the span that is being read, passed over until something tells that it is a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside<'a> {
    pub(super) attribute: Attribute<'a>,
    /// What its key says, see [`KeyTable::numbered`](super::keys::KeyTable::numbered).
    pub(super) says: u32,
}

/// What a resource says of the calls below it.
#[derive(Clone, Debug, Default)]
pub struct Resource<'a> {
    /// Its dimensions.
    pub dimensions: SmallVec<[Mention<'a>; 2]>,
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
    /// What spans say of dimensions.
    pub mentions: Mentions<'a>,
    /// Roots, agents and workflows.
    pub groups: Vec<Group>,
    /// Spans of any kind.
    pub span_count: u64,
    /// What the last spans were like.
    pub(super) hints: Hints,
    /// The whole request: what is expected is looked for beyond the end of its span.
    pub(super) body: &'a [u8],
    pub(super) asides: Vec<Aside<'a>>,
    /// Those of the last span that said something in them, and what that was.
    pub(super) before: (Vec<Aside<'a>>, Said<'a>),
}

impl<'a> Found<'a> {
    /// Adds a resource that says nothing yet; gives its index.
    pub(super) fn open_resource(&mut self) -> usize {
        self.resources.push(Resource::default());
        self.resources.len() - 1
    }

    /// Adds a call, which `fill` fills in: to move it there takes as long as to read it.
    #[inline(always)]
    pub(super) fn push_call(&mut self, fill: impl FnOnce(&mut Call<'a>)) {
        self.calls.push(Call::default());
        let [before @ .., call] = &mut self.calls[..] else { return };
        fill(call);
        // Calls of one service follow each other.
        call.names = before.last().map_or(0, |last| last.names + u32::from(!call.is_named_as(last)));
    }

    /// Empties it for another request. The vectors keep their allocations: collecting an emptied vector
    /// into one of the same layout is done in place.
    pub fn recycle<'b>(mut self) -> Found<'b> {
        self.spans.clear();
        self.calls.clear();
        self.resources.clear();
        self.groups.clear();
        self.asides.clear();
        self.before.0.clear();
        Found {
            spans: self.spans,
            calls: self.calls.into_iter().map(|_| unreachable!("emptied above")).collect(),
            resources: self.resources.into_iter().map(|_| unreachable!("emptied above")).collect(),
            mentions: self.mentions.recycle(),
            groups: self.groups,
            span_count: 0,
            hints: self.hints,
            body: &[],
            asides: self.asides.into_iter().map(|_| unreachable!("emptied above")).collect(),
            before: (
                self.before.0.into_iter().map(|_| unreachable!("emptied above")).collect(),
                Said::default(),
            ),
        }
    }
}
