//! From files to tables: CSV with a header line, or YAML with a mapping of mappings; every mistake with its line and a remedy.

mod csv;
mod yaml;

use std::borrow::Cow;

use super::{Circle, Lookups, Table};
use crate::attribution::margin::Customers;
use crate::attribution::{Attribution, Dimension};
use crate::yaml::error::did_you_mean;
use crate::yaml::{Mistake, Mistakes};

/// The largest file, in bytes. A million rows of four columns have some 50 MB.
pub const MAX_FILE_BYTES: usize = 256 << 20;
/// The largest file of YAML: a tree of it takes ten times its bytes for a moment.
const MAX_YAML_BYTES: usize = 16 << 20;
/// The most rows of a table.
const MAX_ROWS: usize = 2_000_000;
/// Of many mistakes the first are told: most have one reason.
const MAX_MISTAKES: usize = 20;
/// Of many columns that mean nothing, the first are told.
const MAX_NOTED: usize = 8;

/// A file of a table.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What it is called; YAML if that ends so, else CSV.
    pub name: &'a str,
    /// What stands in it.
    pub bytes: &'a [u8],
    /// The dimension by whose values it is read.
    pub by: &'a str,
}

/// The tables of a config's files, in its order.
///
/// # Errors
/// A file is no table, or does not go together with the dimensions or the other tables: every mistake, of one file the first
/// twenty.
pub fn read(sources: &[Source<'_>], attribution: &Attribution) -> Result<Lookups, Mistakes> {
    let (mut tables, mut mistakes, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for source in sources {
        let mut reading = Reading { source, attribution, mistakes: Vec::new(), notices: &mut notices };
        tables.extend(reading.table());
        mistakes.append(&mut reading.mistakes);
    }
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    let lookups = Lookups::new(tables).map_err(|Circle(circle)| in_a_circle(&circle, sources))?;
    let names: Vec<_> = sources.iter().map(|source| (source.name, source.by)).collect();
    let mistakes = Customers::new(attribution, &lookups).mistakes(&attribution.margin, &names);
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    Ok(Lookups { notices, ..lookups })
}

fn in_a_circle(circle: &[usize], sources: &[Source<'_>]) -> Mistakes {
    let names: Vec<&str> = circle.iter().map(|number| sources[*number].name).collect();
    let keys: Vec<&str> = circle.iter().map(|number| sources[*number].by).collect();
    Mistakes(vec![Mistake {
        source: names.join(", "),
        line: None,
        column: None,
        key: String::new(),
        message: format!("these lookups fill each other's keys in a circle: {}", keys.join(", ")),
        remedy: Some(format!("take the column {} out of one of them", keys[0])),
    }])
}

/// A file being read.
struct Reading<'a> {
    source: &'a Source<'a>,
    attribution: &'a Attribution,
    mistakes: Vec<Mistake>,
    notices: &'a mut Vec<String>,
}

impl<'a> Reading<'a> {
    /// The table; nothing if there is a mistake.
    fn table(&mut self) -> Option<Table> {
        let name = self.source.name;
        let bytes = self.source.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.source.bytes);
        let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        let most = if is_yaml { MAX_YAML_BYTES } else { MAX_FILE_BYTES };
        if bytes.len() > most {
            let remedy = if is_yaml { "write it as CSV" } else { "leave out the columns that nothing needs" };
            self.wrong(None, format!("more than {} MiB", most >> 20), remedy);
            return None;
        }
        let by = self.dimensions().iter().position(|dimension| dimension.name == self.source.by);
        let Some(by) = by else {
            let message = format!("{:?} is no dimension", self.source.by);
            let remedy = did_you_mean(self.source.by, self.names());
            self.wrong(None, message, remedy);
            return None;
        };
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_ascii().is_empty() => {
                // One that is being written is empty for a moment: that must not take its rows away.
                self.wrong(None, "the lookup is empty", "write rows, or take it out of `lookups`");
                None
            }
            Ok(text) if is_yaml => self.yaml(by, text),
            Ok(text) => self.csv(by, text),
            Err(error) => {
                let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                self.wrong(Some((line, 1)), "not UTF-8", "save the file as UTF-8");
                None
            }
        }
        .filter(|_| self.mistakes.is_empty())
    }

    fn dimensions(&self) -> &'a [Dimension] {
        &self.attribution.dimensions
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.dimensions().iter().map(|dimension| dimension.name.as_str())
    }

    /// Notes a mistake; gives whether to go on.
    fn wrong(
        &mut self,
        at: Option<(usize, usize)>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> bool {
        let (line, column) = at.unzip();
        let source = self.source.name.to_owned();
        let (message, remedy) = (message.into(), Some(remedy.into()));
        self.mistakes.push(Mistake { source, line, column, key: String::new(), message, remedy });
        self.mistakes.len() < MAX_MISTAKES
    }

    /// Which columns, in their order, fill which dimensions. Those that fill none are noted.
    fn columns(&mut self, by: usize, names: &[&str]) -> Vec<Option<usize>> {
        let dimensions = self.dimensions();
        let fills: Vec<Option<usize>> = names
            .iter()
            .map(|name| dimensions.iter().position(|it| it.name.eq_ignore_ascii_case(name)))
            .map(|found| found.filter(|dimension| *dimension != by))
            .collect();
        let others: Vec<&str> =
            names.iter().zip(&fills).filter(|(_, fills)| fills.is_none()).map(|it| *it.0).collect();
        if fills.iter().all(Option::is_none) {
            let message = format!("no column besides {} is named like a dimension", self.source.by);
            let names = self.names().filter(|name| *name != self.source.by);
            let remedy = did_you_mean(others.first().copied().unwrap_or_default(), names);
            self.wrong(Some((1, 1)), message, remedy);
        } else if !others.is_empty() {
            let more = if others.len() > MAX_NOTED { ", ..." } else { "" };
            let listed = others[..others.len().min(MAX_NOTED)].join(", ");
            self.notices
                .push(format!("{}: these columns name no dimension: {listed}{more}", self.source.name));
        }
        for dimension in fills.iter().flatten().map(|index| &dimensions[*index]) {
            if dimension.is_of_login() {
                let name = &dimension.name;
                let message =
                    format!("the column {name} must not be read: {name} is who has logged in (`auth: true`)");
                self.wrong(Some((1, 1)), message, "take out the column");
            }
            if dimension.value.is_some() {
                let name = &dimension.name;
                let message = format!("the column {name} would never be read: {name} has a fixed value");
                let remedy = format!("take out the column, or processors.pricetag.dimensions.{name}.value");
                self.wrong(Some((1, 1)), message, remedy);
            }
        }
        fills
    }

    /// A value as it is kept.
    fn kept<'v>(&self, dimension: usize, value: &'v str) -> Cow<'v, [u8]> {
        match &self.attribution.hasher {
            Some(hasher) if self.dimensions()[dimension].hashed && !value.is_empty() => {
                Cow::Owned(hasher.hash(value.as_bytes()).into_bytes())
            }
            _ => Cow::Borrowed(value.as_bytes()),
        }
    }

    /// A key as it is kept; `*`, which stands for others, is none.
    fn kept_key<'v>(&self, by: usize, key: &'v str) -> Cow<'v, [u8]> {
        if key == "*" { Cow::Borrowed(b"*") } else { self.kept(by, key) }
    }
}
