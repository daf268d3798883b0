//! A model's price: rates, and the conditions that change them.

use std::fmt;

use super::rate::{Factor, Rate};
use super::when::{Days, Hours, Moment};
use crate::genai::usage::Bucket;

/// What about a call, besides its usage, decides its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// When the call ended, nanoseconds since 1970: the price in force then holds.
    pub end_unix_nano: u64,
    /// The service tier that the request asked for; empty if none.
    pub tier_asked: &'a str,
    /// The service tier that the response names; empty if none. It wins over the one asked for.
    pub tier_served: &'a str,
    /// Whether the call was part of a batch. A tier named `batch` says it too.
    pub batch: bool,
    /// The region that served the call, where its names say none; see
    /// [`Resolution::region`](super::matching::Resolution::region).
    pub region: &'a str,
}

/// Names of the standard tier. `auto` leaves the choice to the provider, who then names the tier served; `normal` is Claude
/// Code's word for the speed that is not `fast`.
const STANDARD: [&str; 7] = ["", "default", "standard", "normal", "auto", "on_demand", "on-demand"];

impl<'a> Conditions<'a> {
    /// The tier that counts, as it was named.
    fn tier_named(&self) -> &'a str {
        let served = self.tier_served.trim_ascii();
        if served.is_empty() { self.tier_asked.trim_ascii() } else { served }
    }

    /// The tier that counts, empty for the standard one; and whether the call was part of a batch.
    fn tier_and_batch(&self) -> (&'a str, bool) {
        let named = self.tier_named();
        // What OpenAI calls it, and those that say nothing, are most calls.
        if matches!(named, "" | "default") || STANDARD.iter().any(|name| named.eq_ignore_ascii_case(name)) {
            ("", self.batch)
        } else if named.eq_ignore_ascii_case("batch") {
            ("", true)
        } else {
            (named, self.batch)
        }
    }

    /// The tier that counts; empty for the standard one.
    pub(super) fn tier(&self) -> &'a str {
        self.tier_and_batch().0
    }

    /// When the call ended.
    pub(super) const fn end(&self) -> Moment {
        Moment::from_unix((self.end_unix_nano / 1_000_000_000) as i64)
    }
}

/// The most `when`s a model may have: one bit each.
pub(super) const MAX_WHENS: usize = 64;

/// Which of a model's `when`s were true for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied(u64);

impl Applied {
    /// The first so many.
    fn all(whens: usize) -> Self {
        Self(u64::MAX.checked_shr((MAX_WHENS - whens.min(MAX_WHENS)) as u32).unwrap_or(0))
    }

    /// Those that are also in `of`.
    const fn within(self, of: Self) -> Self {
        Self(self.0 & of.0)
    }

    const fn insert(&mut self, nth: usize) {
        self.0 |= 1 << nth;
    }

    /// Their positions, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..MAX_WHENS - self.0.leading_zeros() as usize).filter(move |nth| self.0 >> nth & 1 == 1)
    }

    /// Whether none was true.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Rates by bucket, some of which only remove an earlier one: looked up without a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// For each bucket the index of its rate, [`REMOVED`] or [`UNSAID`].
    places: [u8; Bucket::COUNT],
    rates: Box<[Rate]>,
}

/// It says nothing of the bucket.
const UNSAID: u8 = u8::MAX;
/// The bucket has no rate any more.
const REMOVED: u8 = u8::MAX - 1;

impl Default for Patch {
    fn default() -> Self {
        Patch { places: [UNSAID; Bucket::COUNT], rates: Box::default() }
    }
}

impl Patch {
    /// From rates by bucket, each once; `None` removes.
    pub(super) fn new(written: &[(Bucket, Option<Rate>)]) -> Self {
        let mut places = [UNSAID; Bucket::COUNT];
        let mut rates: Vec<(Bucket, Rate)> = Vec::new();
        for &(bucket, rate) in written {
            places[bucket as usize] = REMOVED;
            rates.extend(rate.map(|rate| (bucket, rate)));
        }
        rates.sort_by_key(|(bucket, _)| *bucket);
        for (place, (bucket, _)) in (0..).zip(&rates) {
            places[*bucket as usize] = place;
        }
        Patch { places, rates: rates.into_iter().map(|(_, rate)| rate).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places == [UNSAID; Bucket::COUNT]
    }

    /// Every bucket that it names, in receipt order, with its rate; `None` where the earlier rate goes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Bucket, Option<Rate>)> + '_ {
        Bucket::ALL.into_iter().filter_map(|bucket| Some((bucket, self.get(bucket)?)))
    }

    /// What it says of a bucket: nothing, that it has no rate, or its rate.
    fn get(&self, bucket: Bucket) -> Option<Option<Rate>> {
        match self.places[bucket as usize] {
            UNSAID => None,
            REMOVED => Some(None),
            place => Some(Some(self.rates[usize::from(place)])),
        }
    }
}

/// Conditions, all of which must be true, and what they change. Prints the conditions in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    pub(super) over: Option<u64>,
    pub(super) from: Option<Moment>,
    pub(super) until: Option<Moment>,
    pub(super) days: Days,
    pub(super) hours: Box<[Hours]>,
    /// Lowercase; the standard tier is the empty name.
    pub(super) tiers: Box<[Box<str>]>,
    pub(super) batch: Option<bool>,
    /// Lowercase.
    pub(super) regions: Box<[Box<str>]>,
    pub(super) x: Option<Factor>,
    pub(super) rates: Patch,
}

/// The conditions in words: `from 2026-08-21, over 272000 input tokens, tier priority or fast`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[Box<str>]| {
            let names = names.iter().map(|name| if name.is_empty() { "standard" } else { name });
            names.collect::<Vec<_>>().join(" or ")
        };
        let days: Vec<_> = self.days.iter().collect();
        let hours: Vec<_> = self.hours.iter().map(ToString::to_string).collect();
        let said = [
            self.from.map(|from| format!("from {from}")),
            self.until.map(|until| format!("until {until}")),
            self.over.map(|over| format!("over {over} input tokens")),
            (!days.is_empty()).then(|| days.join(" ")),
            (!hours.is_empty()).then(|| format!("{} UTC", hours.join(" and "))),
            (!self.tiers.is_empty()).then(|| format!("tier {}", list(&self.tiers))),
            self.batch.map(|batch| if batch { "batch" } else { "no batch" }.to_owned()),
            (!self.regions.is_empty()).then(|| format!("region {}", list(&self.regions))),
            self.x.map(|x| format!("rates x {}", x.decimal())),
        ];
        f.write_str(&said.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The facts of one call that conditions look at, worked out once a call.
struct Facts<'a> {
    moment: Moment,
    input_tokens: u64,
    tier: &'a str,
    batch: bool,
    region: &'a str,
}

impl When {
    /// The first moment at which it holds, if it says one.
    pub const fn from(&self) -> Option<Moment> {
        self.from
    }

    /// The first moment at which it holds no more, if it says one.
    pub const fn until(&self) -> Option<Moment> {
        self.until
    }

    /// What it multiplies token rates by.
    pub const fn x(&self) -> Option<Factor> {
        self.x
    }

    /// The rates that it sets, in receipt order; `None` where it takes the earlier rate away.
    pub fn rates(&self) -> impl Iterator<Item = (Bucket, Option<Rate>)> + '_ {
        self.rates.iter()
    }

    /// Whether it is ever not true.
    pub(super) fn has_condition(&self) -> bool {
        self.over.is_some()
            || self.from.is_some()
            || self.until.is_some()
            || self.batch.is_some()
            || self.days.iter().next().is_some()
            || !(self.hours.is_empty() && self.tiers.is_empty() && self.regions.is_empty())
    }

    /// Whether it is ever true of a call of the standard tier that is no batch and of which nobody says the region.
    fn may_be_plain(&self) -> bool {
        named(&self.tiers, "") && named(&self.regions, "") && self.batch != Some(true)
    }

    fn is_true(&self, facts: &Facts<'_>) -> bool {
        self.over.is_none_or(|limit| facts.input_tokens > limit)
            && self.from.is_none_or(|from| from <= facts.moment)
            && self.until.is_none_or(|until| facts.moment < until)
            && self.batch.is_none_or(|batch| batch == facts.batch)
            && named(&self.tiers, facts.tier)
            && named(&self.regions, facts.region)
            && self.days.contain(facts.moment)
            && (self.hours.is_empty() || self.hours.iter().any(|hours| hours.contain(facts.moment)))
    }
}

/// Whether a condition's names, of which there may be none, have this one among them.
fn named(names: &[Box<str>], name: &str) -> bool {
    names.is_empty()
        || names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
            None => known.eq_ignore_ascii_case(name),
        })
}

/// The standard tier as conditions write it.
pub(super) fn tier_key(name: &str) -> Box<str> {
    let name = name.trim_ascii().to_ascii_lowercase();
    if STANDARD.contains(&name.as_str()) { "".into() } else { name.into() }
}

/// A model's price: base rates, and what holds under conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) base: Patch,
    pub(super) whens: Box<[When]>,
    /// Those of `whens` that have rates, and those that have a factor.
    patching: Applied,
    scaling: Applied,
    /// Those that can be true of a call as most are: of the standard tier, no batch, nobody says in which region.
    of_plain: Applied,
    /// Whether it has, under any condition, a rate for each request.
    pub(super) bills_requests: bool,
}

/// A model's price for one call.
pub(super) struct InForce<'a> {
    rules: &'a Rules,
    pub(super) applied: Applied,
    /// A true condition asked for the call's tier, or the tier is the standard one.
    pub(super) tier_priced: bool,
    /// A true condition asked for a batch, or the call is none.
    pub(super) batch_priced: bool,
}

impl Rules {
    /// At most [`MAX_WHENS`].
    pub(super) fn new(base: Patch, whens: Box<[When]>) -> Self {
        let [mut patching, mut scaling, mut of_plain] = [Applied::default(); 3];
        for (nth, when) in whens.iter().enumerate().take(MAX_WHENS) {
            if !when.rates.is_empty() {
                patching.insert(nth);
            }
            if when.x.is_some() {
                scaling.insert(nth);
            }
            if when.may_be_plain() {
                of_plain.insert(nth);
            }
        }
        let bills_requests = [&base]
            .into_iter()
            .chain(whens.iter().map(|when| &when.rates))
            .any(|rates| rates.get(Bucket::Requests).flatten().is_some());
        Self { base, whens, patching, scaling, of_plain, bills_requests }
    }

    /// Whether there is no price at all.
    pub(super) fn is_empty(&self) -> bool {
        self.base.is_empty() && self.patching.is_empty()
    }

    /// The price in force for a call.
    pub(super) fn in_force(&self, conditions: &Conditions<'_>, input_tokens: u64) -> InForce<'_> {
        let (tier, batch) = conditions.tier_and_batch();
        let facts = Facts { moment: conditions.end(), input_tokens, tier, batch, region: conditions.region };
        let mut in_force = InForce {
            rules: self,
            applied: Applied::default(),
            tier_priced: facts.tier.is_empty(),
            batch_priced: !facts.batch,
        };
        let is_plain = facts.tier.is_empty() && !facts.batch && facts.region.is_empty();
        for nth in if is_plain { self.of_plain } else { Applied::all(self.whens.len()) }.iter() {
            let when = &self.whens[nth];
            if when.is_true(&facts) {
                in_force.applied.insert(nth);
                in_force.tier_priced |= !when.tiers.is_empty();
                in_force.batch_priced |= when.batch == Some(true);
            }
        }
        in_force
    }

    /// The last of the true conditions that sets or removes the bucket's rate.
    pub(super) fn last_naming(&self, applied: Applied, bucket: Bucket) -> Option<usize> {
        let naming = |nth: &usize| self.whens[*nth].rates.get(bucket).is_some();
        applied.within(self.patching).iter().rev().find(naming)
    }

    /// The bucket's own rate under the conditions that were true: the last one that names the bucket decides, else the base.
    pub(super) fn own_rate(&self, applied: Applied, bucket: Bucket) -> Option<Rate> {
        let patching = applied.within(self.patching);
        if patching.is_empty() {
            return self.base.get(bucket).flatten();
        }
        let patched = patching.iter().rev().find_map(|nth| self.whens[nth].rates.get(bucket));
        patched.or_else(|| self.base.get(bucket)).flatten()
    }

    /// The factor on token rates under the conditions that were true; `None` where it does not fit.
    pub(super) fn factor(&self, applied: Applied) -> Option<Factor> {
        let mut xs = applied.within(self.scaling).iter().filter_map(|nth| self.whens[nth].x);
        xs.try_fold(Factor::ONE, Factor::checked_mul)
    }
}

impl InForce<'_> {
    /// The bucket's own rate.
    pub(super) fn own_rate(&self, bucket: Bucket) -> Option<Rate> {
        self.rules.own_rate(self.applied, bucket)
    }

    /// The bucket's rate, and whose it is: its own, or the nearest one of which it is a part.
    pub(super) fn rate(&self, bucket: Bucket) -> Option<(Bucket, Rate)> {
        if let Some(rate) = self.own_rate(bucket) {
            return Some((bucket, rate));
        }
        wholes(bucket).iter().find_map(|&of| Some((of, self.own_rate(of)?)))
    }
}

/// The buckets whose rate holds for an unpriced one, nearest first: the wholes that it was taken out of.
const fn wholes(bucket: Bucket) -> &'static [Bucket] {
    use Bucket::*;
    match bucket {
        CacheRead | CacheWrite | InputAudio | InputImage | InputVideo => &[Input],
        CacheWrite1h => &[CacheWrite, Input],
        CacheReadAudio => &[CacheRead, InputAudio, Input],
        CacheReadImage => &[CacheRead, InputImage, Input],
        Reasoning | OutputAudio | OutputImage | OutputVideo | Citation => &[Output],
        AnnotatedPages => &[Pages],
        InputAudioSeconds => &[AudioSeconds],
        Input | Output | InputCharacters | InputMessages | Pages | Images | AudioSeconds | WebSearch
        | FileSearch | Requests => &[],
    }
}
