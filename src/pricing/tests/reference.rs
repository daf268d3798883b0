//! Prices the slow and plain way: written from the description of the format, sharing no table and no arithmetic with
//! the crate.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Buckets by name, with the units of a list price and the buckets whose rate an unpriced one has, nearest first.
pub(super) const BUCKETS: [(&str, u128, &[&str]); 10] = [
    ("input", 1_000_000, &[]),
    ("cache_read", 1_000_000, &["input"]),
    ("cache_write", 1_000_000, &["input"]),
    ("cache_write_1h", 1_000_000, &["cache_write", "input"]),
    ("input_audio", 1_000_000, &["input"]),
    ("cache_read_audio", 1_000_000, &["cache_read", "input_audio", "input"]),
    ("output", 1_000_000, &[]),
    ("reasoning", 1_000_000, &["output"]),
    ("web_search", 1_000, &[]),
    ("audio_seconds", 3_600, &[]),
];
/// The first of [`BUCKETS`] that are tokens of the input, and all that are tokens.
const INPUT_TOKENS: usize = 6;
const TOKENS: usize = 8;

/// Millionths of a dollar by bucket; `None` takes a rate away.
type Rates = BTreeMap<usize, Option<u32>>;

/// Conditions and what they change; an absent one is not asked.
#[derive(Clone, Debug, Default)]
pub(super) struct When {
    over: Option<u64>,
    /// Hours since 1970.
    from: Option<i64>,
    until: Option<i64>,
    /// Monday is 0.
    days: Vec<usize>,
    /// Hours of the day, from and until.
    hours: Option<(u8, u8)>,
    tier: Option<&'static str>,
    batch: Option<bool>,
    region: Option<&'static str>,
    /// Thousandths.
    x: Option<u32>,
    rates: Rates,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    rates: Rates,
    pub(super) whens: Vec<When>,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Seconds since 1970.
    pub(super) time: i64,
    pub(super) tier: &'static str,
    pub(super) batch: bool,
    pub(super) region: &'static str,
    pub(super) used: [u64; BUCKETS.len()],
}

/// 2026-01-09, a Friday, to the end of Monday.
const TIMES: std::ops::Range<i64> = 1_767_916_800..1_767_916_800 + 4 * 86_400;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Every sixth hour since 1970 in [`TIMES`].
fn hour() -> impl Strategy<Value = i64> {
    (TIMES.start / 21_600..TIMES.end / 21_600).prop_map(|sixth| sixth * 6)
}

fn rates(removing: bool) -> impl Strategy<Value = Rates> {
    let rate = prop_oneof![8 => (0u32..50_000_000).prop_map(Some), 1 => Just(Some(0)), 2 => Just(None)];
    prop::collection::btree_map(0..BUCKETS.len(), rate, 0..6).prop_map(move |mut rates| {
        rates.retain(|_, rate| removing || rate.is_some());
        rates
    })
}

fn when() -> impl Strategy<Value = When> {
    use prop::option::weighted;
    let time = (
        weighted(0.3, hour()),
        weighted(0.3, hour()),
        prop::sample::subsequence((0..7).collect::<Vec<usize>>(), 0..3),
        weighted(0.2, (0u8..24, 1u8..24).prop_map(|(from, length)| (from, (from + length) % 24))),
    );
    let names = (
        weighted(0.3, 0u64..3_000),
        weighted(0.2, prop::sample::select(vec!["flex", "priority", "standard"])),
        weighted(0.2, any::<bool>()),
        weighted(0.2, prop::sample::select(vec!["eu", "us"])),
    );
    (time, names, weighted(0.4, 0u32..3_000), rates(true)).prop_map(
        |((from, until, days, hours), (over, tier, batch, region), x, rates)| {
            let until = until.filter(|until| from.is_none_or(|from| from < *until));
            let mut when = When { over, from, until, days, hours, tier, batch, region, x, rates };
            if when.json().as_object().unwrap().keys().all(|key| key == "x" || key == "rates") {
                when.batch = Some(false);
            }
            if when.rates.is_empty() {
                when.x = when.x.or(Some(1_500));
            }
            when
        },
    )
}

pub(super) fn model() -> impl Strategy<Value = Model> {
    (rates(false), prop::collection::vec(when(), 0..5)).prop_map(|(rates, whens)| Model { rates, whens })
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let used = prop::collection::vec(prop_oneof![Just(0u64), 0u64..2_000, 0u64..10_000_000], BUCKETS.len());
    let tier = prop::sample::select(vec!["", "default", "flex", "Priority", "other"]);
    // Half of them just where conditions begin and end.
    let time = prop_oneof![TIMES, hour().prop_map(|hour| hour * 3600)];
    (time, tier, any::<bool>(), prop::sample::select(vec!["", "eu", "us", "jp"]), used).prop_map(
        |(time, tier, batch, region, used)| Call {
            time,
            tier,
            batch,
            region,
            used: used.try_into().unwrap(),
        },
    )
}

fn rates_json(rates: &Rates) -> Value {
    let rate = |rate: &Option<u32>| rate.map_or(Value::Null, |rate| json!(f64::from(rate) / 1e6));
    rates.iter().map(|(nth, value)| (BUCKETS[*nth].0.to_owned(), rate(value))).collect::<Map<_, _>>().into()
}

impl When {
    /// The same conditions, and a factor of one.
    pub(super) fn times_one(self) -> Self {
        Self { rates: Rates::new(), x: Some(1_000), ..self }
    }

    pub(super) fn json(&self) -> Value {
        let moment = |hours: i64| jiff::Timestamp::from_second(hours * 3600).unwrap().to_string();
        let mut json = Map::new();
        let said = [
            ("over", self.over.map(|over| json!(over))),
            ("from", self.from.map(|from| json!(moment(from)))),
            ("until", self.until.map(|until| json!(moment(until)))),
            ("days", (!self.days.is_empty()).then(|| self.days.iter().map(|day| DAYS[*day]).collect())),
            ("hours", self.hours.map(|(from, until)| json!(format!("{from:02}:00-{until:02}:00")))),
            ("tier", self.tier.map(|tier| json!([tier, "never"]))),
            ("batch", self.batch.map(|batch| json!(batch))),
            ("region", self.region.map(|region| json!(region))),
            ("x", self.x.map(|x| json!(f64::from(x) / 1e3))),
            ("rates", (!self.rates.is_empty()).then(|| rates_json(&self.rates))),
        ];
        json.extend(said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        json.into()
    }

    fn is_true(&self, call: &Call) -> bool {
        let time = jiff::Timestamp::from_second(call.time).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let (day, hour) = (time.weekday().to_monday_zero_offset() as usize, time.hour() as u8);
        let tier = match call.tier {
            "" | "default" => "standard".to_owned(),
            tier => tier.to_lowercase(),
        };
        let input: u64 = call.used[..INPUT_TOKENS].iter().sum();
        let in_hours = |(from, until): (u8, u8)| {
            if from < until { (from..until).contains(&hour) } else { hour >= from || hour < until }
        };
        self.over.is_none_or(|over| input > over)
            && self.from.is_none_or(|from| call.time >= from * 3600)
            && self.until.is_none_or(|until| call.time < until * 3600)
            && (self.days.is_empty() || self.days.contains(&day))
            && self.hours.is_none_or(in_hours)
            && self.tier.is_none_or(|named| named == tier)
            && self.batch.is_none_or(|batch| batch == call.batch)
            && self.region.is_none_or(|region| region == call.region)
    }
}

impl Model {
    /// Puts every threshold just at what the call has, or one below it.
    pub(super) fn on_the_threshold_of(&mut self, call: &Call, below: u64) {
        let input: u64 = call.used[..INPUT_TOKENS].iter().sum();
        for over in self.whens.iter_mut().filter_map(|when| when.over.as_mut()) {
            *over = input.saturating_sub(below);
        }
    }

    pub(super) fn json(&self) -> Value {
        let whens: Vec<Value> = self.whens.iter().map(When::json).collect();
        json!({ "rates": rates_json(&self.rates), "when": whens })
    }

    /// Picodollars by bucket, of those that were used and have a rate; and whether any has none.
    pub(super) fn bill(&self, call: &Call) -> (BTreeMap<&'static str, u128>, bool) {
        let (mut rates, mut factor, mut scale) = (self.rates.clone(), 1u128, 1u128);
        for when in self.whens.iter().filter(|when| when.is_true(call)) {
            rates.extend(when.rates.clone());
            if let Some(x) = when.x {
                (factor, scale) = (factor * u128::from(x), scale * 1_000);
            }
        }
        let own = |name: &str| {
            let nth = BUCKETS.iter().position(|(known, ..)| *known == name).unwrap();
            rates.get(&nth).copied().flatten()
        };
        let (mut lines, mut unpriced) = (BTreeMap::new(), false);
        for (nth, (name, per, wholes)) in
            BUCKETS.into_iter().enumerate().filter(|(nth, _)| call.used[*nth] > 0)
        {
            let Some(rate) = own(name).or_else(|| wholes.iter().find_map(|whole| own(whole))) else {
                unpriced = true;
                continue;
            };
            let (factor, scale) = if nth < TOKENS { (factor, scale) } else { (1, 1) };
            // Millionths of a dollar are millions of picodollars.
            let dividend = u128::from(rate) * 1_000_000 * u128::from(call.used[nth]) * factor;
            let divisor = per * scale;
            let (whole, rest) = (dividend / divisor, dividend % divisor);
            let up = rest * 2 > divisor || (rest * 2 == divisor && whole % 2 == 1);
            lines.insert(name, whole + u128::from(up));
        }
        (lines, unpriced)
    }
}
