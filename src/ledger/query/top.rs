//! The dearest values of a dimension, and all others as one.
//!
//! All rows are read for their money alone, which is a fraction of the work; only the dearest are read whole. What is left is the total
//! less those.

use std::collections::BTreeMap;
use std::ops::Range;

use hashbrown::HashMap;

use super::{Look, Point, QueryError, Row, Step, add, in_order};
use crate::ledger::sums::Tally;
use crate::ledger::{Ledger, OTHER};

/// The dearest values, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// The values that cost most, pending money included, the dearest first.
    pub rows: Vec<Row>,
    /// All others as one, [`OTHER`]; `None`: there is nothing left.
    pub rest: Option<Row>,
    /// How many values these are, not counting the one that is shared.
    pub others: usize,
}

impl Ledger {
    /// The `top` values of a dimension that cost most in these hours.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn top(&self, by: &str, hours: Range<u32>, top: usize) -> Result<Top, QueryError> {
        let Look { store, dimension, cells, total, of_total } = self.look(by, &hours)?;
        let mut here: HashMap<String, Row> = HashMap::new();
        let mut rest = Row { value: OTHER.to_owned(), ..Row::default() };
        for cell in cells {
            add(&mut here, &cell.value, &cell.settled, &cell.pending);
        }
        for cell in of_total {
            rest.settled.add(&cell.settled);
            rest.pending.add(&cell.pending);
        }
        store.of(total, "", &hours, false, |_, sums| rest.settled.add(&sums))?;

        let pending = |row: &Row| row.settled.money.saturating_add(row.pending.money).get();
        let mut money: HashMap<Box<str>, i128> =
            here.values().map(|row| (row.value.as_str().into(), pending(row))).collect();
        let mut scanned = 0;
        store.money(dimension, &hours, |value, more| {
            scanned += 1;
            match money.get_mut(value) {
                Some(sum) => *sum = sum.saturating_add(more.get()),
                None => drop(money.insert(value.into(), more.get())),
            }
        })?;
        let mut ranked: Vec<(i128, Box<str>)> = money
            .into_iter()
            .filter(|(value, _)| &**value != OTHER)
            .map(|(value, sum)| (sum, value))
            .collect();
        ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let others = ranked.len().saturating_sub(top);
        ranked.truncate(top);

        let row = |(_, value): (i128, Box<str>)| {
            here.remove(&*value).unwrap_or(Row { value: value.into(), ..Row::default() })
        };
        let mut rows: Vec<Row> = ranked.into_iter().map(row).collect();
        // Looking up a row takes longer than reading the next one.
        if rows.len() * store.periods(&hours) * 4 < scanned {
            for Row { value, settled, .. } in &mut rows {
                store.of(dimension, value, &hours, false, |_, sums| settled.add(&sums))?;
            }
        } else {
            let mut settled: HashMap<&str, &mut Tally> =
                rows.iter_mut().map(|row| (row.value.as_str(), &mut row.settled)).collect();
            store.read(dimension, &hours, false, |_, value, sums| {
                if let Some(settled) = settled.get_mut(value) {
                    settled.add(&sums);
                }
            })?;
        }
        rows.iter().for_each(|row| rest.less(row));
        Ok(Top { rows, rest: Some(rest).filter(|rest| !rest.is_empty()), others })
    }

    /// The sums of these values of a dimension hour by hour, or day by day, and of all others as [`OTHER`]; as [`timeline`] tells all.
    ///
    /// # Errors
    /// [`QueryError`]
    ///
    /// [`timeline`]: Self::timeline
    pub fn timeline_of(
        &self,
        by: &str,
        hours: Range<u32>,
        step: Step,
        values: &[&str],
    ) -> Result<Vec<Point>, QueryError> {
        let Look { store, dimension, cells, total, of_total } = self.look(by, &hours)?;
        let mut points: BTreeMap<u32, HashMap<String, Row>> = BTreeMap::new();
        let mut rests: BTreeMap<u32, Row> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| values.contains(&&*cell.value)) {
            let rows = points.entry(step.start(cell.hour)).or_default();
            add(rows, &cell.value, &cell.settled, &cell.pending);
        }
        for cell in of_total {
            let rest = rests.entry(step.start(cell.hour)).or_default();
            rest.settled.add(&cell.settled);
            rest.pending.add(&cell.pending);
        }
        let hourly = step == Step::Hour;
        store.of(total, "", &hours, hourly, |hour, sums| {
            rests.entry(step.start(hour)).or_default().settled.add(&sums);
        })?;
        for value in values {
            store.of(dimension, value, &hours, hourly, |hour, sums| {
                add(points.entry(step.start(hour)).or_default(), value, &sums, &Default::default());
            })?;
        }
        for (start, mut rest) in rests {
            let rows = points.entry(start).or_default();
            rows.values().for_each(|row| rest.less(row));
            if !rest.is_empty() {
                add(rows, OTHER, &rest.settled, &rest.pending);
            }
        }
        Ok(in_order(points))
    }
}

impl Row {
    fn less(&mut self, other: &Row) {
        self.settled.take(&other.settled);
        self.pending.take(&other.pending);
    }

    fn is_empty(&self) -> bool {
        self.settled == Default::default() && self.pending == Default::default()
    }
}
