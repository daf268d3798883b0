//! Whose call it is: what the span says, what the spans above it say as far as they have come, then its resource, the headers of its
//! request, the config, and what lookups make of all that.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use smallvec::SmallVec;

use super::{Arrival, Values};
use crate::attribution::{Attribution, Hasher, Lookups, OfRequest, Unknown};
use crate::genai::dimensions::{ACTION, cut_text};
use crate::genai::found::{Found, Resource, SpanNote};
use crate::otlp::view::Text;
use crate::settlement::{BASE, put_saying, read_values};

/// What stands for the names of actions beyond those that are told apart.
const OTHER: &str = "other";

/// Where to find whose calls are.
#[derive(Debug)]
pub(super) struct Whose {
    pub(super) attribution: Attribution,
    /// What of a request tells a dimension, each once.
    pub(super) of_request: Vec<(OfRequest, Arc<str>)>,
    /// For each dimension the index of what tells it there.
    told_by: Vec<Option<usize>>,
    /// What lookups have no row for.
    pub(super) unknown: Unknown,
    /// Values of dimensions that were too long, and were cut; and that were none.
    pub(super) cut: AtomicU64,
    pub(super) unusable: AtomicU64,
    /// Names of actions that have been given.
    actions: RwLock<HashSet<Box<str>>>,
    /// How often another one was called `other`.
    pub(super) folded_actions: AtomicU64,
}

/// What a resource and the request that brought it say of each dimension; empty: nothing.
pub(super) type Base<'a> = SmallVec<[Cow<'a, [u8]>; 12]>;

impl Whose {
    pub(super) fn new(attribution: Attribution) -> Self {
        let mut of_request: Vec<OfRequest> =
            attribution.dimensions.iter().filter_map(|it| it.request.clone()).collect();
        of_request.sort_unstable();
        of_request.dedup();
        let told_by = attribution
            .dimensions
            .iter()
            .map(|it| of_request.iter().position(|part| Some(part) == it.request.as_ref()))
            .collect();
        let named = |part: OfRequest| {
            let name = part.name().into();
            (part, name)
        };
        let of_request = of_request.into_iter().map(named).collect();
        let unknown = Unknown::new(attribution.lookups);
        Whose {
            attribution,
            of_request,
            told_by,
            unknown,
            cut: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
            actions: RwLock::default(),
            folded_actions: AtomicU64::new(0),
        }
    }

    /// Counts values that are not used as they came, and hashes what must not be kept so.
    pub(super) fn prepare(&self, found: &mut Found<'_>) {
        for (count, more) in [(&self.cut, found.mentions.cut), (&self.unusable, found.mentions.unusable)] {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
        let Some(hasher) = &self.attribution.hasher else { return };
        let resources = found.resources.iter_mut().flat_map(|resource| &mut resource.dimensions);
        for mention in found.mentions.all_mut().iter_mut().chain(resources) {
            if self.attribution.dimensions.get(usize::from(mention.dimension)).is_some_and(|it| it.hashed) {
                mention.value = hashed(hasher, &mention.value);
            }
        }
    }

    /// What a resource, the headers and the config say.
    pub(super) fn base<'a>(&'a self, resource: &'a Resource<'_>, arrival: Arrival<'a>) -> Base<'a> {
        let said = |(index, dimension): (usize, &'a crate::attribution::Dimension)| {
            let of_resource =
                resource.dimensions.iter().find(|mention| usize::from(mention.dimension) == index);
            if let Some(mention) = of_resource {
                return Cow::Borrowed(&*mention.value);
            }
            let told = self.told_by[index].and_then(|part| arrival.said.get(part));
            let said = told.filter(|value| !value.is_empty()).map(|value| cut_text(*value).0);
            let said = said.or(dimension.value.as_ref().map(|value| value.as_bytes()));
            match (said, &self.attribution.hasher) {
                (Some(said), Some(hasher)) if dimension.hashed => hashed(hasher, said),
                (said, _) => Cow::Borrowed(said.unwrap_or_default()),
            }
        };
        self.attribution.dimensions.iter().enumerate().map(said).collect()
    }

    /// Puts what a span says; of a call also the base.
    pub(super) fn say(found: &Found<'_>, bases: &[Base<'_>], note: &SpanNote, out: &mut Vec<u8>) {
        let own = found.mentions.of(note.said);
        for mention in own {
            put_saying(out, mention.dimension, mention.rank, &mention.value);
        }
        let Some(call) = note.call else { return };
        let base = &bases[found.calls[call as usize].resource as usize];
        for (index, value) in base.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
            if own.iter().all(|mention| usize::from(mention.dimension) != index) {
                put_saying(out, index as u8, BASE, value);
            }
        }
    }

    /// Puts the dimensions of a call that no span above it knows more of.
    pub(super) fn own<'a>(
        &self,
        values: &mut Values<'a>,
        found: &'a Found<'_>,
        base: &'a Base<'_>,
        row: crate::genai::dimensions::Row,
        lookups: &'a Lookups,
    ) {
        values.extend(base.iter().map(|value| Text(value)));
        for mention in found.mentions.of(row).iter().filter(|mention| mention.dimension != ACTION) {
            values[usize::from(mention.dimension)] = Text(&mention.value);
        }
        self.look_up(values, lookups);
    }

    /// Puts the dimensions of a call, with what spans above it say, as settlement knows them.
    pub(super) fn known<'a>(&self, values: &mut Values<'a>, known: &'a [u8], lookups: &'a Lookups) {
        values.resize(self.attribution.dimensions.len(), Text::default());
        for (dimension, _, value) in read_values(known) {
            if let Some(slot) = values.get_mut(usize::from(dimension)) {
                *slot = value;
            }
        }
        self.look_up(values, lookups);
    }

    fn look_up<'a>(&self, values: &mut Values<'a>, lookups: &'a Lookups) {
        lookups.fill(values, |table, value| self.unknown.note(table, value));
    }

    /// The name of an action from what its root is called: one of a bounded number.
    pub(super) fn action<'a>(&'a self, called: &'a [u8]) -> Cow<'a, str> {
        let called = Text(called).as_str();
        let names = &self.attribution.actions;
        // Those of the config are told whatever strangers call theirs.
        if let Some(name) = names.configured(called) {
            return Cow::Borrowed(name);
        }
        let name = names.name(called);
        if name.is_empty() || self.actions.read().unwrap_or_else(PoisonError::into_inner).contains(&*name) {
            return name;
        }
        let mut known = self.actions.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= names.max_names {
            self.folded_actions.fetch_add(1, Ordering::Relaxed);
            return Cow::Borrowed(OTHER);
        }
        known.insert((&*name).into());
        name
    }
}

fn hashed<'h>(hasher: &Hasher, value: &[u8]) -> Cow<'h, [u8]> {
    Cow::Owned(hasher.hash(value).into_bytes())
}
