//! Lookup files: tables from one dimension to others. Here they are read; what they mean is [`crate::attribution`]'s.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::attribution::lookups::{self, MAX_FILE_BYTES, Source};
use crate::attribution::{Attribution, Lookups};
use crate::config::Lookup;
use crate::yaml::Mistakes;

/// The contents of lookup files, in the config's order.
#[derive(Clone, Debug, Default)]
pub struct LookupFiles(Vec<(Lookup, Vec<u8>)>);

impl LookupFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them can not be read; the error names it.
    pub fn read(lookups: &[Lookup]) -> Result<Self, Mistakes> {
        let read = |(index, lookup): (usize, &Lookup)| Ok((lookup.clone(), content(index, &lookup.file)?));
        lookups.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The tables.
    ///
    /// # Errors
    /// A file is no table, or does not go together with the dimensions or the other tables: mistakes with file, line and remedy.
    pub fn lookups(&self, attribution: &Attribution) -> Result<Lookups, Mistakes> {
        let names: Vec<_> = self.0.iter().map(|(lookup, _)| lookup.file.display().to_string()).collect();
        let sources: Vec<_> = self
            .0
            .iter()
            .zip(&names)
            .map(|((lookup, bytes), name)| Source { name, bytes, by: &lookup.by })
            .collect();
        lookups::read(&sources, attribution)
    }

    /// The contents, one after the other.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|(_, bytes)| bytes.as_slice())
    }
}

/// A file, and of one that is too large one byte more than is taken: whoever reads it says so.
fn content(index: usize, file: &Path) -> Result<Vec<u8>, Mistakes> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(MAX_FILE_BYTES as u64 + 4).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| {
        // As far as it is known: the folder that we run in may be gone.
        let place = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        Mistakes::of_file(
            file,
            format!("lookups[{index}].file"),
            format!("the lookup can not be read at {}: {error}", place.display()),
            "mend its name (paths are from the working directory), or take it out of `lookups`",
        )
    })
}
