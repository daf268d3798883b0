//! What all processors of a process share: how spans are read, what is written on them, prices and lookups in force, open traces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::annotate::{self, Annotations, Attributes};
use super::money::Reported;
use super::recent::Recent;
use super::whose::Whose;
use crate::attribution::{Attribution, Dimension, Lookups, OfRequest, Unknown};
use crate::genai::dialects::Dialects;
use crate::genai::dialects::format::DialectFile;
use crate::genai::keys::Ranked;
use crate::genai::meaning::Meaning;
use crate::genai::recognise::Recogniser;
use crate::otlp::view::Text;
use crate::pricing::Catalog;
use crate::settlement::OpenTraces;

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
    /// The values of [`Shared::of_request`], in their order; empty: not said. Nothing at all where nobody asks for any.
    pub said: &'a [Text<'a>],
}

impl From<Now> for Arrival<'_> {
    fn from(now: Now) -> Self {
        Arrival { now, said: &[] }
    }
}

/// Prices and lookups in force. They change while requests are under way; a request has one edition from its first span to its
/// last.
#[derive(Clone, Debug)]
pub(super) struct Edition {
    /// Rises with each change of the catalog: a processor sees by it that what it remembers of names is out of date.
    pub(super) number: u64,
    pub(super) catalog: Arc<Catalog>,
    pub(super) lookups: Arc<Lookups>,
}

/// What every processor of a process shares.
#[derive(Debug)]
pub struct Shared {
    pub(super) recogniser: Recogniser,
    /// The same for log events.
    pub(super) events: Recogniser,
    pub(super) whose: Whose,
    pub(super) annotations: Annotations,
    pub(super) reported: Reported,
    pub(super) edition: ArcSwap<Edition>,
    pub(super) open_traces: OpenTraces,
    pub(super) recent: Recent,
    /// Nanoseconds after which a call's end can not be true.
    pub(super) max_age: u64,
    /// Calls that said that they stand for a number of calls which can not be.
    pub(super) absurd_weights: AtomicU64,
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
    /// How far back the end of a call may lie; older ones are booked when they come.
    pub max_age: std::time::Duration,
    /// The attribute that says how many calls a span stands for, if there is one.
    pub weight_key: Option<String>,
    /// Whose money it was.
    pub attribution: Attribution,
    /// Dialects beside the embedded ones.
    pub dialects: Vec<DialectFile>,
}

/// What holds where nobody says otherwise: nothing is written that nobody asked for, and no keys of dimensions are known.
impl Default for Settings {
    fn default() -> Self {
        Settings {
            attributes: Attributes::Default,
            aliases: Vec::new(),
            reported: Reported::Fallback,
            trust_upstream: true,
            settle_after: std::time::Duration::from_secs(10),
            max_open_bytes: 64 << 20,
            max_age: std::time::Duration::from_secs(400 * 86_400),
            weight_key: None,
            attribution: Attribution::default(),
            dialects: Vec::new(),
        }
    }
}

impl Shared {
    /// What processors with these settings share.
    pub fn new(settings: &Settings, catalog: Arc<Catalog>) -> Self {
        let annotations =
            Annotations::new(settings.attributes, settings.aliases.clone(), &settings.attribution.dimensions);
        let attribution = settings.attribution.clone();
        // Without a name no dialect knows a dimension that nothing in a body tells.
        let name = |it: &Dimension| if it.is_of_login() { String::new() } else { it.name.clone() };
        let keys: Vec<_> = attribution.dimensions.iter().map(|it| (name(it), it.keys.clone())).collect();
        let mut dialects = Dialects::new(&settings.dialects, &keys);
        for (index, key) in annotations.keys().enumerate() {
            let is_common = index >= annotations.first_dimension();
            let index = index as u8;
            let meaning = if is_common { Meaning::OursToo(index) } else { Meaning::Ours(index) };
            dialects.keys_mut().insert(key, Ranked { meaning, rank: 0, only: Ranked::ANY });
        }
        let upstream = Ranked { meaning: Meaning::UpstreamStatus, rank: 0, only: Ranked::ANY };
        dialects.keys_mut().insert(annotate::STATUS, upstream);
        let mut of_events = Dialects::of_events(&settings.dialects, &keys);
        if let Some(key) = &settings.weight_key {
            let weight = Ranked { meaning: Meaning::Weight, rank: 0, only: Ranked::ANY };
            for dialects in [&mut dialects, &mut of_events] {
                dialects.keys_mut().insert(key, weight);
            }
        }
        let trust_upstream = settings.trust_upstream;
        Shared {
            recogniser: Recogniser { dialects, trust_upstream },
            events: Recogniser { dialects: of_events, trust_upstream },
            whose: Whose::new(attribution),
            annotations,
            reported: settings.reported,
            edition: ArcSwap::from_pointee(Edition { number: 0, catalog, lookups: Arc::default() }),
            open_traces: OpenTraces::new(nanoseconds(settings.settle_after), settings.max_open_bytes),
            recent: Recent::default(),
            max_age: nanoseconds(settings.max_age),
            absurd_weights: AtomicU64::new(0),
        }
    }

    /// The table of open traces.
    pub fn open_traces(&self) -> &OpenTraces {
        &self.open_traces
    }

    /// The last calls.
    pub fn recent(&self) -> &Recent {
        &self.recent
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
        &self.whose.unknown
    }

    /// Values of dimensions that were too long and were cut, values that were none, and names of actions beyond the limit, since the
    /// start; of neighbours that say the same only one is counted.
    pub fn odd_values(&self) -> [u64; 3] {
        [&self.whose.cut, &self.whose.unusable, &self.whose.folded_actions]
            .map(|count| count.load(Ordering::Relaxed))
    }

    /// Whose money it is, as configured.
    pub fn attribution(&self) -> &Attribution {
        &self.whose.attribution
    }

    /// Calls since the start that said that they stand for a number of calls which can not be: they stand for one.
    pub fn absurd_weights(&self) -> u64 {
        self.absurd_weights.load(Ordering::Relaxed)
    }

    /// The dimensions, in the order in which bookings have their values.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.whose.attribution.dimensions
    }

    /// What of a request tells a dimension, each once, and what it is called.
    pub fn of_request(&self) -> &[(OfRequest, Arc<str>)] {
        &self.whose.of_request
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
