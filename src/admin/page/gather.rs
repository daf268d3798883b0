//! What the page shows, as plain values: asked from the ledger, nothing worded or drawn yet.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::unpriced::Unpriced;
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
/// Values in a list; the rest is one line.
const TOP: usize = 7;
/// Actions that are listed.
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
    /// How many more there are, and their sums.
    pub(super) rest: Option<(usize, Tally)>,
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
    Ok(Figures {
        window,
        total: sum,
        pending: total.pending,
        is_empty: sum.calls == 0 && all(&ledger.total(0..u32::MAX)?).calls == 0,
        hourly: hourly(ledger, now)?,
        month: month(ledger, now)?,
        bars: begun(fill(ledger.timeline(TOTAL, hours.clone(), step)?, hours.clone(), step), now),
        lists,
        actions: actions(ledger.rows("action", hours.clone())?),
        unpriced: Unpriced::of(ledger.books().series()),
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
fn listed(top: Top) -> (Vec<Named>, Option<(usize, Tally)>) {
    let rest = top.rest.map(|rest| (top.others.max(1), all(&rest)));
    let rows = top.rows.into_iter().map(|row| (all(&row), row.value)).filter(|(tally, _)| tally.calls > 0);
    (rows.map(|(tally, value)| (value, tally)).collect(), rest)
}

fn actions(rows: Vec<Row>) -> Vec<Action> {
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
    actions.truncate(TOP_ACTIONS);
    actions
}

/// What the last sixty minutes cost: this hour so far, and of the hour before the share that is less than sixty minutes ago, as if
/// it had been spent evenly.
fn hourly(ledger: &Ledger, now: Timestamp) -> Result<Picodollars, QueryError> {
    let hour = hour_of(now);
    let left = HOUR - now.as_second().rem_euclid(HOUR);
    let points = ledger.timeline(TOTAL, hour - 1..hour + 1, Step::Hour)?;
    let of = |start| {
        let point = points.iter().find(|point| point.start == start);
        point.map_or(Picodollars::ZERO, |point| all(&point.row).money)
    };
    Ok(of(hour).saturating_add(of(hour - 1).part(left.into(), HOUR.into())))
}

fn month(ledger: &Ledger, now: Timestamp) -> Result<Month, QueryError> {
    let today = now.to_zoned(TimeZone::UTC);
    let first = today.first_of_month().and_then(|day| day.start_of_day());
    let end = today.last_of_month().and_then(|day| day.tomorrow()?.start_of_day());
    // In UTC every day begins; beyond the end of time there is no tomorrow, and nothing to project.
    let [first, end] = [first, end].map(|day| day.map_or(now, |day| day.timestamp()));
    // What a clock that is ahead tells of the next month is not of this one.
    let to_date = all(&ledger.total(hour_of(first)..until(now).min(hour_of(end)))?);
    let recent = ledger.timeline(TOTAL, hour_of(now).saturating_sub(PACE_HOURS)..until(now), Step::Hour)?;
    let projected = project(to_date.money, &recent, now, end);
    Ok(Month { name: today.strftime("%B").to_string(), to_date, projected })
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

/// A point for every step, in order.
fn fill(points: Vec<Point>, hours: Range<u32>, step: Step) -> Vec<Point> {
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
    filled
}

/// Without the hour or the day that has not begun, unless somebody whose clock is ahead has told something of it.
fn begun(mut points: Vec<Point>, now: Timestamp) -> Vec<Point> {
    points.pop_if(|last| last.start > hour_of(now) && last.row == Row::default());
    points
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
        let filled = fill(points, 10..14, Step::Hour);
        let dollars: Vec<_> = filled.iter().map(|point| (point.start, point.row.settled.calls)).collect();
        assert_eq!(dollars, [(10, 0), (11, 0), (12, 1), (13, 0)]);
    }

    /// Guarantees: nobody sees a bar of a time that has not come; what a clock that is ahead has told of it is seen.
    #[test]
    fn the_coming_hour_has_a_bar_if_there_is_something() {
        let now = time::start(12);
        let last = |points| begun(fill(points, 10..until(now), Step::Hour), now).last().map(|it| it.start);
        assert_eq!(last(vec![]), Some(12));
        assert_eq!(last(vec![Point { start: 13, row: row("", 3) }]), Some(13));
    }

    #[test]
    fn actions_cost_their_sum_by_their_number() {
        let mut chat = row("chat", 3);
        chat.settled.actions = 2;
        let mut unknown = row("odd", 0);
        (unknown.settled.actions, unknown.settled.unpriced) = (1, 1);
        let actions = super::actions(vec![row("open", 9), unknown, chat]);
        let each: Vec<_> = actions.iter().map(|it| (it.name.as_str(), it.each)).collect();
        assert_eq!(each, [("chat", Some(Picodollars::new(1_500_000_000_000))), ("odd", None)]);
        // As `/api/v1/actions` rounds it: to the even one.
        let mut odd = row("half", 0);
        (odd.settled.money, odd.settled.actions) = (Picodollars::new(5), 2);
        assert_eq!(super::actions(vec![odd])[0].each, Some(Picodollars::new(2)));
    }
}
