//! What is left of what customers pay, as a table.

use super::view::name;
use super::words::{Money, counted};
use crate::attribution::margin::{Line, Rules, Statement};

/// What is shown of a statement by tier.
pub(super) struct Shown {
    /// `Gross margin`, or `Inference margin` where nobody said what else customers cost.
    pub(super) title: &'static str,
    /// Somebody did.
    pub(super) has_other: bool,
    pub(super) rows: Vec<Row>,
    /// How many calls of unknown cost make margins too high, in words; empty: none do.
    pub(super) too_high: String,
}

/// A tier, or several.
pub(super) struct Row {
    pub(super) tier: String,
    /// It is no tier, but words of ours.
    pub(super) is_ours: bool,
    /// It is the sum of all others.
    pub(super) is_total: bool,
    pub(super) revenue: Money,
    pub(super) cost: Money,
    pub(super) other: Money,
    pub(super) margin: Money,
    pub(super) ratio: String,
    pub(super) is_loss: bool,
}

impl Shown {
    pub(super) fn of(statement: &Statement, rules: &Rules) -> Self {
        let lines = statement.lines.iter().map(|line| match &*line.value {
            "" => row("no tier".to_owned(), true, line),
            tier => row(name(tier, ""), false, line),
        });
        let rest = statement.rest.iter().map(|rest| row("the others".to_owned(), true, rest));
        let total = [Row { is_total: true, ..row("all".to_owned(), false, &statement.total) }];
        let has_other = rules.other_cogs.is_some();
        Shown {
            title: if has_other { "Gross margin" } else { "Inference margin" },
            has_other,
            rows: lines.chain(rest).chain(total).collect(),
            too_high: match statement.total.used.unpriced {
                0 => String::new(),
                1 => "1 unpriced call makes it too high.".to_owned(),
                calls => format!("{} make it too high.", counted(calls, "unpriced call")),
            },
        }
    }
}

fn row(tier: String, is_ours: bool, line: &Line) -> Row {
    let margin = Money(line.margin());
    Row {
        tier,
        is_ours,
        is_total: false,
        revenue: Money(Some(line.revenue())),
        cost: Money(line.cost()),
        other: Money(Some(line.other_cogs)),
        is_loss: margin.0.is_some_and(|margin| margin.get() < 0),
        margin,
        ratio: line.ratio().map_or_else(|| "–".to_owned(), percent),
    }
}

/// A ratio in whole percent.
fn percent(ratio: f64) -> String {
    let percent = (ratio * 100.0).round();
    let sign = if percent < 0.0 { "\u{2212}" } else { "" };
    format!("{sign}{:.0}%", percent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::margin::Used;
    use crate::pricing::Picodollars;

    #[test]
    fn losses_are_seen() {
        let money = |dollars: i128| Picodollars::new(dollars * 1_000_000_000_000);
        let line = |value: &str, fees, cost| Line {
            value: value.to_owned(),
            fees: money(fees),
            used: Used { cost: money(cost), calls: 1, ..Used::default() },
            ..Line::default()
        };
        let statement = Statement {
            lines: vec![line("free", 0, 3), line("pro", 8, 10), line("", 4, 1)],
            total: line("", 12, 14),
            ..Statement::default()
        };
        let shown = Shown::of(&statement, &Rules::default());
        let row = |it: &Row| format!("{} {} {} {}", it.tier, it.margin, it.ratio, it.is_loss);
        let rows: Vec<String> = shown.rows.iter().map(row).collect();
        assert_eq!(
            rows,
            [
                "free \u{2212}$3.00 – true",
                "pro \u{2212}$2.00 \u{2212}25% true",
                "no tier $3.00 75% false",
                "all \u{2212}$2.00 \u{2212}17% true"
            ]
        );
        assert_eq!((shown.title, shown.too_high.as_str()), ("Inference margin", ""));
    }
}
