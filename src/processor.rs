//! The pricetag processor: three passes over one request, synchronous and without I/O.
//!
//! 1. **Collect**: [`crate::genai::recognise`] finds the calls, as views into the body.
//! 2. **Judge**: [`crate::settlement`] says which of them count, seen against the whole request and the
//!    traces that are still open.
//! 3. **Splice**: each call is priced, annotated and booked; then the new body is written once.

mod annotate;
mod money;
mod restate;

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

pub use crate::booking::Values;
pub use annotate::{Annotations, Attributes, DUPLICATE_OF_EVENT, MAX_ALIASES, is_taken};
pub use money::{Outcome, Reported};
pub use restate::Restater;

use crate::attribution::{Attribution, Lookups, Unknown};
use crate::booking::{Booking, Entries, Reported as Compared};
use crate::genai::call::{Call, LOG_EVENT};
use crate::genai::dialects::Dialects;
use crate::genai::dialects::format::DialectFile;
use crate::genai::found::Found;
use crate::genai::keys::Ranked;
use crate::genai::meaning::Meaning;
use crate::genai::recognise::Recogniser;
use crate::genai::usage::{Bucket, Usage};
use crate::otlp::splice::Plan;
use crate::otlp::view::Text;
use crate::otlp::wire::Malformed;
use crate::pricing::{Catalog, Resolver};
use crate::settlement::{Facts, Judged, Judgement, OpenTraces, PARTS, Told};

/// Times of a request, from the caller's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Nanoseconds since 1970: prices a span that does not say when it ended.
    pub unix_nano: u64,
    /// Nanoseconds on a monotonic clock: ages open traces.
    pub monotonic: u64,
}

/// A request's arrival: when, and what its headers said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival<'a> {
    /// When.
    pub now: Now,
    /// The values of [`Shared::headers`], in their order; empty: not said. Nothing at all where nobody asks for headers.
    pub headers: &'a [Text<'a>],
}

impl From<Now> for Arrival<'_> {
    fn from(now: Now) -> Self {
        Arrival { now, headers: &[] }
    }
}

/// Prices and lookups in force. They change while requests are under way; a request has one edition from its first span to its
/// last.
#[derive(Clone, Debug)]
struct Edition {
    /// Rises with each change of the catalog: a processor sees by it that what it remembers of names is out of date.
    number: u64,
    catalog: Arc<Catalog>,
    lookups: Arc<Lookups>,
}

/// What every processor of a process shares.
#[derive(Debug)]
pub struct Shared {
    recogniser: Recogniser,
    /// The same for log events.
    events: Recogniser,
    attribution: Attribution,
    /// The headers that tell a dimension.
    headers: Vec<String>,
    /// What the lookups had no row for.
    unknown: Unknown,
    annotations: Annotations,
    reported: Reported,
    edition: ArcSwap<Edition>,
    open_traces: OpenTraces,
}

/// The processor's settings, validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to write on spans.
    pub attributes: Attributes,
    /// Further keys for the total.
    pub aliases: Vec<String>,
    /// What a sender's own cost counts for.
    pub reported: Reported,
    /// Spans that another pricetag has priced pass untouched and uncounted.
    pub trust_upstream: bool,
    /// How long after its last span a trace settles.
    pub settle_after: std::time::Duration,
    /// Bytes that open traces may take.
    pub max_open_bytes: usize,
    /// Whose money it was.
    pub attribution: Attribution,
    /// Dialects beside the embedded ones.
    pub dialects: Vec<DialectFile>,
}

impl Shared {
    /// What processors with these settings share.
    pub fn new(settings: &Settings, catalog: Arc<Catalog>) -> Self {
        let annotations = Annotations::new(settings.attributes, settings.aliases.clone());
        let attribution = settings.attribution.clone();
        let keys: Vec<_> =
            attribution.dimensions.iter().map(|it| (it.name.clone(), it.keys.clone())).collect();
        let mut headers: Vec<String> =
            attribution.dimensions.iter().filter_map(|it| it.header.clone()).collect();
        headers.sort_unstable();
        headers.dedup();
        let mut dialects = Dialects::new(&settings.dialects, &keys);
        for (index, key) in annotations.keys().enumerate() {
            let meaning = Meaning::Ours(index as u8);
            dialects.keys_mut().insert(key, Ranked { meaning, rank: 0, only: Ranked::ANY });
        }
        let upstream = Ranked { meaning: Meaning::UpstreamStatus, rank: 0, only: Ranked::ANY };
        dialects.keys_mut().insert(annotate::STATUS, upstream);
        Shared {
            recogniser: Recogniser { dialects, trust_upstream: settings.trust_upstream },
            events: Recogniser {
                dialects: Dialects::of_events(&settings.dialects, &keys),
                trust_upstream: settings.trust_upstream,
            },
            unknown: Unknown::new(attribution.lookups),
            attribution,
            headers,
            annotations,
            reported: settings.reported,
            edition: ArcSwap::from_pointee(Edition { number: 0, catalog, lookups: Arc::default() }),
            open_traces: OpenTraces::new(
                u64::try_from(settings.settle_after.as_nanos()).unwrap_or(u64::MAX),
                settings.max_open_bytes,
            ),
        }
    }

    /// The table of open traces.
    pub fn open_traces(&self) -> &OpenTraces {
        &self.open_traces
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.edition.load().catalog)
    }

    /// Puts another catalog in force, for all requests that begin from now on.
    pub fn replace_catalog(&self, catalog: Arc<Catalog>) {
        self.edition.rcu(|before| Edition {
            number: before.number + 1,
            catalog: Arc::clone(&catalog),
            lookups: Arc::clone(&before.lookups),
        });
    }

    /// The lookups in force.
    pub fn lookups(&self) -> Arc<Lookups> {
        Arc::clone(&self.edition.load().lookups)
    }

    /// Puts other lookups in force, likewise.
    pub fn replace_lookups(&self, lookups: Arc<Lookups>) {
        self.edition.rcu(|before| Edition { lookups: Arc::clone(&lookups), ..Edition::clone(before) });
    }

    /// What the lookups had no row for.
    pub fn unknown(&self) -> &Unknown {
        &self.unknown
    }

    /// The request headers that tell a dimension, in lower case, each once.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }
}

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
        let mut found = std::mem::take(&mut self.found).recycle(shared.attribution.dimensions.len());

        shared.recogniser.read(&body, &mut self.plan, &mut found)?;

        let items = self.conclude(&shared, arrival.into(), found, show);
        Ok(Processed { body: self.plan.apply(body), entries: self.entries.take(), items })
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
        let mut found = std::mem::take(&mut self.found).recycle(shared.attribution.dimensions.len());

        shared.events.read_logs(&body, &mut found)?;

        let items = self.conclude(&shared, arrival.into(), found, show);
        Ok(Processed { body, entries: self.entries.take(), items })
    }

    /// The second and the third pass over what was found; gives the number of items.
    fn conclude(
        &mut self,
        shared: &Shared,
        arrival: Arrival<'_>,
        found: Found<'_>,
        show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) -> u64 {
        self.judge(shared, arrival.now, &found);
        self.price(shared, arrival.now, &found, show);
        let items = found.span_count;
        self.found = found.recycle(shared.attribution.dimensions.len());
        items
    }

    /// The third pass: prices, annotates and books each call.
    fn price(
        &mut self,
        shared: &Shared,
        now: Now,
        found: &Found<'_>,
        mut show: impl FnMut(&Call<'_>, &Outcome<'_>, Judged, &Values<'_>),
    ) {
        let edition = shared.edition.load();
        if self.resolves != edition.number {
            self.resolver = Resolver::default();
            self.resolves = edition.number;
        }
        let catalog = &*edition.catalog;

        let mut lent = self.judgement.lent.iter().peekable();
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
            let mut outcome = Outcome::new();
            money::price(
                &mut outcome,
                call,
                resource.cloud,
                catalog,
                &mut self.resolver,
                shared.reported,
                now,
            );
            let dimensions = found.dimensions.values(call.dimensions, resource.dimensions).collect();
            if call.kind != LOG_EVENT {
                shared.annotations.write(&mut self.plan, call, &outcome, judged.verdict, catalog);
            }
            let booking = booking(call, &outcome, *judged, dimensions, catalog, now);
            if !judged.again {
                self.entries.push_booking(&booking);
            }
            show(call, &outcome, *judged, &booking.dimensions);
        }
    }

    fn judge(&mut self, shared: &Shared, now: Now, found: &Found<'_>) {
        let (table, dialects) = (&shared.open_traces, &shared.recogniser.dialects);
        self.judgement.reset(found.calls.len());
        let tell = |index: u32| {
            let call = &found.calls[index as usize];
            let resource = &found.resources[call.resource as usize];
            Told::of(call, resource.cloud, found.dimensions.values(call.dimensions, resource.dimensions))
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
        table.judge(now.monotonic, &found.spans, facts, tell, &mut self.judgement);
    }
}

/// What the call before said, and its hashes: neighbours mostly have one resource, one scope and one model, and comparing
/// texts is cheaper than hashing them.
#[derive(Default)]
struct Neighbour<'a> {
    /// One more than the number of the resource; zero: there was no call before.
    resource: u32,
    sender: u64,
    scope: (Text<'a>, u64),
    names: [(Text<'a>, u64); 4],
    all_names: u64,
}

impl<'a> Neighbour<'a> {
    fn meet(&mut self, table: &OpenTraces, call: &Call<'a>, sender: [Text<'_>; 3]) {
        if self.resource != call.resource + 1 {
            self.resource = call.resource + 1;
            self.sender = table.hash_all(sender.map(|text| table.hash(text)));
            self.all_names = 0;
        }
        if self.scope.0 != call.scope {
            self.scope = (call.scope, table.hash(call.scope));
        }
        let names = [call.provider, call.host, call.model_asked, call.model_served];
        if self.all_names == 0 || names.iter().zip(&self.names).any(|(now, (before, _))| now != before) {
            self.names = names.map(|name| (name, table.hash(name)));
            self.all_names = table.hash_all(self.names.map(|(_, hash)| hash));
        }
    }

    /// What judging needs to know of the call that was met.
    fn facts(&self, table: &OpenTraces, call: &Call<'_>, event: u64) -> Facts {
        let usage = call.usage().unwrap_or(&Usage::NOTHING);
        let [provider, _, asked, served] = self.names.map(|(_, hash)| hash);
        Facts {
            role: call.role,
            scope: self.scope.1,
            kind: call.kind,
            is_event: call.kind == LOG_EVENT,
            response_id: table.hash(call.response_id),
            asked,
            served,
            provider,
            names: self.all_names,
            sender: self.sender,
            event,
            input: usage.input_tokens(),
            output: usage.output_tokens(),
            parts: PARTS.map(|bucket| u32::try_from(usage[bucket]).unwrap_or(u32::MAX)),
            richness: usage.richness() as u8,
        }
    }
}

fn booking<'b>(
    call: &'b Call<'_>,
    outcome: &'b Outcome<'_>,
    judged: Judged,
    dimensions: Values<'b>,
    catalog: &'b Catalog,
    now: Now,
) -> Booking<'b> {
    let (trace, span) = call.ids.as_ref().map_or((&[][..], &[][..]), |ids| (&ids.trace, &ids.span));
    let usage = call.usage().unwrap_or(&Usage::NOTHING);
    let theirs = outcome.reported.and_then(|(_, amount)| amount);
    let reported = theirs
        .zip(outcome.receipt.cost())
        .map(|(cost, ours)| Compared { cost, difference: cost.saturating_add(-ours) });
    Booking {
        trace,
        span,
        end_unix_nano: money::end(call, now),
        open: judged.open,
        verdict: judged.verdict.into(),
        status: outcome.status,
        money: outcome.money,
        reported,
        provider: outcome.receipt.provider.map_or(call.provider, |id| catalog.provider(id).id().into()),
        model_asked: call.model_asked,
        model_served: call.model_served,
        operation: call.operation,
        catalog_version: catalog.version().into(),
        service_tier: if call.tier_served.is_empty() { call.tier_asked } else { call.tier_served },
        input: usage.input_tokens(),
        output: usage.output_tokens(),
        cache_read: usage.cached_tokens(),
        cache_write: usage.cache_write_tokens(),
        reasoning: usage[Bucket::Reasoning],
        dimensions,
    }
}
