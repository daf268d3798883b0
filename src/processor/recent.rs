//! The last calls with their receipts, for people who look how prices come about.
//!
//! They are copied as they are forwarded, into buffers that are used again; what they say in words is looked up when somebody asks. More
//! calls in a tenth of a second than there is room for nobody could see, and so nobody copies them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::money::Outcome;
use super::shared::{Edition, Now};
use super::{Call, Values};
use crate::genai::call::Ids;
use crate::genai::dimensions::cut_text;
use crate::genai::usage::Usage;
use crate::otlp::view::Text;
use crate::pricing::{Catalog, Picodollars, Receipt, Status};
use crate::settlement::Verdict;

/// So many calls are kept.
pub const ROOM: usize = 200;
/// Nanoseconds in which at most [`ROOM`] are copied.
const WINDOW: u64 = 100_000_000;
/// So many editions of prices are kept for their words.
const EDITIONS: u64 = 4;

/// A call as it was forwarded. Texts are cut to [`MAX_VALUE`](crate::genai::dimensions::MAX_VALUE) bytes.
#[derive(Clone, Debug)]
pub struct RecentCall {
    /// Trace, span and parent; `None`: the span tells no valid ones.
    pub ids: Option<Ids>,
    /// OTLP's number of the kind of span; [`LOG_EVENT`](crate::genai::call::LOG_EVENT): a log record told of it.
    pub kind: u8,
    /// When it ended, nanoseconds since 1970; when it came, if it does not say.
    pub end_unix_nano: u64,
    /// Whether it counts, as far as was known when it was forwarded.
    pub verdict: Verdict,
    /// The status that it has if it counts.
    pub status: Status,
    /// What it costs if it counts; `None`: not known.
    pub money: Option<Picodollars>,
    /// Its receipt, without lines where we have no price.
    pub receipt: Receipt,
    /// What the receipt's ids mean.
    pub catalog: Arc<Catalog>,
    /// What it used; `None`: it tells nothing.
    pub usage: Option<Usage>,
    /// What the sender says that it costs.
    pub reported: Option<Picodollars>,
    edition: u64,
    texts: Texts,
}

/// Texts of a call, one behind the other.
#[derive(Clone, Debug, Default)]
struct Texts {
    text: String,
    ends: Vec<u16>,
}

/// Which text of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The span's name.
    Name,
    /// Why its status is what it is; empty: nothing to say.
    Reason,
    /// The provider as the span calls it.
    Provider,
    /// Model asked for.
    ModelAsked,
    /// Model that answered.
    ModelServed,
    /// Operation.
    Operation,
    /// The service tier that served it, or was asked for.
    ServiceTier,
    /// Under which key the sender's cost stands.
    ReportedKey,
}

/// As many are there; behind them the values of the dimensions.
const SAID: usize = Said::ReportedKey as usize + 1;

impl Texts {
    fn push(&mut self, text: Text<'_>) {
        self.text.push_str(&cut_text(text).to_str_lossy());
        self.ends.push(u16::try_from(self.text.len()).unwrap_or(u16::MAX));
    }

    fn get(&self, index: usize) -> &str {
        let start =
            index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(u16::MAX));
        let end = self.ends.get(index).copied().unwrap_or_default();
        self.text.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }
}

impl RecentCall {
    /// A text of it; empty: not said.
    pub fn said(&self, what: Said) -> &str {
        self.texts.get(what as usize)
    }

    /// The value of a dimension, by its position in the config; empty: not known.
    pub fn dimension(&self, position: usize) -> &str {
        self.texts.get(SAID + position)
    }
}

/// The last calls.
#[derive(Debug, Default)]
pub struct Recent {
    /// There is no room before this time on the monotonic clock.
    full_until: AtomicU64,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// The oldest first.
    calls: VecDeque<RecentCall>,
    /// When the window began, and how many have come in it.
    began: u64,
    came: usize,
}

impl Recent {
    /// The last calls, at most `limit`, the last first.
    pub fn last(&self, limit: usize) -> Vec<RecentCall> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.calls.iter().rev().take(limit).cloned().collect()
    }

    /// Whether calls of a request are to be pushed.
    #[inline]
    pub(super) fn has_room(&self, now: Now) -> bool {
        now.monotonic >= self.full_until.load(Ordering::Relaxed)
    }

    /// Copies a call, unless somebody else is at it right now; says whether there is room for more.
    #[cold]
    pub(super) fn push(
        &self,
        call: &Call<'_>,
        outcome: &Outcome<'_>,
        verdict: Verdict,
        dimensions: &Values<'_>,
        edition: &Edition,
        now: Now,
    ) -> bool {
        let Ok(mut ring) = self.ring.try_lock() else { return true };
        if now.monotonic.abs_diff(ring.began) >= WINDOW {
            (ring.began, ring.came) = (now.monotonic, 0);
        }
        ring.came += 1;
        let has_room = ring.came < ROOM;
        if !has_room {
            self.full_until.store(ring.began.saturating_add(WINDOW), Ordering::Relaxed);
        }
        // Prices that were replaced long ago would be kept for their words alone.
        while ring.calls.front().is_some_and(|first| first.edition + EDITIONS < edition.number) {
            ring.calls.pop_front();
        }
        let used = if ring.calls.len() < ROOM { None } else { ring.calls.pop_front() };
        let mut texts = used.map(|used| used.texts).unwrap_or_default();
        texts.text.clear();
        texts.ends.clear();
        let tier = if call.tier_served.is_empty() { call.tier_asked } else { call.tier_served };
        let key = outcome.reported.as_ref().map_or("", |(key, _)| *key);
        // In the order of `Said`.
        let said = [
            call.name,
            (&*outcome.reason).into(),
            call.provider,
            call.model_asked,
            call.model_served,
            call.operation,
            tier,
            key.into(),
        ];
        for text in said {
            texts.push(text);
        }
        for value in dimensions {
            texts.push(*value);
        }
        ring.calls.push_back(RecentCall {
            ids: call.ids,
            kind: call.kind,
            end_unix_nano: super::money::end(call, now),
            verdict,
            status: outcome.status,
            money: outcome.money,
            receipt: outcome.receipt.clone(),
            catalog: Arc::clone(&edition.catalog),
            usage: call.usage().copied(),
            reported: outcome.reported.and_then(|(_, amount)| amount),
            edition: edition.number,
            texts,
        });
        has_room
    }
}
