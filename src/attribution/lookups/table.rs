//! One table, as small as a million rows ask for: one arena of texts, four bytes a cell, and a hash table of row numbers.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher as _;

use crate::otlp::view::Text;

/// The key of the row for values that no other row has.
const ANY: &[u8] = b"*";

/// A table from the values of one dimension to those of others.
#[derive(Debug, Default)]
pub struct Table {
    by: usize,
    /// The dimensions that it fills, in the order of a row's cells.
    columns: Vec<usize>,
    texts: Texts,
    /// Row by row: the place of the key, then one for each column.
    cells: Vec<u32>,
    by_key: HashTable<u32>,
    any: Option<u32>,
    hash: RandomState,
}

/// Texts behind each other, each after its length in two bytes; at 0 is the empty one.
#[derive(Debug)]
struct Texts(Vec<u8>);

impl Default for Texts {
    fn default() -> Self {
        Texts(vec![0; 2])
    }
}

impl Texts {
    /// Adds a text of at most 64 KiB.
    fn push(&mut self, text: &[u8]) -> u32 {
        // Files are limited to far less than 4 GiB, and so are the hashes of their cells.
        let at = self.0.len() as u32;
        self.0.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.0.extend_from_slice(text);
        at
    }

    fn get(&self, at: u32) -> &[u8] {
        let (len, rest) = self.0[at as usize..].split_at(2);
        &rest[..usize::from(u16::from_le_bytes([len[0], len[1]]))]
    }
}

impl Table {
    fn width(&self) -> usize {
        1 + self.columns.len()
    }

    /// The dimension by which it is read.
    pub fn by(&self) -> usize {
        self.by
    }

    /// Whether it fills a dimension.
    pub fn fills(&self, dimension: usize) -> bool {
        self.columns.contains(&dimension)
    }

    /// Its rows.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.width()
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.texts.0.capacity() + self.cells.capacity() * size_of::<u32>() + self.by_key.allocation_size()
    }

    /// What the row of a key says of which dimensions; empty: nothing. The row `*` is that of all keys without one.
    #[inline]
    pub fn row(&self, key: Text<'_>) -> Option<impl Iterator<Item = (usize, Text<'_>)>> {
        let row = self.find(key.0).or(self.any)? as usize;
        let cells = &self.cells[row * self.width()..][..self.width()];
        let values = cells[1..].iter().map(|at| Text(self.texts.get(*at)));
        Some(self.columns.iter().copied().zip(values))
    }

    /// The keys of all rows but that of `*`, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = Text<'_>> {
        let rows = self.cells.chunks_exact(self.width()).enumerate();
        let own = rows.filter(|(row, _)| self.any != Some(*row as u32));
        own.map(|(_, cells)| Text(self.texts.get(cells[0])))
    }

    /// Whether a key has a row of its own.
    pub fn has(&self, key: Text<'_>) -> bool {
        self.find(key.0).is_some()
    }

    fn find(&self, key: &[u8]) -> Option<u32> {
        let same = |row: &u32| self.texts.get(self.cells[*row as usize * self.width()]) == key;
        self.by_key.find(self.hash.hash_one(key), same).copied()
    }
}

/// Makes a [`Table`], row by row.
#[derive(Debug)]
pub struct Builder {
    table: Table,
    /// Values that are in the arena: there are few tiers and teams, but each stands in many rows.
    values: HashTable<u32>,
}

impl Builder {
    /// A table by the values of the dimension `by`, that fills the dimensions `columns`.
    pub fn new(by: usize, columns: Vec<usize>) -> Self {
        Builder { table: Table { by, columns, ..Table::default() }, values: HashTable::new() }
    }

    /// Adds a row, with a value for each column; empty: none.
    ///
    /// # Errors
    /// The number of the row that has this key already.
    pub fn push<'v>(&mut self, key: &[u8], values: impl Iterator<Item = &'v [u8]>) -> Result<(), usize> {
        let Table { columns, texts, cells, by_key, any, hash, .. } = &mut self.table;
        let width = 1 + columns.len();
        let row = (cells.len() / width) as u32;
        let key_of =
            |row: &u32, texts: &Texts| -> u64 { hash.hash_one(texts.get(cells[*row as usize * width])) };
        if key == ANY {
            if let Some(first) = *any {
                return Err(first as usize);
            }
            *any = Some(row);
        } else {
            let same = |row: &u32| texts.get(cells[*row as usize * width]) == key;
            match by_key.entry(hash.hash_one(key), same, |row| key_of(row, texts)) {
                Entry::Occupied(first) => return Err(*first.get() as usize),
                Entry::Vacant(place) => place.insert(row),
            };
        }
        cells.push(texts.push(key));
        for value in values.take(columns.len()) {
            let place = match value {
                [] => 0,
                value => {
                    let same = |at: &u32| texts.get(*at) == value;
                    match self.values.entry(hash.hash_one(value), same, |at| hash.hash_one(texts.get(*at))) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(new) => {
                            let at = texts.push(value);
                            *new.insert(at).get()
                        }
                    }
                }
            };
            cells.push(place);
        }
        // A row that ends early says nothing more.
        cells.resize((row as usize + 1) * width, 0);
        Ok(())
    }

    /// The table.
    pub fn finish(self) -> Table {
        let mut table = self.table;
        table.texts.0.shrink_to_fit();
        table.cells.shrink_to_fit();
        table
    }
}
