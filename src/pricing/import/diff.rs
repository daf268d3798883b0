//! What a new list changes: the rates that move, and what comes and goes. Compared is what calls would cost, not how it is written.

use hashbrown::HashMap;

use crate::genai::usage::Bucket;
use crate::pricing::rate::Rate;
use crate::pricing::rules::{Rules, When};
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Conditions, Model};

/// A rate that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// `provider/model`.
    pub model: String,
    /// The conditions, in words; empty for a plain call.
    pub when: String,
    /// What is counted.
    pub bucket: Bucket,
    /// The rate before; `None` if there was none.
    pub old: Option<Rate>,
    /// The rate from now on; `None` if there is none.
    pub new: Option<Rate>,
}

/// What is between two catalogs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Models that are new, `provider/model`.
    pub added: Vec<String>,
    /// Models that are gone.
    pub removed: Vec<String>,
    /// Rates that move, the largest moves first.
    pub moved: Vec<Move>,
    /// Models in both whose rates stay what they are.
    pub same: usize,
}

impl Move {
    /// Tenths of a percent, negative where it becomes cheaper. `None` where one side has no rate, or the old one is zero.
    pub fn permille(&self) -> Option<i128> {
        let (old, new) = (self.old?.dollars().at_scale(12).ok()?, self.new?.dollars().at_scale(12).ok()?);
        (new - old).checked_mul(1000)?.checked_div(old)
    }

    /// Whether it is more than half of the old rate: rather a mistake in the list than a new price. So is a price where there
    /// was an explicit zero, and a zero where there was a price.
    pub fn is_large(&self) -> bool {
        match (self.old, self.new) {
            (Some(old), Some(_)) if old.is_zero() => true,
            (Some(_), Some(new)) if new.is_zero() => true,
            (Some(old), Some(new)) => {
                let (old, new) = (u128::from(old.picodollars()), u128::from(new.picodollars()));
                2 * old.abs_diff(new) > old
            }
            _ => false,
        }
    }

    /// Moves from and to nothing come first, then the largest.
    fn size(&self) -> i128 {
        self.permille().map_or(i128::MAX, i128::abs)
    }
}

/// Compares what calls cost from `at` on.
pub fn diff(old: &Catalog, new: &Catalog, at: Moment) -> Diff {
    let key = |catalog: &Catalog, model: &Model| {
        (catalog.provider(model.provider()).id().to_owned(), model.id().to_owned())
    };
    let mut before: HashMap<_, _> = old.models().map(|(_, model)| (key(old, model), model)).collect();
    let mut diff = Diff::default();
    for (_, model) in new.models() {
        let (provider, id) = key(new, model);
        let name = format!("{provider}/{id}");
        let Some(known) = before.remove(&(provider, id)) else {
            diff.added.push(name);
            continue;
        };
        let moves = moves_since(&name, &known.rules, &model.rules, at);
        diff.same += usize::from(moves.is_empty());
        diff.moved.extend(moves);
    }
    diff.removed = before.into_keys().map(|(provider, id)| format!("{provider}/{id}")).collect();
    diff.removed.sort();
    diff.moved.sort_by_key(|moved| std::cmp::Reverse(moved.size()));
    diff
}

/// A kind of call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    input_tokens: u64,
    tier: String,
    batch: bool,
    region: String,
}

impl Call {
    /// The plainest call for which a condition is true, but for its time.
    fn of(when: &When) -> Self {
        Self {
            input_tokens: when.over.map_or(0, |over| over.saturating_add(1)),
            tier: when.tiers.first().map(ToString::to_string).unwrap_or_default(),
            batch: when.batch == Some(true),
            region: when.regions.first().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn words(&self) -> String {
        let said = [
            (self.input_tokens > 0).then(|| format!("over {} input tokens", self.input_tokens - 1)),
            (!self.tier.is_empty()).then(|| format!("tier {}", self.tier)),
            self.batch.then(|| "batch".to_owned()),
            (!self.region.is_empty()).then(|| format!("region {}", self.region)),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Every bucket's rate, as a call would pay it: its whole's where it has none, factors included.
    fn rates(&self, rules: &Rules, at: Moment) -> [Option<Rate>; Bucket::COUNT] {
        let conditions = Conditions {
            end_unix_nano: u64::try_from(at.unix()).unwrap_or(0).saturating_mul(1_000_000_000),
            tier_served: &self.tier,
            batch: self.batch,
            region: &self.region,
            ..Conditions::default()
        };
        let in_force = rules.in_force(&conditions, self.input_tokens);
        let factor = rules.factor(in_force.applied);
        Bucket::ALL.map(|bucket| {
            let (_, rate) = in_force.rate(bucket)?;
            if bucket.is_tokens() { rate.times(factor?) } else { Some(rate) }
        })
    }
}

/// The moments at which prices from `since` on may be others: the days on which one of them changes, and every hour of the
/// week after them where hours matter.
fn moments(one: &Rules, other: &Rules, since: Moment) -> Vec<Moment> {
    let whens = || one.whens.iter().chain(&other.whens);
    let changes = whens().flat_map(|when| [when.from, when.until]).flatten().filter(|change| *change > since);
    let mut starts: Vec<_> = changes.chain([since]).collect();
    starts.sort_unstable();
    starts.dedup();
    let hourly = whens().any(|when| !when.hours.is_empty() || when.days.iter().next().is_some());
    let hours = if hourly { 7 * 24 } else { 1 };
    let week = |start: Moment| (0..hours).map(move |hour| Moment::from_unix(start.unix() + hour * 3600));
    starts.into_iter().flat_map(week).collect()
}

/// The moves of one model at any moment from `since` on, each told at the first one.
pub(super) fn moves_since(model: &str, old: &Rules, new: &Rules, since: Moment) -> Vec<Move> {
    let (mut known, mut said): (Vec<Move>, Vec<Move>) = Default::default();
    for moment in moments(old, new, since) {
        for moved in moves(model, old, new, moment) {
            if known.contains(&moved) {
                continue;
            }
            let when = match (moment == since, moved.when.as_str()) {
                (true, when) => when.to_owned(),
                (false, "") => format!("at {moment}"),
                (false, when) => format!("{when}, at {moment}"),
            };
            said.push(Move { when, ..moved.clone() });
            known.push(moved);
        }
    }
    said
}

/// The moves of one model at one moment: of plain calls, and of those calls under conditions that do not move just as plain ones do.
fn moves(model: &str, old: &Rules, new: &Rules, at: Moment) -> Vec<Move> {
    let plain = Call { input_tokens: 0, tier: String::new(), batch: false, region: String::new() };
    let mut calls = vec![plain];
    for when in old.whens.iter().chain(&new.whens) {
        let call = Call::of(when);
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    // A part that neither list names moves with its whole.
    let rates = |rules: &Rules| {
        let whens = rules.whens.iter().flat_map(|when| when.rates.iter());
        rules.base.iter().chain(whens).map(|(bucket, _)| bucket).collect::<Vec<_>>()
    };
    let named = [rates(old), rates(new)].concat();
    let mut moves: Vec<Move> = Vec::new();
    for call in calls {
        let (before, after) = (call.rates(old, at), call.rates(new, at));
        for (bucket, (old, new)) in Bucket::ALL.into_iter().zip(before.into_iter().zip(after)) {
            if old == new || !named.contains(&bucket) {
                continue;
            }
            let moved = Move { model: model.to_owned(), when: call.words(), bucket, old, new };
            let implied = |known: &Move| known.bucket == bucket && known.permille() == moved.permille();
            if !moves.iter().any(|known| known.when.is_empty() && implied(known)) {
                moves.push(moved);
            }
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(models: &str) -> Catalog {
        Catalog::from_json("test", &format!(r#"{{"providers": {{"p": {{"models": {{{models}}}}}}}}}"#))
            .unwrap()
    }

    fn words(old: &str, new: &str) -> Vec<String> {
        let diff = diff(&catalog(old), &catalog(new), Moment::from_unix(1_790_000_000));
        let rate = |rate: Option<Rate>| rate.map_or("-".to_owned(), |rate| rate.to_string());
        let word = |moved: &Move| {
            let Move { model, when, bucket, old, new } = moved;
            format!(
                "{model} {when} {bucket} {} {} {:?} {}",
                rate(*old),
                rate(*new),
                moved.permille(),
                moved.is_large()
            )
        };
        diff.moved.iter().map(word).collect()
    }

    #[test]
    fn the_largest_moves_come_first_and_conditions_only_where_they_differ() {
        assert_eq!(
            words(
                r#""m": {"rates": {"input": 4, "output": 10}, "when": [{"batch": true, "x": 0.5}, {"over": 9, "rates": {"input": 8}}]}"#,
                r#""m": {"rates": {"input": 3, "output": 16}, "when": [{"batch": true, "x": 0.5}, {"over": 9, "rates": {"input": 8}}]}"#
            ),
            ["p/m  output 10 16 Some(600) true", "p/m  input 4 3 Some(-250) false"]
        );
    }

    #[test]
    fn a_condition_that_moves_alone_is_seen() {
        assert_eq!(
            words(
                r#""m": {"rates": {"input": 4}, "when": [{"tier": "flex", "x": 0.5}]}"#,
                r#""m": {"rates": {"input": 4}, "when": [{"tier": "flex", "rates": {"input": 1}}]}"#
            ),
            ["p/m tier flex input 2 1 Some(-500) false"]
        );
    }

    #[test]
    fn how_a_price_is_written_makes_no_difference() {
        let one = r#""m": {"rates": {"input": 4}, "when": [{"from": "2026-01-01", "rates": {"input": 2}}]}"#;
        assert!(words(one, r#""m": {"rates": {"input": 2}}"#).is_empty());
    }

    /// Guarantees: what calls pay is compared, not what is stated.
    #[test]
    fn a_part_that_goes_back_to_its_whole_moves() {
        let one = r#""m": {"rates": {"input": 5, "cache_read": 0.5}}"#;
        assert_eq!(words(one, r#""m": {"rates": {"input": 5}}"#), ["p/m  cache_read 0.5 5 Some(9000) true"]);
    }

    /// Guarantees: a price that moves at other hours, or later, is seen.
    #[test]
    fn every_hour_and_day_to_come_is_compared() {
        let night = |rate| {
            format!(
                r#""m": {{"rates": {{"input": 4}}, "when": [{{"days": "sun", "hours": "02:00-04:00", "rates": {{"input": {rate}}}}}]}}"#
            )
        };
        assert_eq!(words(&night(2), &night(1)), ["p/m at 2026-09-27T02:13:20Z input 2 1 Some(-500) false"]);
        let later =
            r#""m": {"rates": {"input": 4}, "when": [{"from": "2027-01-01", "rates": {"input": 9}}]}"#;
        assert_eq!(
            words(r#""m": {"rates": {"input": 4}}"#, later),
            ["p/m at 2027-01-01 input 4 9 Some(1250) true"]
        );
    }

    #[test]
    fn half_and_a_little_is_large() {
        let rate = |rate| format!(r#""m": {{"rates": {{"input": {rate}}}}}"#);
        assert_eq!(words(&rate("100"), &rate("150")), ["p/m  input 100 150 Some(500) false"]);
        assert_eq!(words(&rate("100"), &rate("150.09")), ["p/m  input 100 150.09 Some(500) true"]);
        assert_eq!(words(&rate("100"), &rate("49.99")), ["p/m  input 100 49.99 Some(-500) true"]);
    }

    #[test]
    fn zero_is_no_small_step() {
        let (zero, one) = (r#""m": {"rates": {"input": 0}}"#, r#""m": {"rates": {"input": 1}}"#);
        assert_eq!(words(zero, one), ["p/m  input 0 1 None true"]);
        assert_eq!(words(one, zero), ["p/m  input 1 0 Some(-1000) true"]);
        assert_eq!(words(r#""m": {}"#, one), ["p/m  input - 1 None false"]);
    }
}
