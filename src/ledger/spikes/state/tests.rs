//! Spikes from their beginning to their end, against a list of hourly costs.

use proptest::prelude::*;

use super::super::rule::Times;
use super::*;

/// What every value has cost in every hour, from hour 0.
type Costs = Vec<(&'static str, Vec<i128>)>;

const RULE: Rule = Rule { times: Times::whole(5), above: Picodollars::new(100), baseline: 48, warm_up: 24 };

struct Rig {
    state: State,
    costs: Costs,
    /// How many hours the senders' clocks are ahead.
    ahead: u32,
}

const HOUR: u64 = 3600;

impl Rig {
    fn new(rule: Rule, costs: Costs) -> Self {
        Rig { state: State::new(rule), costs, ahead: 0 }
    }

    /// Looks so many seconds after the beginning of an hour; tells changes as in `+ann` and `-ann`.
    fn look(&mut self, hour: u32, seconds: u64) -> Vec<String> {
        let Rig { state, costs, ahead } = self;
        let has_come = |asked: u32| asked <= hour + *ahead;
        let cost = |of: &[i128], hour: u32| Picodollars::new(of.get(hour as usize).copied().unwrap_or(0));
        let of = |value: &str| &costs.iter().find(|(known, _)| *known == value).unwrap().1;
        let mut changes = Vec::new();
        let seen: Result<(), ()> = state.look(
            u64::from(hour) * HOUR + seconds,
            |hour| {
                let told = costs.iter().filter(|_| has_come(hour));
                Ok(told.map(|(value, hours)| ((*value).to_owned(), cost(hours, hour))).collect())
            },
            |value, hours| Ok(hours.map(|hour| (hour, cost(of(value), hour))).collect()),
            &mut changes,
        );
        seen.unwrap();
        let sign = |change: &Change| if matches!(change, Change::Fired(_)) { '+' } else { '-' };
        changes.iter().map(|change| format!("{}{}", sign(change), change.spike().value)).collect()
    }

    fn set(&mut self, value: &str, hour: u32, cost: i128) {
        let hours = &mut self.costs.iter_mut().find(|(known, _)| *known == value).unwrap().1;
        hours.resize(hours.len().max(hour as usize + 1), 0);
        hours[hour as usize] = cost;
    }
}

/// Scenario: ann costs 30 in most hours and in one 151, then a little more; ben costs 1000 in each; dan works one hour a day for 40, and then
/// costs 150; eve is new; calls of nobody and of the rest cost as much as nothing else ever did.
/// Guarantees: only ann spikes, once, however often one looks and however her cost grows; it ends when an hour has ended that is
/// not too dear, and its stragglers had their time.
#[test]
fn a_spike_begins_once_and_ends_when_an_hour_has() {
    let mut rig = Rig::new(
        RULE,
        vec![
            ("ann", vec![30; 60]),
            ("ben", vec![1000; 70]),
            ("dan", (0..60).map(|hour| if hour % 24 == 9 { 40 } else { 0 }).collect()),
            ("eve", vec![]),
            ("", vec![30; 60]),
            (OTHER, vec![30; 60]),
        ],
    );
    for (value, cost) in [("ann", 150), ("dan", 150), ("eve", 1_000_000), ("", 1_000_000), (OTHER, 1_000_000)]
    {
        rig.set(value, 60, cost);
    }
    assert!(rig.look(60, 600).is_empty());
    rig.set("ann", 60, 151);
    assert_eq!(rig.look(60, 605), ["+ann"]);
    rig.set("ann", 60, 400);
    assert!(rig.look(60, 610).is_empty());
    let spike = rig.state.active().next().unwrap();
    assert_eq!((spike.began, spike.hour, spike.cost), (60, 60, Picodollars::new(400)));
    assert_eq!(spike.usual.hour(), Picodollars::new(30));

    // The next hour is no better, and the one after it is.
    rig.set("ann", 61, 160);
    assert!(rig.look(61, 1000).is_empty() && rig.look(62, 3599).is_empty());
    rig.set("ann", 62, 20);
    assert!(rig.look(63, LATE - 1).is_empty());
    assert_eq!(rig.look(63, LATE), ["-ann"]);
    assert!(rig.look(63, LATE + 5).is_empty());
}

/// Scenario: spans of the last hour come a minute after its end, and bring it above the limit; then its cost is taken back.
/// Guarantees: they count; an hour that was none ends the spike.
#[test]
fn late_spans_count_and_what_is_taken_back_does_not() {
    let mut rig = Rig::new(RULE, vec![("ann", vec![30; 60])]);
    assert!(rig.look(60, 3599).is_empty() && rig.look(61, 5).is_empty());
    rig.set("ann", 60, 500);
    assert_eq!(rig.look(61, 60), ["+ann"]);
    rig.set("ann", 60, 10);
    assert_eq!(rig.look(61, LATE), ["-ann"]);
}

/// Scenario: a sender's clock is almost an hour ahead.
/// Guarantees: its spike is seen when it comes, and not when our clock has come there.
#[test]
fn a_clock_that_is_ahead_is_not_waited_for() {
    let mut rig = Rig::new(RULE, vec![("ann", vec![30; 60])]);
    rig.ahead = 1;
    assert!(rig.look(59, 900).is_empty());
    rig.set("ann", 60, 500);
    assert_eq!(rig.look(59, 905), ["+ann"]);
    // The hour after it ends it.
    assert!(rig.look(60, 900).is_empty() && rig.look(61, 900).is_empty());
    assert_eq!(rig.look(62, LATE), ["-ann"]);
}

/// Scenario: a cost that rises for good.
/// Guarantees: it is one spike, which does not make itself usual from hour to hour, and ends when nothing is known of the time before.
#[test]
fn what_stays_becomes_usual_when_the_time_before_is_forgotten() {
    let mut rig = Rig::new(RULE, vec![("ann", [vec![30; 60], vec![500; 200]].concat())]);
    let changes: Vec<_> =
        (50..250).flat_map(|hour| rig.look(hour, 1800).into_iter().map(move |it| (hour, it))).collect();
    // Hour 108 is the first whose 48 hours before it are all of the spike.
    assert_eq!(changes, [(60, "+ann".to_owned()), (109, "-ann".to_owned())]);
}

/// Scenario: the ledger fails, on the way.
/// Guarantees: what was found is told, and the rest at the next look.
#[test]
fn a_failing_ledger_loses_nothing() {
    let mut state = State::new(RULE);
    let mut look = |fails: bool, changes: &mut Vec<Change>| {
        let costs = |_| {
            Ok(vec![("ann".to_owned(), Picodollars::new(900)), ("ben".to_owned(), Picodollars::new(800))])
        };
        let history = |value: &str, hours: Range<u32>| match value {
            "ben" if fails => Err("broken"),
            _ => Ok(hours.map(|hour| (hour, Picodollars::new(1))).collect()),
        };
        state.look(100 * HOUR + 1800, costs, history, changes)
    };
    let mut changes = Vec::new();
    assert_eq!(look(true, &mut changes), Err("broken"));
    assert_eq!(changes.len(), 1);
    assert_eq!(look(false, &mut changes), Ok(()));
    let values: Vec<_> = changes.iter().map(|change| &*change.spike().value).collect();
    assert_eq!(values, ["ann", "ben"]);
}

/// Scenario: twenty thousand values spike in one hour.
/// Guarantees: no look asks for more than a thousand; the dearest come first; no more than the most are kept, and that is known.
#[test]
fn many_spikes_are_bounded() {
    let mut state = State::new(RULE);
    let asked = std::cell::Cell::new(0);
    let mut changes = Vec::new();
    for look in 0..25u64 {
        asked.set(0);
        let costs = |_| Ok((0..20_000).map(|n| (format!("user {n}"), Picodollars::new(1000 + n))).collect());
        let history = |_: &str, hours: Range<u32>| {
            asked.set(asked.get() + 1);
            Ok(hours.map(|hour| (hour, Picodollars::new(1))).collect())
        };
        let seen: Result<(), ()> = state.look(100 * HOUR + 600 + look * 5, costs, history, &mut changes);
        seen.unwrap();
        assert!(asked.get() <= ASKED_AT_ONCE);
        assert_eq!(changes.len(), MAX_ACTIVE.min((look as usize + 1) * ASKED_AT_ONCE));
    }
    assert_eq!((changes[0].spike().value.as_str(), state.active().count()), ("user 19999", MAX_ACTIVE));
    assert!(state.is_full());
}

/// What a plain look at the list says: each spike's first hour, and the hour that ended it.
fn plainly(rule: Rule, costs: &[i128]) -> Vec<(u32, Option<u32>)> {
    let mean = |from: usize, to: usize| {
        let dear: Vec<i128> = costs[from..to].iter().copied().filter(|cost| *cost > 0).collect();
        (dear.iter().sum::<i128>(), dear.len() as i128)
    };
    let exceeds = |hour: usize, end: usize| {
        let from = hour.saturating_sub(rule.baseline as usize);
        if from >= end {
            return false;
        }
        let (sum, count) = mean(from, end);
        // times is 2.5 here: cost > 2.5 * sum / count.
        count > 0 && costs[hour] > rule.above.get() && 2 * costs[hour] * count > 5 * sum
    };
    let mut spikes: Vec<(u32, Option<u32>)> = Vec::new();
    for hour in 0..costs.len() {
        if let Some((began, end @ None)) = spikes.last_mut() {
            if *began < hour as u32 && !exceeds(hour, *began as usize) {
                *end = Some(hour as u32);
            }
            continue;
        }
        let from = hour.saturating_sub(rule.baseline as usize);
        let first = (from..hour).find(|before| costs[*before] > 0);
        let is_warm = first.is_some_and(|first| hour - first >= rule.warm_up as usize);
        if is_warm && exceeds(hour, hour) {
            spikes.push((hour as u32, None));
        }
    }
    spikes
}

proptest! {
    /// Scenario: any costs of sixty hours, under any rule of 2.5 times; looks in the middle of hours, at their ends and after.
    /// Guarantees: the spikes are those that a plain look at the list finds, from hour to hour.
    #[test]
    fn spikes_are_those_of_the_list(
        costs in prop::collection::vec(prop_oneof![Just(0), 1i128..20, 20i128..200], 60),
        (baseline, warm_up, above) in (1u32..30, 0u32..10, 1i128..60),
    ) {
        let times = Times::try_from(crate::pricing::decimal::Decimal::new(25, 1)).unwrap();
        let rule = Rule { times, above: Picodollars::new(above), baseline, warm_up: warm_up.min(baseline) };
        let mut rig = Rig::new(rule, vec![("ann", costs.clone())]);
        let mut found: Vec<(u32, Option<u32>)> = Vec::new();
        for hour in 0..=60 {
            for seconds in [0, LATE, 1800, 3599] {
                for change in rig.look(hour, seconds) {
                    match &*change {
                        "+ann" => found.push((hour, None)),
                        _ => found.last_mut().unwrap().1 = Some(hour - 1),
                    }
                }
            }
        }
        prop_assert_eq!(found, plainly(rule, &costs));
    }
}
