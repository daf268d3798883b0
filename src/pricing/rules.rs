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
    /// The region that served the call; see [`Resolution::region`](super::matching::Resolution::region).
    pub region: &'a str,
}

/// Names of the standard tier. `auto` leaves the choice to the provider, who then names the tier served.
const STANDARD: [&str; 6] = ["", "default", "standard", "auto", "on_demand", "on-demand"];

impl<'a> Conditions<'a> {
    /// The tier that counts; empty for the standard one.
    pub(super) fn tier(&self) -> &'a str {
        let named = if self.tier_served.is_empty() { self.tier_asked } else { self.tier_served };
        let named = named.trim_ascii();
        let standard = STANDARD.iter().any(|name| named.eq_ignore_ascii_case(name));
        if standard || named.eq_ignore_ascii_case("batch") { "" } else { named }
    }

    pub(super) fn is_batch(&self) -> bool {
        self.batch
            || self.tier_served.eq_ignore_ascii_case("batch")
            || (self.tier_served.is_empty() && self.tier_asked.eq_ignore_ascii_case("batch"))
    }
}

/// The most `when`s a model may have: one bit each.
pub(super) const MAX_WHENS: usize = 64;

/// Which of a model's `when`s were true for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied(u64);

impl Applied {
    /// Their positions, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..MAX_WHENS - self.0.leading_zeros() as usize).filter(move |nth| self.0 >> nth & 1 == 1)
    }

    /// Whether none was true.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Rates by bucket; `None` removes an earlier one.
pub(super) type Patch = Box<[(Bucket, Option<Rate>)]>;

fn find(patch: &[(Bucket, Option<Rate>)], bucket: Bucket) -> Option<Option<Rate>> {
    patch.iter().find(|(key, _)| *key == bucket).map(|(_, rate)| *rate)
}

/// Conditions, all of which must be true, and what they change.
#[derive(Clone, Debug)]
pub(super) struct When {
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
    fn is_true(&self, facts: &Facts<'_>) -> bool {
        let named = |names: &[Box<str>], name: &str| {
            names.is_empty()
                || names.iter().any(|known| match known.strip_suffix('*') {
                    Some(start) => {
                        name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
                    }
                    None => known.eq_ignore_ascii_case(name),
                })
        };
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

/// The standard tier as conditions write it.
pub(super) fn tier_key(name: &str) -> Box<str> {
    let name = name.trim_ascii().to_ascii_lowercase();
    if STANDARD.contains(&name.as_str()) { "".into() } else { name.into() }
}

/// A model's price: base rates, and what holds under conditions.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) base: Patch,
    pub(super) whens: Box<[When]>,
}

/// A model's price for one call.
pub(super) struct InForce<'a> {
    rules: &'a Rules,
    pub(super) applied: Applied,
    /// The factor on token rates; `None` where it does not fit.
    pub(super) factor: Option<Factor>,
    /// A true condition asked for the call's tier, or the tier is the standard one.
    pub(super) tier_priced: bool,
    /// A true condition asked for a batch, or the call is none.
    pub(super) batch_priced: bool,
}

impl Rules {
    /// Whether there is no price at all.
    pub(super) fn is_empty(&self) -> bool {
        self.base.is_empty() && self.whens.iter().all(|when| when.rates.is_empty())
    }

    /// The price in force for a call.
    pub(super) fn in_force(&self, conditions: &Conditions<'_>, input_tokens: u64) -> InForce<'_> {
        let facts = Facts {
            moment: Moment::from_unix((conditions.end_unix_nano / 1_000_000_000) as i64),
            input_tokens,
            tier: conditions.tier(),
            batch: conditions.is_batch(),
            region: conditions.region,
        };
        let mut in_force = InForce {
            rules: self,
            applied: Applied::default(),
            factor: Some(Factor::ONE),
            tier_priced: facts.tier.is_empty(),
            batch_priced: !facts.batch,
        };
        for (nth, when) in self.whens.iter().enumerate() {
            if !when.is_true(&facts) {
                continue;
            }
            in_force.applied.0 |= 1 << nth;
            in_force.tier_priced |= !when.tiers.is_empty();
            in_force.batch_priced |= when.batch == Some(true);
            if let Some(x) = when.x {
                in_force.factor = in_force.factor.and_then(|factor| factor.checked_mul(x));
            }
        }
        in_force
    }
}

impl InForce<'_> {
    /// The bucket's own rate: the last true `when` that names the bucket decides, else the base.
    pub(super) fn own_rate(&self, bucket: Bucket) -> Option<Rate> {
        self.applied
            .iter()
            .rev()
            .find_map(|nth| find(&self.rules.whens[nth].rates, bucket))
            .or_else(|| find(&self.rules.base, bucket))
            .flatten()
    }

    /// The bucket's rate, and whose it is: its own, or the nearest one of which it is a part.
    pub(super) fn rate(&self, bucket: Bucket) -> Option<(Bucket, Rate)> {
        [bucket].iter().chain(wholes(bucket)).find_map(|&of| Some((of, self.own_rate(of)?)))
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
        Input | Output | InputCharacters | InputMessages | Pages | AudioSeconds | WebSearch | FileSearch
        | Requests => &[],
    }
}
