//! The pricetag processor: three passes over one request, synchronous and without I/O.
//!
//! 1. **Collect**: [`crate::genai::recognise`] finds the calls, as views into the body.
//! 2. **Judge**: [`crate::settlement`] says which of them count, seen against the whole request and the
//!    traces that are still open.
//! 3. **Splice**: each call is priced, annotated and booked; then the new body is written once.

mod annotate;
mod facts;
mod money;
pub mod recent;
mod restate;
mod shared;
mod whose;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use smallvec::SmallVec;

pub use crate::booking::Values;
pub use annotate::{Annotations, Attributes, MAX_ALIASES, MAX_DIMENSIONS, instead, is_taken};
pub use money::{Outcome, Reported};
pub use restate::Restater;
pub use shared::{Arrival, Now, Settings, Shared};

use crate::booking::{Booking, Entries, Reported as Compared};
use crate::genai::call::{Call, LOG_EVENT, UNNUMBERED};
use crate::genai::dimensions::ACTION;
use crate::genai::found::Found;
use crate::genai::usage::{Bucket, Usage};
use crate::otlp::splice::Plan;
use crate::otlp::wire::Malformed;
use crate::pricing::{Catalog, Picodollars, Resolution, Resolver, Status};
use crate::settlement::{Judged, Judgement, Told};
use facts::Neighbour;
use shared::Edition;
use whose::{Base, Whose};

/// A request after processing.
#[derive(Clone, Debug)]
pub struct Processed {
    /// The new body: the same allocation where nothing was edited.
    pub body: Bytes,
    /// The bookings, as [`crate::booking::entries`] reads them; empty where there are none.
    pub entries: Bytes,
    /// Spans, or log records, of any kind.
    pub items: u64,
}

/// One worker's processor: shared state, and buffers that it keeps from request to request.
#[derive(Debug)]
pub struct Processor {
    shared: Arc<Shared>,
    resolver: Resolver,
    /// The number of the edition whose names the resolver remembers.
    resolves: u64,
    plan: Plan,
    found: Found<'static>,
    judgement: Judgement,
    /// What each call costs, in picodollars.
    prices: Vec<Option<i128>>,
    entries: Entries,
}

impl Processor {
    /// A processor.
    pub fn new(shared: Arc<Shared>) -> Self {
        Processor {
            shared,
            resolver: Resolver::default(),
            resolves: 0,
            plan: Plan::default(),
            found: Found::default(),
            judgement: Judgement::default(),
            prices: Vec::new(),
            entries: Entries::default(),
        }
    }

    /// Prices the calls of a trace request.
    ///
    /// # Errors
    /// [`Malformed`] framing; nothing has been counted then.
    pub fn process<'a>(
        &mut self,
        body: Bytes,
        arrival: impl Into<Arrival<'a>>,
    ) -> Result<Processed, Malformed> {
        self.process_with(body, arrival, |_, _, _, _| {})
    }

    /// The same, showing each call with its outcome, its verdict and its dimensions.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn process_with<'a>(
        &mut self,
        body: Bytes,
        arrival: impl Into<Arrival<'a>>,
        show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) -> Result<Processed, Malformed> {
        let shared = Arc::clone(&self.shared);
        self.plan.clear();
        let mut found = std::mem::take(&mut self.found).recycle();

        shared.recogniser.read(&body, &mut self.plan, &mut found)?;

        let items = self.conclude(&shared, arrival.into(), found, show);
        let body = self.plan.apply(body);
        self.entries.push_inserted(self.plan.inserted().iter().copied());
        Ok(Processed { body, entries: self.entries.take(), items })
    }

    /// Prices the calls that log records tell of. The records leave as they came.
    ///
    /// # Errors
    /// [`Malformed`] framing; nothing has been counted then.
    pub fn process_logs<'a>(
        &mut self,
        body: Bytes,
        arrival: impl Into<Arrival<'a>>,
        show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) -> Result<Processed, Malformed> {
        let shared = Arc::clone(&self.shared);
        self.plan.clear();
        let mut found = std::mem::take(&mut self.found).recycle();

        shared.events.read_logs(&body, &mut found)?;

        let items = self.conclude(&shared, arrival.into(), found, show);
        Ok(Processed { body, entries: self.entries.take(), items })
    }

    /// The second and the third pass over what was found; gives the number of items.
    fn conclude(
        &mut self,
        shared: &Shared,
        arrival: Arrival<'_>,
        mut found: Found<'_>,
        show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) -> u64 {
        shared.whose.prepare(&mut found);
        {
            let base = |resource| shared.whose.base(resource, arrival);
            let bases: SmallVec<[Base<'_>; 1]> = found.resources.iter().map(base).collect();
            self.judge(shared, arrival.now, &found, &bases);
            let edition = shared.edition.load();
            self.price(shared, &edition, arrival.now, &found, &bases, show);
            self.sum(shared, &edition, &found, &bases);
        }
        let items = found.span_count;
        self.found = found.recycle();
        items
    }

    /// The third pass: prices, annotates and books each call.
    fn price(
        &mut self,
        shared: &Shared,
        edition: &Edition,
        now: Now,
        found: &Found<'_>,
        bases: &[Base<'_>],
        mut show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) {
        if self.resolves != edition.number {
            self.resolver = Resolver::default();
            self.resolves = edition.number;
        }
        let (catalog, lookups) = (&*edition.catalog, &*edition.lookups);
        self.prices.clear();
        let mut is_shown = shared.recent.has_room(now);

        let mut brought = self.judgement.brought.iter().peekable();
        let mut lent = self.judgement.lent.iter().peekable();
        let mut resolved = (UNNUMBERED, Resolution::default());
        for (index, (call, judged)) in found.calls.iter().zip(&self.judgement.verdicts).enumerate() {
            let resource = &found.resources[call.resource as usize];
            let named;
            let call = match lent.next_if(|(to, _)| *to as usize == index) {
                None => call,
                Some((_, names)) => {
                    let mut call = call.clone();
                    names.lend(&mut call);
                    named = call;
                    &named
                }
            };
            // Neighbours mostly name the same model.
            if call.names == UNNUMBERED || call.names != resolved.0 {
                resolved = (call.names, money::resolve(call, catalog, &mut self.resolver));
            }
            let mut outcome = Outcome::new();
            money::price(&mut outcome, call, resource.cloud, catalog, &resolved.1, shared.reported, now);
            let base = &bases[call.resource as usize];
            let mut booking = Booking::default();
            let dimensions = &mut booking.dimensions;
            match brought.next_if(|(to, _)| *to as usize == index) {
                None => shared.whose.own(dimensions, found, base, call.dimensions, lookups),
                Some((_, known)) => shared.whose.known(dimensions, known, lookups),
            }
            if call.kind != LOG_EVENT {
                shared.annotations.write(&mut self.plan, call, &outcome, judged.verdict, catalog, dimensions);
            }
            self.prices.push(match outcome.status {
                Status::Failed => Some(0),
                _ => outcome.money.map(Picodollars::get),
            });
            if is_shown && !judged.again {
                is_shown = shared.recent.push(call, &outcome, judged.verdict, dimensions, edition, now);
            }
            book(&mut booking, call, &outcome, *judged, catalog, now, shared.max_age);
            if !judged.again {
                if call.weight.is_none() {
                    shared.absurd_weights.fetch_add(1, Ordering::Relaxed);
                }
                self.entries.push_booking(&booking);
            }
            show(call, &outcome, *judged, &booking.dimensions);
        }
    }

    /// Tells roots, agents and workflows what was spent below them, and roots whose it was.
    fn sum(&mut self, shared: &Shared, edition: &Edition, found: &Found<'_>, bases: &[Base<'_>]) {
        let table = &shared.open_traces;
        table.book(&self.judgement, &self.prices);
        table.sums(&self.judgement, found, |group, sums| {
            let said = found.mentions.of(found.spans[group.note as usize].said);
            let called = said.iter().find(|mention| mention.dimension == ACTION);
            let action = called.map_or_else(Default::default, |called| shared.whose.action(&called.value));
            let note = &found.spans[group.note as usize];
            // A root that is a call has them already.
            let mut dimensions = Values::new();
            if sums.trace.is_some() && note.call.is_none() {
                let base = &bases[group.resource as usize];
                shared.whose.own(&mut dimensions, found, base, note.said, &edition.lookups);
            }
            shared.annotations.write_sums(&mut self.plan, group, &sums, &action, &dimensions);
        });
    }

    fn judge(&mut self, shared: &Shared, now: Now, found: &Found<'_>, bases: &[Base<'_>]) {
        let (table, dialects) = (&shared.open_traces, &shared.recogniser.dialects);
        self.judgement.reset(found.calls.len());
        let tell = |index: u32| {
            let call = &found.calls[index as usize];
            let resource = &found.resources[call.resource as usize];
            Told::of(call, resource.cloud)
        };
        let last = RefCell::new(Neighbour::default());
        let facts = |index: u32| {
            let call = &found.calls[index as usize];
            let mut last = last.borrow_mut();
            last.meet(table, call, found.resources[call.resource as usize].sender);
            // What a log event and the span of the same call both say.
            let event = match dialects.get(call.dialect).has_events() {
                true => table.hash_all([last.sender, call.dialect.into(), table.hash(call.conversation)]),
                false => 0,
            };
            last.facts(table, call, event)
        };
        let say = |note: &_, out: &mut _| Whose::say(found, bases, note, out);
        table.judge(now.monotonic, found, say, facts, tell, &mut self.judgement);
    }
}

/// Fills the booking of a call in, whose dimensions stand there already: to move it takes as long as to make it.
fn book<'b>(
    booking: &mut Booking<'b>,
    call: &'b Call<'_>,
    outcome: &'b Outcome<'_>,
    judged: Judged,
    catalog: &'b Catalog,
    now: Now,
    max_age: u64,
) {
    if let Some(ids) = &call.ids {
        (booking.trace, booking.span) = (&ids.trace, &ids.span);
    }
    let theirs = outcome.reported.and_then(|(_, amount)| amount);
    booking.reported = theirs
        .zip(outcome.receipt.cost())
        .map(|(cost, ours)| Compared { cost, difference: cost.saturating_add(-ours) });
    (booking.end_unix_nano, booking.misdated) = money::booked(call, now, max_age);
    booking.open = judged.open;
    booking.verdict = judged.verdict.into();
    booking.status = outcome.status;
    booking.money = outcome.money;
    booking.weight = call.weight.unwrap_or_default();
    booking.provider = outcome.receipt.provider.map_or(call.provider, |id| catalog.provider(id).id().into());
    booking.model_asked = call.model_asked;
    booking.model_served = call.model_served;
    booking.operation = call.operation;
    booking.catalog_version = catalog.version().into();
    booking.service_tier = if call.tier_served.is_empty() { call.tier_asked } else { call.tier_served };
    let usage = call.usage().unwrap_or(&Usage::NOTHING);
    booking.input = usage.input_tokens();
    booking.output = usage.output_tokens();
    booking.cache_read = usage.cached_tokens();
    booking.cache_write = usage.cache_write_tokens();
    booking.reasoning = usage[Bucket::Reasoning];
    if booking.cache_read > 0 {
        booking.saved = catalog.saved(&outcome.receipt);
    }
}
