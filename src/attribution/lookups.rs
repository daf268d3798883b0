//! Tables from one dimension to others: tenant to tier, plan and team.

mod read;
mod table;
#[cfg(test)]
mod tests;

pub use read::{MAX_FILE_BYTES, Source, read};
pub use table::{Builder, Table};

use crate::otlp::view::Text;

/// The tables of a config.
#[derive(Debug, Default)]
pub struct Lookups {
    /// Each behind those that fill its key, with its number in the config.
    tables: Vec<(usize, Table)>,
    notices: Vec<String>,
}

/// Tables that fill each other's keys in a circle, by their numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle(pub Vec<usize>);

impl Lookups {
    /// Tables in the order of the config: of two that fill a dimension the first does. One that is read by what another fills
    /// comes after it, wherever it stands.
    ///
    /// # Errors
    /// [`Circle`]: there is no such order.
    pub fn new(tables: Vec<Table>) -> Result<Self, Circle> {
        let mut waiting: Vec<(usize, Table)> = tables.into_iter().enumerate().collect();
        let mut ready = Vec::new();
        while !waiting.is_empty() {
            let needs = |table: &Table| waiting.iter().position(|(_, other)| other.fills(table.by()));
            match waiting.iter().position(|(_, table)| needs(table).is_none()) {
                Some(at) => ready.push(waiting.remove(at)),
                // Whoever follows the needs from any of these comes by one for the second time.
                None => {
                    let mut way: Vec<usize> = Vec::new();
                    let mut at = 0;
                    while !way.contains(&at) {
                        way.push(at);
                        at = needs(&waiting[at].1).unwrap_or(at);
                    }
                    let circle = way.into_iter().skip_while(|passed| *passed != at);
                    return Err(Circle(circle.map(|at| waiting[at].0).collect()));
                }
            }
        }
        Ok(Lookups { tables: ready, notices: Vec::new() })
    }

    /// Fills the values that are still empty from the tables; `values` are those of all dimensions. Tells `unknown` of values
    /// that a table has no row for, with the number of the table.
    pub fn fill<'a>(&'a self, values: &mut [Text<'a>], mut unknown: impl FnMut(usize, Text<'a>)) {
        for (number, table) in &self.tables {
            let key = values[table.by()];
            if key.is_empty() {
                continue;
            }
            match table.row(key) {
                Some(row) => row.for_each(|(dimension, value)| {
                    if values[dimension].is_empty() {
                        values[dimension] = value;
                    }
                }),
                None => unknown(*number, key),
            }
        }
    }

    /// The tables, each behind those that fill its key.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().map(|(_, table)| table)
    }

    /// The tables by the values of a dimension.
    pub(super) fn tables_by(&self, dimension: usize) -> impl Iterator<Item = &Table> {
        self.tables().filter(move |table| table.by() == dimension)
    }

    /// Whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Rows of all tables.
    pub fn rows(&self) -> usize {
        self.tables().map(Table::rows).sum()
    }

    /// Bytes that all tables take.
    pub fn bytes(&self) -> usize {
        self.tables().map(Table::bytes).sum()
    }

    /// What was accepted in the files and should be known.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
}
