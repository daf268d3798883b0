//! The way of a request from a receiver into the queue: reserve, process, commit.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;

use super::Refusal;
use crate::access::login::Login;
use crate::attribution::OfRequest;
use crate::booking::{Entries, Entry, entries, inserted};
use crate::otlp::view::Text;
use crate::otlp::{Signal, cut, items};
use crate::processor::{Arrival, Now, Processed, Processor, Restater, Shared};
use crate::queue::stored::Stored;
use crate::queue::{Committed, Log, Part, Record, Request, Route, Said};
use crate::settlement::Settled;
use crate::time::unix_nano;

/// A processor that has seen a larger body is not kept, nor are more than these.
const KEEP_BYTES: usize = 4 << 20;
const KEEP_PROCESSORS: usize = 64;

/// The monotonic clock when the process began: what an earlier process accepted came before. Nanoseconds.
const BEGIN: u64 = 3_600_000_000_000;

/// A request that was taken.
#[derive(Debug)]
pub struct Taken {
    /// Items in it.
    pub items: u64,
    /// It may be acknowledged when this is safe.
    pub committed: Committed,
}

/// Takes requests of all signals.
#[derive(Debug)]
pub struct Intake {
    log: Log,
    /// By signal; empty: no pipeline takes it.
    routes: [Vec<Route>; 3],
    pricing: Option<Pricing>,
    started: Instant,
}

#[derive(Debug)]
struct Pricing {
    shared: Arc<Shared>,
    /// Processors that are not at work: as many as there ever were requests at once.
    idle: Mutex<Vec<Processor>>,
    /// Read while a request is between its verdict and its commit, written while traces settle: the log
    /// must hold a booking before the settlement that ends it.
    committing: RwLock<()>,
    /// Where settlements go.
    ledger: Route,
}

impl Intake {
    /// An intake into `log`. `pricing` is there if some pipeline of traces or logs prices; its route is the ledger's.
    pub fn new(log: Log, routes: [Vec<Route>; 3], pricing: Option<(Arc<Shared>, Route)>) -> Self {
        let pricing = pricing.map(|(shared, ledger)| Pricing {
            shared,
            idle: Mutex::default(),
            committing: RwLock::default(),
            ledger,
        });
        Intake { log, routes, pricing, started: Instant::now() }
    }

    /// Picks what a request says of dimensions besides its body. What is no text says nothing; what is too long is cut when it is read.
    pub fn said(&self, headers: &HeaderMap, login: &Login) -> Said {
        let parts = self.pricing.as_ref().map_or(&[][..], |pricing| pricing.shared.of_request());
        let is_text = |value: &&HeaderValue| std::str::from_utf8(value.as_bytes()).is_ok();
        let said = |(part, name): &(OfRequest, Arc<str>)| {
            let value = match part {
                OfRequest::Header(name) => headers.get(name).filter(is_text).cloned(),
                OfRequest::Login => login.name.clone(),
            };
            Some((Arc::clone(name), value?))
        };
        parts.iter().filter_map(said).collect()
    }

    /// Takes a request with what it [said](Self::said) besides its body: when this returns, it is on its way to the queue.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has been counted or forwarded then.
    pub fn accept(&self, signal: Signal, body: Bytes, said: Said) -> Result<Taken, Refusal> {
        let routes = &self.routes[signal as usize];
        if routes.is_empty() {
            return Err(Refusal::NoPipeline(signal));
        }
        // An empty request is answered with success and goes nowhere (OTLP specification, "Full Success").
        if body.is_empty() {
            return Ok(Taken { items: 0, committed: Committed::NOTHING });
        }
        let permit = self.log.reserve(routes, body.len())?;
        let priced = routes.iter().any(|route| matches!(route.part, Part::Priced | Part::Held));
        let is_held = routes.iter().any(|route| route.part == Part::Held);
        let (record, items, committing) = match &self.pricing {
            Some(pricing) if priced => {
                let committing = pricing.committing.read().unwrap_or_else(PoisonError::into_inner);
                let now = self.now();
                let processed = pricing.process(signal, body.clone(), now, &said)?;
                let items = processed.items;
                let request = Request {
                    signal,
                    // What is held is written anew when it goes.
                    priced: if is_held { body.clone() } else { processed.body },
                    raw: body,
                    items,
                    arrived: now.unix_nano,
                    said,
                };
                (Record { request: Some(request), entries: processed.entries }, items, Some(committing))
            }
            _ => {
                let items = items::count(signal, &body)?;
                (Record::from(Request::new(signal, body, items)), items, None)
            }
        };
        let committed = permit.commit(record);
        drop(committing);
        if self.pricing.as_ref().is_some_and(|pricing| pricing.shared.open_traces().is_over_budget()) {
            self.settle(|shared, settled| shared.open_traces().make_room(settled));
        }
        Ok(Taken { items, committed })
    }

    /// Lets a request go that was held, with what is known of it by now.
    ///
    /// # Errors
    /// [`Refusal::Full`] and its like: there is no room for it yet.
    pub fn let_go(&self, request: &Request, routes: &[Route]) -> Result<Committed, Refusal> {
        let permit = self.log.reserve(routes, request.raw.len())?;
        Ok(permit.commit(self.known_by_now(request)))
    }

    /// The same past all budgets: nothing else comes.
    pub fn let_go_at_last(&self, request: &Request, routes: &[Route]) {
        self.log.append(routes, self.known_by_now(request));
    }

    /// Says when the oldest request came, in nanoseconds since 1970, that is held back: its traces stay open. `None`: there is none.
    pub fn holds(&self, oldest: Option<u64>) {
        let Some(pricing) = &self.pricing else { return };
        let now = self.now();
        let since = oldest.map(|arrived| now.monotonic.saturating_sub(now.unix_nano.saturating_sub(arrived)));
        pricing.shared.open_traces().need(since.unwrap_or(u64::MAX));
    }

    /// A request that is booked already, as it would leave if it came now.
    fn known_by_now(&self, request: &Request) -> Record {
        let body = request.raw.clone();
        // No trace settles meanwhile.
        let pricing = self.pricing.as_ref();
        let _no_settling = pricing.map(|it| it.committing.read().unwrap_or_else(PoisonError::into_inner));
        let processed = self
            .pricing
            .as_ref()
            .map(|pricing| pricing.process(request.signal, body, self.now(), &request.said));
        let body = match processed {
            Some(Ok(processed)) => processed.body,
            // An earlier process took it, by another config.
            Some(Err(_)) | None => request.raw.clone(),
        };
        Record::from(Request::new(request.signal, body, request.items))
    }

    /// Tells the open traces of a record that an earlier process accepted. Its bookings are the ledger's to read.
    ///
    /// # Errors
    /// [`Refusal`]: it is not one that we wrote, or the limits are others now.
    pub fn replay(&self, record: &Stored) -> Result<(), Refusal> {
        let Some(pricing) = &self.pricing else { return Ok(()) };
        let table = pricing.shared.open_traces();
        table.set_rebuilding(true);
        let replayed = self.retell(pricing, record);
        table.set_rebuilding(false);
        for entry in entries(&record.entries) {
            if let Entry::Settlement(settlement) = entry?
                && let Ok(trace) = settlement.trace.try_into()
            {
                // What came of it stands in the log.
                table.settle_one(trace, &mut Vec::new());
            }
        }
        replayed
    }

    fn retell(&self, pricing: &Pricing, record: &Stored) -> Result<(), Refusal> {
        let has = |part| record.routes.iter().any(|(_, it)| *it == part);
        let Some(request) = record.request.as_ref().filter(|_| has(Part::Entries)) else { return Ok(()) };
        let body = match has(Part::Raw) || has(Part::Held) {
            true => request.raw.clone(),
            false => cut::without(&request.priced, &inserted(&record.entries)?)?,
        };
        let now = self.now();
        let age = now.unix_nano.saturating_sub(request.arrived);
        let then = Now { unix_nano: request.arrived, monotonic: now.monotonic.saturating_sub(age) };
        pricing.process(request.signal, body, then, &request.said)?;
        Ok(())
    }

    /// Settles those of these traces as they were booked that are not open: their bookings are pending, and nobody else would. A
    /// config that knows fewer calls than an earlier process' makes such.
    pub fn settle_orphans(&self, traces: &[[u8; 16]]) {
        let Some(pricing) = &self.pricing else { return };
        let mut entries = Entries::default();
        let mut orphans =
            traces.iter().filter(|trace| !pricing.shared.open_traces().has_calls(trace)).peekable();
        if orphans.peek().is_none() {
            return;
        }
        orphans.for_each(|trace| entries.push_settlement(trace, Text::default(), &[], |_| {}));
        self.log.append(&[pricing.ledger], Record { request: None, entries: entries.take() });
    }

    /// Settles the traces that have been idle for long enough. While the disk takes nothing none is: requests that are on their way to
    /// it are in open traces and not answered, and would count again when they come again.
    pub fn settle_idle(&self) {
        let now = self.now().monotonic;
        if let Some(pricing) = &self.pricing
            && self.log.is_failing()
        {
            pricing.shared.open_traces().hold(now);
        }
        self.settle(|shared, settled| shared.open_traces().settle_idle(now, settled));
    }

    /// Settles all traces: nothing more will come.
    pub fn settle_all(&self) {
        self.settle(|shared, settled| shared.open_traces().settle_all(settled));
    }

    fn settle(&self, due: impl FnOnce(&Shared, &mut Vec<Settled>)) {
        let Some(pricing) = &self.pricing else { return };
        let _no_commits = pricing.committing.write().unwrap_or_else(PoisonError::into_inner);
        let mut settled = Vec::new();
        due(&pricing.shared, &mut settled);
        if settled.is_empty() {
            return;
        }
        let mut entries = Entries::default();
        let mut restater = Restater::new(&pricing.shared, self.now());
        for settled in &settled {
            restater.push(settled, &mut entries);
        }
        self.log.append(&[pricing.ledger], Record { request: None, entries: entries.take() });
    }

    fn now(&self) -> Now {
        // 64 bits of nanoseconds last for 584 years of uptime.
        Now { unix_nano: unix_nano(), monotonic: BEGIN + self.started.elapsed().as_nanos() as u64 }
    }
}

impl Pricing {
    fn process(&self, signal: Signal, body: Bytes, now: Now, said: &Said) -> Result<Processed, Refusal> {
        // By name: it may have been said to an earlier process, by another config.
        let value = |(_, name): &(OfRequest, Arc<str>)| {
            let said = said.iter().find(|(by, _)| by == name);
            said.map_or(Text::default(), |(_, value)| Text(value.as_bytes()))
        };
        let said: SmallVec<[Text<'_>; 4]> = self.shared.of_request().iter().map(value).collect();
        let arrival = Arrival { now, said: &said };
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut processor = taken.unwrap_or_else(|| Processor::new(Arc::clone(&self.shared)));
        let large = body.len() > KEEP_BYTES;
        let processed = match signal {
            Signal::Logs => processor.process_logs(body, arrival, |_, _, _, _| {}),
            _ => processor.process(body, arrival),
        };
        // Buffers that one large request has blown up are not worth their memory to the small ones after it.
        let mut idle = idle();
        if !large && idle.len() < KEEP_PROCESSORS {
            idle.push(processor);
        }
        Ok(processed?)
    }
}
