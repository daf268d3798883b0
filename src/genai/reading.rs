//! What the attributes of one span say.

mod said;

use super::call::{Call, Cloud, Ids, Known, Reported, Role};
use super::counts::Means;
use super::dialects::{Dialect, DialectId, Tells, UNKNOWN};
use super::dimensions::{Mentions, Row};
use super::keys::Ranked;
use super::meaning::{Count, Meaning, Name};
use super::sampling::Weight;
use super::usage::{MAX_PLAUSIBLE, Usage};
use crate::otlp::splice::FrameId;
use crate::otlp::view::{Attribute, Scalar, Text};
use crate::otlp::wire::Malformed;
use said::{Implausible, USUAL, counts, is_number, plausible, usual};

/// Span kind CLIENT.
const CLIENT: u32 = 3;

/// What the attributes of one span say, the best-ranked of each meaning.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) names: [Text<'a>; Name::COUNT],
    name_ranks: [u8; Name::COUNT],
    /// Zero: not said. A count of zero costs nothing, and some instrumentations write zeros for "not known".
    /// [`ABSURD`]: said, and no plausible count.
    counts: [u32; Count::COUNT],
    count_ranks: [u8; Count::COUNT],
    /// Bit n: the n-th count was.
    said: u32,
    /// The last count that was none, and its key; void where a better-ranked key has told the count since.
    implausible: Option<(Count, &'a [u8])>,
    pub(super) reported: Option<Reported<'a>>,
    reported_rank: u8,
    weight: Option<Scalar<'a>>,
    upstream: bool,
    pub(super) ours: u64,
    pub(super) dimensions: Row,
    /// By the scope, or where nobody knows that, by a key that only one dialect writes.
    pub(super) dialect: DialectId,
    /// An attribute may hold a document that says more.
    pub(super) has_documents: bool,
}

/// Where a call stands, and what else its attributes do not tell.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) ids: Option<Ids>,
    pub(super) frame: FrameId,
    pub(super) resource: u32,
    pub(super) name: Text<'a>,
    pub(super) kind: u8,
    pub(super) end_unix_nano: u64,
    pub(super) failed: bool,
    pub(super) trace_state: Text<'a>,
}

const UNSAID: u8 = u8::MAX;
/// Stands for a count that is not plausible; plausible ones have 30 bits.
const ABSURD: u32 = u32::MAX;

impl<'a> Reading<'a> {
    pub(super) fn new(dialect: DialectId, dimensions: Row) -> Self {
        Reading {
            names: [Text::default(); Name::COUNT],
            name_ranks: [UNSAID; Name::COUNT],
            counts: [0; Count::COUNT],
            count_ranks: [UNSAID; Count::COUNT],
            said: 0,
            implausible: None,
            reported: None,
            reported_rank: UNSAID,
            weight: None,
            upstream: false,
            ours: 0,
            dimensions,
            dialect,
            has_documents: false,
        }
    }

    /// Takes in what an attribute says. Its value is read as what the meaning asks for.
    ///
    /// # Errors
    /// [`Malformed`] framing inside the value.
    pub(super) fn take(
        &mut self,
        Ranked { meaning, rank, only }: Ranked,
        attribute: &Attribute<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        if only != Ranked::ANY && only != self.dialect {
            // What tells the dialect may stand behind.
            self.has_documents |= self.dialect == UNKNOWN && matches!(meaning, Meaning::Document(_));
            return Ok(());
        }
        self.take_meaning(meaning, rank, attribute, mentions)
    }

    /// [`take`](Self::take), of what a key means in this span's dialect.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub(super) fn take_meaning(
        &mut self,
        meaning: Meaning,
        rank: u8,
        attribute: &Attribute<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        match self.take_usual(meaning, rank, attribute, mentions) {
            true => Ok(()),
            false => self.take_any(meaning, rank, attribute, mentions),
        }
    }

    /// Takes in a value as such keys mostly have it. False: it is another, and nothing was taken.
    #[inline(always)]
    fn take_usual(
        &mut self,
        meaning: Meaning,
        rank: u8,
        attribute: &Attribute<'a>,
        mentions: &mut Mentions<'a>,
    ) -> bool {
        match meaning {
            Meaning::Name(slot) if let Some(text) = attribute.usual_text() => self.name(slot, rank, text),
            Meaning::Count(slot)
                if let Some(count) = attribute.usual_int()
                    && count <= MAX_PLAUSIBLE =>
            {
                self.count(slot, rank, count);
            }
            Meaning::Dimension(index)
                if let Some(text) = attribute.usual_text()
                    && !text.is_empty() =>
            {
                mentions.say_text(&mut self.dimensions, index, rank, text);
            }
            Meaning::Ours(index) | Meaning::OursToo(index) => self.ours |= 1 << index,
            _ => return false,
        }
        true
    }

    /// Takes in any value. Apart from the usual ones, which so stay in registers.
    #[inline(never)]
    fn take_any(
        &mut self,
        meaning: Meaning,
        rank: u8,
        attribute: &Attribute<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        match meaning {
            Meaning::Name(slot) => self.name(slot, rank, attribute.scalar()?.text().unwrap_or_default()),
            Meaning::Count(slot) => self.odd_count(slot, rank, attribute.key(), attribute.scalar()?),
            Meaning::ReportedCost => self.cost(rank, attribute.key(), attribute.scalar()?),
            Meaning::Weight => self.weight = Some(attribute.scalar()?),
            Meaning::Dimension(index) => {
                mentions.say(&mut self.dimensions, index, rank, attribute.scalar()?);
            }
            Meaning::Document(_) => self.has_documents = true,
            Meaning::Mark(dialect) if self.dialect == UNKNOWN => self.dialect = dialect,
            Meaning::Mark(_) => {}
            Meaning::UpstreamStatus => self.upstream = true,
            // Whatever the value is, it is usual.
            Meaning::Ours(_) | Meaning::OursToo(_) => {}
        }
        Ok(())
    }

    /// Takes in what a member of the document under `key` says.
    pub(super) fn take_member(
        &mut self,
        Ranked { meaning, rank, .. }: Ranked,
        key: &'a [u8],
        value: Scalar<'a>,
        mentions: &mut Mentions<'a>,
    ) {
        match meaning {
            Meaning::Name(slot) => self.name(slot, rank, value.text().unwrap_or_default()),
            // A word in a document ("n/a") is no mistake of whoever wrote it: it says nothing.
            Meaning::Count(slot) if is_number(value) => self.odd_count(slot, rank, key, value),
            Meaning::ReportedCost => self.cost(rank, key, value),
            Meaning::Dimension(index) => mentions.say(&mut self.dimensions, index, rank, value),
            _ => {}
        }
    }

    #[inline(always)]
    fn name(&mut self, slot: Name, rank: u8, text: Text<'a>) {
        if !text.is_empty() && rank < self.name_ranks[slot as usize] {
            self.names[slot as usize] = text;
            self.name_ranks[slot as usize] = rank;
        }
    }

    #[inline(always)]
    fn count(&mut self, slot: Count, rank: u8, count: u64) {
        if count > 0 && rank < self.count_ranks[slot as usize] {
            // Plausible counts have 30 bits.
            self.counts[slot as usize] = count as u32;
            self.said |= 1 << slot as u32;
            self.count_ranks[slot as usize] = rank;
        }
    }

    fn odd_count(&mut self, slot: Count, rank: u8, key: &'a [u8], value: Scalar<'a>) {
        match plausible(value) {
            Ok(count) => self.count(slot, rank, count),
            // No usage either way.
            Err(Implausible) if slot == Count::Total => {}
            // Of several keys the preferred one that says something holds, whatever the others say.
            Err(Implausible) if rank < self.count_ranks[slot as usize] => {
                self.counts[slot as usize] = ABSURD;
                self.count_ranks[slot as usize] = rank;
                self.implausible = Some((slot, key));
            }
            Err(Implausible) => {}
        }
    }

    fn cost(&mut self, rank: u8, key: &'a [u8], value: Scalar<'a>) {
        if rank < self.reported_rank {
            self.reported = Some(Reported { key: std::str::from_utf8(key).unwrap_or(""), value });
            self.reported_rank = rank;
        }
    }

    /// Says what the span's dialect knows better: its operation, and what is no provider.
    pub(super) fn finish(&mut self, dialect: &Dialect, span_name: Text<'a>) {
        if dialect.is_by_span_name() {
            self.names[Name::Kind as usize] = span_name;
        }
        let kind = self.names[Name::Kind as usize];
        if !kind.is_empty()
            && let Some(operation) = dialect.operation(kind)
        {
            self.names[Name::Operation as usize] = operation;
        }
        if !dialect.is_provider(self.names[Name::Provider as usize]) {
            self.names[Name::Provider as usize] = Text::default();
        }
    }

    /// Whether its documents are worth reading: the span may be a call, or a container that tells usage, if only there.
    pub(super) fn wants_documents(&self, dialect: &Dialect) -> bool {
        // A key of another dialect's document says nothing here.
        let Some(tells) = dialect.documents().filter(|_| self.has_documents) else { return false };
        match Role::of(self.names[Name::Operation as usize]) {
            Some(Role::Call) => true,
            Some(Role::Container) => self.tells_usage() || tells == Tells::Totals,
            None => false,
        }
    }

    /// Whether this span is a call or a container of calls; `None` for everything else.
    pub(super) fn role(&self, kind: u32, trust_upstream: bool) -> Option<Role> {
        if self.upstream && trust_upstream {
            return None;
        }
        let said = |slot: Name| !self.names[slot as usize].is_empty();
        let operation = self.names[Name::Operation as usize];
        let used = self.tells_usage();
        let model = said(Name::ModelAsked) || said(Name::ModelServed);
        match Role::of(operation)? {
            Role::Container => used.then_some(Role::Container),
            Role::Call if Role::is_known_call(operation) || used => Some(Role::Call),
            // Before operations had names, a client span with a provider and a model was a call.
            Role::Call if operation.is_empty() && kind == CLIENT && model && said(Name::Provider) => {
                Some(Role::Call)
            }
            Role::Call => None,
        }
    }

    /// Whether it is an agent's or a workflow's span, with or without usage.
    pub(super) fn is_agent(&self, trust_upstream: bool) -> bool {
        let operation = self.names[Name::Operation as usize];
        !(self.upstream && trust_upstream) && Role::of(operation) == Some(Role::Container)
    }

    /// Whether it tells usage, plausible or not.
    pub(super) fn tells_usage(&self) -> bool {
        self.is_counted() || self.implausible.is_some()
    }

    /// Whether any count was said. Nobody pays the sum of input and output beside them.
    fn is_counted(&self) -> bool {
        self.said & !(1 << Count::Total as u32) != 0
    }

    /// Fills a new call in with the one that this is; its scope is not known here.
    #[inline(always)]
    pub(super) fn fill(&self, call: &mut Call<'a>, role: Role, dialect: &Dialect, place: Place<'a>) {
        let name = |slot: Name| self.names[slot as usize];
        call.ids = place.ids;
        call.frame = place.frame;
        call.resource = place.resource;
        call.dialect = self.dialect;
        call.name = place.name;
        call.kind = place.kind;
        call.end_unix_nano = place.end_unix_nano;
        call.failed = place.failed || !name(Name::Error).is_empty();
        call.role = role;
        call.operation = name(Name::Operation);
        call.provider = name(Name::Provider);
        call.host = name(Name::Host);
        call.model_asked = name(Name::ModelAsked);
        call.model_served = name(Name::ModelServed);
        call.response_id = name(Name::ResponseId);
        call.conversation = name(Name::Conversation);
        call.tier_asked = name(Name::TierAsked);
        call.tier_served = name(Name::TierServed);
        call.region = name(Name::Region);
        call.cloud = Cloud { provider: name(Name::CloudProvider), region: name(Name::CloudRegion) };
        self.tell_usage(dialect, &mut call.usage);
        call.reported = self.reported;
        call.ours = self.ours;
        call.dimensions = self.dimensions;
        call.weight = match self.weight {
            // What the config asks for knows of all samplers on the way; the trace state, of those that write it.
            Some(said) => Weight::of_attribute(said),
            None if place.trace_state.is_empty() => Some(Weight::ONE),
            None => Weight::of_trace_state(place.trace_state),
        };
    }

    /// The key of a count that was said and is none; if a better one has told that count since, what dialects call another such
    /// count.
    fn absurd(&self) -> Option<&'a str> {
        let (last, key) = self.implausible?;
        let is_absurd = |slot: &Count| self.counts[*slot as usize] == ABSURD;
        match is_absurd(&last) {
            true => Some(std::str::from_utf8(key).unwrap_or_default()),
            false => Count::ALL.into_iter().find(is_absurd).map(Count::word),
        }
    }

    /// Puts what it tells of usage where nothing is known yet.
    fn tell_usage(&self, dialect: &Dialect, known: &mut Known<'a>) {
        if let Some(key) = self.absurd() {
            *known = Known::Implausible(key);
        } else if self.is_counted() {
            let claimed = dialect.means(self.names[Name::Provider as usize]);
            *known = Known::Usage { usage: Usage::NOTHING, clamped: false };
            if let Known::Usage { usage, .. } = known
                && claimed == Means::default()
                && self.said & !USUAL == 0
                && usual(&self.counts).put(usage).is_some()
            {
                return;
            }
            let counts = counts(&self.counts);
            let disjoint = counts.disjoint(counts.means(claimed));
            *known = Known::Usage { usage: disjoint.usage, clamped: disjoint.clamped };
        }
    }
}

#[cfg(test)]
mod tests;
