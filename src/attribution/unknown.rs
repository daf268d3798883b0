//! Values that lookups have no row for: counted, and the first of them listed, so that somebody can add their rows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashSet;

use crate::otlp::view::Text;

/// The most values that are listed for a table: more than anybody adds by hand.
pub const MAX_LISTED: usize = 100;

/// What the tables of a config had no row for.
#[derive(Debug, Default)]
pub struct Unknown {
    tables: Vec<OfTable>,
}

#[derive(Debug, Default)]
struct OfTable {
    count: AtomicU64,
    /// Nothing more is listed, and nothing needs to be looked up for it.
    full: AtomicBool,
    listed: Mutex<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    values: HashSet<Box<[u8]>>,
    /// Those that nobody has been told of.
    new: Vec<Box<[u8]>>,
}

impl Unknown {
    /// For a config with so many tables.
    pub fn new(tables: usize) -> Self {
        Unknown { tables: (0..tables).map(|_| OfTable::default()).collect() }
    }

    /// Notes that a table has no row for a value.
    pub fn note(&self, table: usize, value: Text<'_>) {
        let Some(table) = self.tables.get(table) else { return };
        table.count.fetch_add(1, Relaxed);
        if table.full.load(Relaxed) {
            return;
        }
        let mut listed = table.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.values.len() < MAX_LISTED && !listed.values.contains(value.0) {
            listed.values.insert(value.0.into());
            listed.new.push(value.0.into());
            table.full.store(listed.values.len() == MAX_LISTED, Relaxed);
        }
    }

    /// How often each table had no row, since the start.
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.tables.iter().map(|table| table.count.load(Relaxed))
    }

    /// The values that were listed since this was asked last, table by table, and whether their lists are full.
    pub fn news(&self) -> impl Iterator<Item = (Vec<Box<[u8]>>, bool)> + '_ {
        self.tables.iter().map(|table| {
            let mut listed = table.listed.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut listed.new), table.full.load(Relaxed))
        })
    }

    /// Begins the lists anew, for other tables; the counts go on.
    pub fn forget(&self) {
        for table in &self.tables {
            *table.listed.lock().unwrap_or_else(PoisonError::into_inner) = Listed::default();
            table.full.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: more values than are listed, each twice, for the second of two tables; then other tables.
    /// Guarantees: all are counted; each is told once, the first hundred only; after `forget` they are told again.
    #[test]
    fn all_are_counted_and_the_first_are_listed() {
        let unknown = Unknown::new(2);
        for round in 0..2 {
            for n in 0..2 * MAX_LISTED {
                unknown.note(1, Text(format!("tenant {n}").as_bytes()));
            }
            let news: Vec<_> = unknown.news().map(|(values, full)| (values.len(), full)).collect();
            let expected = if round == 0 { MAX_LISTED } else { 0 };
            assert_eq!(news, [(0, false), (expected, true)]);
        }
        assert_eq!(unknown.counts().collect::<Vec<_>>(), [0, 4 * MAX_LISTED as u64]);
        unknown.forget();
        unknown.note(1, Text(b"tenant 0"));
        assert_eq!(unknown.news().last(), Some((vec![b"tenant 0"[..].into()], false)));
        assert_eq!(unknown.counts().last(), Some(4 * MAX_LISTED as u64 + 1));
    }
}
