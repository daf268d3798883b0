//! Tables in CSV: a header line names the dimensions.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{MAX_ROWS, Reading};
use crate::attribution::MAX_VALUE;
use crate::attribution::lookups::{Builder, Table};
use crate::text::counted;

/// Counts lines as a reader goes through a text: that of a record is the first that is not empty.
struct Lines<'t> {
    text: &'t [u8],
    /// All before this has been counted.
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, record: usize) -> usize {
        let blank = self.text[record..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let start = record + blank;
        self.line += self.text[self.at..start].iter().filter(|byte| **byte == b'\n').count();
        self.at = start;
        self.line
    }
}

impl Reading<'_> {
    /// The table of a text; nothing if it has too many mistakes.
    pub(super) fn csv(&mut self, by: usize, text: &str) -> Option<Table> {
        // Lengths are compared here, so that every row of another length is told.
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut header = StringRecord::new();
        // Reading can not fail, here and below: the text is in memory, and it is one.
        reader.read_record(&mut header).ok()?;
        let (key_at, fills) = self.header(by, &header)?;
        let mut builder = Builder::new(by, fills.iter().copied().flatten().collect());
        let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
        // Where each row stands, for those that come twice.
        let mut stands: Vec<u32> = Vec::new();
        let mut record = StringRecord::new();
        loop {
            let start = reader.position().byte() as usize;
            if !reader.read_record(&mut record).ok()? {
                return Some(builder.finish());
            }
            let line = lines.of(start);
            let at = Some((line, 1));
            let key = record.get(key_at).unwrap_or_default();
            let long = record.iter().position(|value| value.len() > MAX_VALUE);
            let goes_on = if let Some(column) = long {
                let name = header.get(column).unwrap_or("?");
                let message = format!("{name}: a value of more than {MAX_VALUE} bytes");
                self.wrong(at, message, "shorten it; if it is none, a quote is open here")
            } else if record.len() != header.len() {
                let message =
                    format!("{}, and the header has {}", counted(record.len() as u64, "value"), header.len());
                self.wrong(at, message, "write a value for each column; one with a comma stands in quotes")
            } else if key.is_empty() {
                let message = format!("a row without a value of {}", self.source.by);
                self.wrong(at, message, "write one, or `*` for values that no other row has")
            } else if stands.len() == MAX_ROWS {
                self.wrong(at, format!("more than {MAX_ROWS} rows"), "leave out those that nothing needs");
                false
            } else {
                let values: Vec<_> = fills
                    .iter()
                    .zip(&record)
                    .filter_map(|(fills, value)| Some(self.kept((*fills)?, value)))
                    .collect();
                match builder.push(&self.kept_key(by, key), values.iter().map(AsRef::as_ref)) {
                    Ok(()) => {
                        stands.push(line as u32);
                        true
                    }
                    Err(first) => {
                        let message = format!(
                            "{} {key:?} stands here twice, first on line {}",
                            self.source.by, stands[first]
                        );
                        self.wrong(at, message, "keep one of the two")
                    }
                }
            };
            if !goes_on {
                return None;
            }
        }
    }

    /// Which column has the key, and what the others fill.
    fn header(&mut self, by: usize, header: &StringRecord) -> Option<(usize, Vec<Option<usize>>)> {
        let names: Vec<&str> = header.iter().collect();
        for (at, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..at].iter().any(|before| before.eq_ignore_ascii_case(name)) {
                self.wrong(
                    Some((1, 1)),
                    format!("the column {name} stands here twice"),
                    "keep one of the two",
                );
            }
        }
        let Some(key_at) = names.iter().position(|name| name.eq_ignore_ascii_case(self.source.by)) else {
            let message = format!("no column {}, by which it is to be read", self.source.by);
            let remedy = format!(
                "name the column with its values so in the first line, which has: {}",
                crate::text::printable(&names.join(", ")),
            );
            self.wrong(Some((1, 1)), message, remedy);
            return None;
        };
        let others: Vec<&str> =
            names.iter().enumerate().filter(|(at, _)| *at != key_at).map(|it| *it.1).collect();
        let mut fills = self.columns(by, &others);
        fills.insert(key_at, None);
        self.mistakes.is_empty().then_some((key_at, fills))
    }
}
