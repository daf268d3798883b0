//! What the page shows, as plain values: asked from the ledger, nothing worded or drawn yet.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::unpriced::{Reports, Unpriced};
use super::{Sources, Window};
use crate::attribution::margin::{By, Period, Statement};
use crate::ledger::Ledger;
use crate::ledger::query::{Point, QueryError, Row, Step, TOTAL, Top};
use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;
use crate::time::{self, HOUR, hour_of, until};

/// Dimensions that have a list, with what one of their values is called.
const LISTS: [(&str, &str, &str); 6] = [
    ("user", "Users", "user"),
    ("feature", "Features", "feature"),
    ("workflow", "Workflows", "workflow"),
    ("tenant", "Tenants", "tenant"),
    ("model_served", "Models", "model"),
    ("tier", "Tiers", "tier"),
];
/// Lines in a list; the last may be all the rest.
const TOP: usize = 8;
/// Actions that are listed, likewise.
const TOP_ACTIONS: usize = 10;
/// From how many hours the pace is taken: a week, for weekends are not like other days.
const PACE_HOURS: u32 = 7 * 24;
/// A pace of less time than this says nothing of a month, in seconds.
const SHORTEST_PACE: i64 = 3600;

/// What the page shows.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) window: Window,
    /// The same in hours since 1970.
    pub(super) hours: Range<u32>,
    /// Everything in these hours.
    pub(super) total: Tally,
    /// Of that, what may still change.
    pub(super) pending: Tally,
    /// Calls in the ledger at all: without any, the page says how to send some.
    pub(super) is_empty: bool,
    pub(super) hourly: Picodollars,
    pub(super) month: Month,
    /// One point for each step of the window, also where there was nothing.
    pub(super) bars: Vec<Point>,
    pub(super) lists: Vec<List>,
    pub(super) actions: Vec<Action>,
    /// How many more there are, and their sums.
    pub(super) more_actions: Option<(usize, Tally)>,
    pub(super) unpriced: Unpriced,
    /// What is left of what tiers pay; none where no revenue is configured.
    pub(super) margin: Option<Statement>,
}

/// The calendar month of UTC.
#[derive(Debug)]
pub(super) struct Month {
    /// `November`
    pub(super) name: String,
    pub(super) to_date: Tally,
    /// The day of the ledger's first call, if it is a later one than the month's first: what was before is not known.
    pub(super) since: Option<u32>,
    /// What it comes to if the pace of the last days goes on; none while there is no pace yet.
    pub(super) projected: Option<Projection>,
}

/// What a month may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Projection {
    pub(super) money: Picodollars,
    /// From how many hours the pace is.
    pub(super) hours: u32,
}

/// A value and its sums.
pub(super) type Named = (String, Tally);

/// The values of a dimension that cost most.
#[derive(Debug)]
pub(super) struct List {
    pub(super) title: &'static str,
    /// What one value is called.
    pub(super) one: &'static str,
    /// The attribute that tells it; empty where it is no configured dimension.
    pub(super) key: String,
    /// Name and sums; an empty name: not told.
    pub(super) top: Vec<Named>,
    /// How many more there are, if that is known, and their sums.
    pub(super) rest: Option<(Option<usize>, Tally)>,
}

/// What an action costs.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) settled: Tally,
    /// On average; none where the cost of no call is known.
    pub(super) each: Option<Picodollars>,
}

/// Asks the ledger. Takes as long as it reads: not for a task.
///
/// # Errors
/// The ledger can not be read.
pub(super) fn gather(sources: &Sources, window: Window, now: Timestamp) -> Result<Figures, QueryError> {
    let ledger = &sources.ledger;
    let (hours, step) = window.hours(now);
    let hours = ledger.answered(&hours);
    let known = ledger.dimensions();
    let key = |name: &str| {
        let dimensions = sources.shared.as_ref().map_or(&[][..], |shared| shared.dimensions());
        dimensions.iter().find(|it| it.name == name).map_or_else(String::new, |it| it.written.clone())
    };
    let mut lists = Vec::new();
    for (name, title, one) in LISTS {
        if known.iter().any(|known| known == name) {
            let mut found = ledger.top(name, hours.clone(), TOP)?;
            if name == "model_served" && nameless(&found) > Picodollars::ZERO {
                let asked = ledger.top("model_asked", hours.clone(), TOP)?;
                // Many instrumentations tell only one of the two.
                found = if nameless(&asked) < nameless(&found) { asked } else { found };
            }
            let (top, rest) = listed(found);
            lists.push(List { title, one, key: key(name), top, rest });
        }
    }
    let period = Period::until_now(time::start(hours.start), now);
    let margin =
        sources.margins.as_ref().map(|margins| margins.statement(By::Tier, period, TOP)).transpose()?;
    let total = ledger.total(hours.clone())?;
    let sum = all(&total);
    let (actions, more_actions) = actions(ledger.rows("action", hours.clone())?);
    Ok(Figures {
        window,
        total: sum,
        pending: total.pending,
        is_empty: sum.calls == 0 && all(&ledger.total(0..u32::MAX)?).calls == 0,
        hourly: hourly(ledger, now)?,
        month: month(ledger, now)?,
        bars: fill(ledger.timeline(TOTAL, hours.clone(), step)?, hours.clone(), step, hour_of(now)),
        lists,
        actions,
        more_actions,
        unpriced: match &sources.shared {
            Some(shared) => {
                // The books are not held while names are looked up.
                let reports = Reports::of(ledger.books().series());
                reports.unpriced(&shared.catalog())
            }
            None => Unpriced::default(),
        },
        margin: margin.map(|(_, statement)| statement),
        hours,
    })
}

/// What is settled and what is pending.
fn all(row: &Row) -> Tally {
    row.settled.plus(&row.pending)
}

/// What calls cost that do not tell the dimension.
fn nameless(top: &Top) -> Picodollars {
    top.rows.iter().find(|row| row.value.is_empty()).map_or(Picodollars::ZERO, |row| all(row).money)
}

/// The dearest with calls, and how many others there are, with their sum.
fn listed(top: Top) -> (Vec<Named>, Option<(Option<usize>, Tally)>) {
    let rows = top.rows.into_iter().map(|row| (all(&row), row.value));
    // That failed calls, which are free, do not tell something is no news.
    let told = |tally: &Tally, value: &str| {
        tally.calls > 0 && !(value.is_empty() && tally.money == Picodollars::ZERO && tally.unpriced == 0)
    };
    let mut rows: Vec<Named> =
        rows.filter(|(tally, value)| told(tally, value)).map(|(tally, value)| (value, tally)).collect();
    // Without a number they are those that the ledger keeps as one.
    let mut rest = top.rest.map(|rest| (Some(top.others).filter(|others| *others > 0), all(&rest)));
    if let Some((others, sum)) = &mut rest
        && rows.len() >= TOP
        && let Some((_, last)) = rows.pop()
    {
        *others = others.map(|others| others + 1);
        *sum = sum.plus(&last);
    }
    (rows, rest)
}

/// The dearest, and how many others there are, with their sum.
fn actions(rows: Vec<Row>) -> (Vec<Action>, Option<(usize, Tally)>) {
    let mut actions: Vec<Action> = rows
        .into_iter()
        .filter(|row| !row.value.is_empty() && row.settled.actions > 0)
        .map(|Row { value, settled, .. }| Action {
            each: settled.known_money().map(|money| money.scaled(1, settled.actions)),
            name: value,
            settled,
        })
        .collect();
    actions.sort_by(|a, b| b.settled.money.cmp(&a.settled.money).then_with(|| a.name.cmp(&b.name)));
    let rest = if actions.len() > TOP_ACTIONS { actions.split_off(TOP_ACTIONS - 1) } else { Vec::new() };
    let sum = rest.iter().fold(Tally::default(), |sum, action| sum.plus(&action.settled));
    (actions, Some((rest.len(), sum)).filter(|(more, _)| *more > 0))
}

/// What the last sixty minutes cost: this hour so far, what senders whose clocks are ahead tell of the next, and of the hour before
/// the share that is less than sixty minutes ago, as if it had been spent evenly.
fn hourly(ledger: &Ledger, now: Timestamp) -> Result<Picodollars, QueryError> {
    let hour = hour_of(now);
    let left = HOUR - now.as_second().rem_euclid(HOUR);
    let points = ledger.timeline(TOTAL, hour.saturating_sub(1)..until(now), Step::Hour)?;
    let of = |start| {
        let point = points.iter().find(|point| point.start == start);
        point.map_or(Picodollars::ZERO, |point| all(&point.row).money)
    };
    let before = of(hour.saturating_sub(1)).part(left.into(), HOUR.into());
    Ok(of(hour).saturating_add(of(hour + 1)).saturating_add(before))
}

fn month(ledger: &Ledger, now: Timestamp) -> Result<Month, QueryError> {
    let today = now.to_zoned(TimeZone::UTC);
    let first = today.first_of_month().and_then(|day| day.start_of_day());
    let end = today.last_of_month().and_then(|day| day.tomorrow()?.start_of_day());
    // In UTC every day begins; beyond the end of time there is no tomorrow, and nothing to project.
    let [first, end] = [first, end].map(|day| day.map_or(now, |day| day.timestamp()));
    // What a clock that is ahead tells of the next month is not of this one.
    let next = until(now).min(hour_of(end));
    let to_date = all(&ledger.total(hour_of(first)..next)?);
    let since = ledger.timeline(TOTAL, 0..next, Step::Day)?.first().map(|point| point.start);
    let recent = ledger.timeline(TOTAL, hour_of(now).saturating_sub(PACE_HOURS)..until(now), Step::Hour)?;
    let projected = project(to_date.money, &recent, now, end);
    let since = since.filter(|day| *day > hour_of(first));
    Ok(Month { name: today.strftime("%B").to_string(), to_date, since, projected })
}

/// What it was up to now, and for the time to the end the pace of the recent points, from the first of them on.
fn project(to_date: Picodollars, recent: &[Point], now: Timestamp, end: Timestamp) -> Option<Projection> {
    let since = i64::from(recent.iter().map(|point| point.start).min()?) * HOUR;
    let (took, left) = (now.as_second() - since, end.as_second() - now.as_second());
    let spent: Tally = recent.iter().fold(Tally::default(), |sum, point| sum.plus(&all(&point.row)));
    if took < SHORTEST_PACE || spent.known_money().is_none() {
        return None;
    }
    let more = spent.money.part(left.into(), took.into());
    Some(Projection { money: to_date.saturating_add(more), hours: (took / HOUR) as u32 })
}

/// A point for every step, in order; for one that begins after now only where there is something.
fn fill(points: Vec<Point>, hours: Range<u32>, step: Step, now: u32) -> Vec<Point> {
    let length = match step {
        Step::Hour => 1,
        Step::Day => 24,
    };
    let mut filled: Vec<Point> =
        hours.clone().step_by(length as usize).map(|start| Point { start, row: Row::default() }).collect();
    for point in points {
        let place = (point.start.max(hours.start) - hours.start) / length;
        if let Some(place) = filled.get_mut(place as usize) {
            place.row = point.row;
        }
    }
    filled.retain(|point| point.start <= now || all(&point.row).calls > 0);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(dollars: i128, calls: u64) -> Tally {
        let money = Picodollars::new(dollars * 1_000_000_000_000);
        Tally { money, calls, ..Tally::default() }
    }

    fn row(value: &str, dollars: i128) -> Row {
        Row { value: value.to_owned(), settled: tally(dollars, 1), pending: Tally::default() }
    }

    /// Scenario: a day at $2 an hour, ten days before a month's end.
    /// Guarantees: the rest of the month goes on at this pace; without an hour of data nothing is said.
    #[test]
    fn a_month_goes_on_at_the_pace_of_its_last_days() {
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let end = "2026-12-01T00:00:00Z".parse().unwrap();
        let hour = hour_of(now);
        let recent: Vec<Point> = (hour - 24..hour).map(|start| Point { start, row: row("", 2) }).collect();
        let projected = project(tally(100, 1).money, &recent, now, end);
        assert_eq!(projected, Some(Projection { money: tally(580, 1).money, hours: 24 }));
        assert_eq!(project(tally(100, 1).money, &[], now, end), None);
        let new = [Point { start: hour, row: row("", 2) }];
        assert_eq!(project(tally(100, 1).money, &new, "2026-11-21T00:59:59Z".parse().unwrap(), end), None);
    }

    #[test]
    fn steps_without_anything_have_a_point() {
        let points = vec![Point { start: 12, row: row("", 3) }];
        let filled = |now| fill(points.clone(), 10..14, Step::Hour, now);
        let calls = |now| -> Vec<_> {
            filled(now).iter().map(|point| (point.start, point.row.settled.calls)).collect()
        };
        assert_eq!(calls(13), [(10, 0), (11, 0), (12, 1), (13, 0)]);
        assert_eq!(calls(11), [(10, 0), (11, 0), (12, 1)], "nothing is to come, but for what has come");
    }

    /// Scenario: as many users as have lines, one more, and such that the ledger keeps as one; failed calls of nobody.
    /// Guarantees: one more value has no line of its own where it can have its name instead; what is left adds up.
    #[test]
    fn a_list_ends_with_the_rest() {
        let top = |values: usize, others: usize, rest: Option<i128>| Top {
            rows: (0..values).map(|index| row(&format!("user-{index}"), 2)).chain([row("", 0)]).collect(),
            rest: rest.map(|dollars| row("other", dollars)),
            others,
        };
        let (rows, rest) = listed(top(TOP, 0, None));
        assert_eq!((rows.len(), rest), (TOP, None));
        for (others, told) in [(1, Some(2)), (0, None)] {
            let (rows, rest) = listed(top(TOP, others, Some(3)));
            assert_eq!((rows.len(), rest), (TOP - 1, Some((told, tally(5, 2)))));
        }
    }

    #[test]
    fn actions_cost_their_sum_by_their_number() {
        let mut chat = row("chat", 3);
        chat.settled.actions = 2;
        let mut unknown = row("odd", 0);
        (unknown.settled.actions, unknown.settled.unpriced) = (1, 1);
        let (actions, more) = super::actions(vec![row("open", 9), unknown, chat.clone()]);
        let each: Vec<_> = actions.iter().map(|it| (it.name.as_str(), it.each)).collect();
        assert_eq!(each, [("chat", Some(Picodollars::new(1_500_000_000_000))), ("odd", None)]);
        assert_eq!(more, None);

        let (actions, more) = super::actions(vec![chat; TOP_ACTIONS + 1]);
        let more = more.map(|(actions, sum)| (actions, sum.actions, sum.money));
        assert_eq!((actions.len(), more), (TOP_ACTIONS - 1, Some((2, 4, tally(6, 2).money))));
        // As `/api/v1/actions` rounds it: to the even one.
        let mut odd = row("half", 0);
        (odd.settled.money, odd.settled.actions) = (Picodollars::new(5), 2);
        assert_eq!(super::actions(vec![odd]).0[0].each, Some(Picodollars::new(2)));
    }
}
