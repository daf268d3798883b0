//! Where the bars of the cost by hour stand. Across in percent, so that it fits any screen, and up in pixels, so that
//! its text is not stretched. Floats, for these are pixels.

use jiff::tz::TimeZone;

use super::Window;
use super::words::{Money, counted, hour};
use crate::ledger::query::Point;
use crate::pricing::Picodollars;
use crate::time::start;

/// Height of the bars' field.
const HEIGHT: f64 = 168.0;
/// Above it, room for the uppermost label.
const ABOVE: f64 = 16.0;
/// Of a step, how much its bar takes.
const BAR: f64 = 0.72;

/// The drawing.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    /// Lines across, with what they stand for.
    pub(super) lines: Vec<(f64, String)>,
    /// Words below the bars: where, and what.
    pub(super) times: Vec<(f64, String)>,
    /// Where the bars stand, and where the words below.
    pub(super) floor: f64,
    pub(super) below: f64,
    pub(super) height: f64,
}

/// One step.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) width: f64,
    /// Upper end and height of what is settled, and of what is pending above it.
    pub(super) settled: (f64, f64),
    pub(super) pending: (f64, f64),
    /// `Mon 13:00`
    pub(super) when: String,
    pub(super) cost: Money,
    pub(super) open: Money,
    pub(super) calls: u64,
}

impl Bar {
    /// What is shown when somebody points there.
    pub(super) fn words(&self) -> String {
        format!("{}: {}, {}", self.when, self.cost, counted(self.calls, "call"))
    }
}

impl Chart {
    pub(super) fn of(points: &[Point], window: Window) -> Self {
        let money = |point: &Point| point.row.settled.money.saturating_add(point.row.pending.money);
        let most = points.iter().map(money).max().unwrap_or_default();
        let top = ceiling(most);
        let floor = ABOVE + HEIGHT;
        let tall = |money: Picodollars| HEIGHT * money.to_usd_f64() / top.0.to_usd_f64();
        let step = 100.0 / points.len().max(1) as f64;
        let bars = points.iter().enumerate().map(|(index, point)| {
            let settled = tall(point.row.settled.money);
            let pending = tall(point.row.pending.money);
            let all = point.row.settled.plus(&point.row.pending);
            Bar {
                x: step * (index as f64 + (1.0 - BAR) / 2.0),
                width: step * BAR,
                settled: (floor - settled, settled),
                pending: (floor - settled - pending, pending),
                when: hour(point.start, window.words()),
                cost: Money::of(&all),
                open: Money(Some(point.row.pending.money)),
                calls: all.calls,
            }
        });
        let line = |n: i128| {
            let money = Picodollars::new(top.0.get() / top.1 * n);
            (floor - HEIGHT * n as f64 / top.1 as f64, Money(Some(money)).to_string())
        };
        // Nothing has no scale.
        let mut lines: Vec<(f64, String)> =
            (1..=top.1).filter(|_| most > Picodollars::ZERO).map(line).collect();
        if lines.iter().all(|(_, text)| text.ends_with(".00")) {
            lines.iter_mut().for_each(|(_, text)| text.truncate(text.len() - 3));
        }
        let times = points.iter().enumerate().filter(|(_, point)| window.is_labelled(utc(point.start)));
        Chart {
            bars: bars.collect(),
            lines,
            times: times
                .map(|(index, point)| (step * (index as f64 + 0.5), hour(point.start, window.label())))
                .filter(|(x, _)| (4.0..96.0).contains(x))
                .collect(),
            floor,
            below: floor + 18.0,
            height: floor + 24.0,
        }
    }
}

fn utc(hour: u32) -> jiff::Zoned {
    start(hour).to_zoned(TimeZone::UTC)
}

/// A round amount that is not less, and into how many round parts lines divide it.
fn ceiling(most: Picodollars) -> (Picodollars, i128) {
    // A tenth of its decade.
    let mut tenth: i128 = 1;
    while tenth.saturating_mul(100) <= most.get() {
        tenth *= 10;
    }
    let rounds = [(10, 2), (15, 3), (20, 2), (25, 5), (30, 3), (40, 4), (50, 5), (60, 3), (80, 4), (100, 2)];
    let fits = rounds.into_iter().find(|(size, _)| tenth.saturating_mul(*size) >= most.get());
    let (size, lines) = fits.unwrap_or((100, 2));
    (Picodollars::new(tenth.saturating_mul(size)), lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::query::Row;
    use crate::ledger::sums::Tally;

    fn point(start: u32, settled: i128, pending: i128) -> Point {
        let tally = |money| Tally { money: Picodollars::new(money), calls: 1, ..Tally::default() };
        Point { start, row: Row { value: String::new(), settled: tally(settled), pending: tally(pending) } }
    }

    #[test]
    fn ceilings_are_round_and_not_below() {
        for most in [0, 1, 7, 99, 100, 101, 5_500, 1_234_567, i128::MAX / 1000] {
            let (top, parts) = ceiling(Picodollars::new(most));
            assert!(top.get() >= most && top.get() > 0 && top.get() % parts == 0, "{most}: {top} {parts}");
            assert!(most < 10 || top.get() <= most.saturating_mul(2), "{most}: {top}");
        }
    }

    /// Scenario: two hours, the second with twice the cost, half of it pending.
    /// Guarantees: bars are as tall as their money, stand on the floor and on each other, and none leaves the field.
    #[test]
    fn bars_are_as_tall_as_their_money() {
        let chart = Chart::of(&[point(6, 1_000_000, 0), point(7, 1_000_000, 1_000_000)], Window::Day);
        let [one, two] = &chart.bars[..] else { panic!("{chart:?}") };
        assert_eq!((two.settled.1, two.pending.1), (HEIGHT / 2.0, HEIGHT / 2.0));
        assert_eq!((one.settled, one.pending.1), (two.settled, 0.0));
        assert_eq!((two.settled.0 + two.settled.1, two.pending.0), (chart.floor, ABOVE));
        assert_eq!(
            chart.lines.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["$0.000001", "$0.000002"]
        );
        assert_eq!(two.words(), "Thu 07:00: $0.000002, 2 calls");
    }

    #[test]
    fn lines_are_worded_alike() {
        let lines = |money| {
            let chart = Chart::of(&[point(6, money, 0)], Window::Day);
            chart.lines.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(lines(12_070_000_000_000), ["$5", "$10", "$15"]);
        assert_eq!(lines(1_210_000_000_000), ["$0.50", "$1.00", "$1.50"]);
        assert_eq!(lines(0), [""; 0]);
    }
}
