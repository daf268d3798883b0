//! Price files: the layers that a user lays over the embedded catalog.
//!
//! Here they are read; what they mean is [`crate::pricing`]'s. A layer's version carries a checksum of the file, so that
//! a receipt tells which state of a file that changes it was priced with.

use std::path::{Path, PathBuf};

use crate::pricing::{Catalog, CatalogFile};
use crate::yaml::Mistakes;

/// The texts of price files, the weakest first. Equal texts give equal catalogs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFiles(Vec<(PathBuf, String)>);

impl PriceFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them can not be read, is empty, or is no UTF-8; the error names it.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Mistakes> {
        let read = |path: &PathBuf| {
            let wrong = |message: String, remedy: &str| Mistakes::of_file(path, "", message, remedy);
            match std::fs::read_to_string(path) {
                // One that is being written is empty for a moment: that must not take its prices away.
                Ok(text) if text.trim_ascii().is_empty() => Err(wrong(
                    "the price file is empty".to_owned(),
                    "write prices, `aliases` or `adjust`, or take it out of `prices`",
                )),
                Ok(text) => Ok((path.clone(), text)),
                Err(error) => Err(wrong(
                    format!("the price file can not be read: {error}"),
                    "mend its name, or take it out of `prices`",
                )),
            }
        };
        paths.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The texts, one after the other.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|(_, text)| text.as_bytes())
    }

    /// The embedded catalog with these layers over it.
    ///
    /// # Errors
    /// A file is no price list: every mistake with file, line, place and remedy.
    pub fn catalog(&self) -> Result<Catalog, Mistakes> {
        if self.0.is_empty() {
            return Ok(Catalog::embedded().clone());
        }
        let mut layers = vec![("embedded".to_owned(), Catalog::embedded_file()?)];
        for (path, text) in &self.0 {
            let origin = path.display().to_string();
            let mut layer = if path.extension().is_some_and(|extension| extension == "json") {
                CatalogFile::from_json(&origin, text)?
            } else {
                CatalogFile::from_yaml(&origin, text)?
            };
            let state = checksum(text);
            for said in [&mut layer.source, &mut layer.version] {
                *said = Some(format!("{}@{state}", said.take().unwrap_or_else(|| file_name(path))));
            }
            layers.push((origin, layer));
        }
        let (origins, files): (Vec<String>, Vec<CatalogFile>) = layers.into_iter().unzip();
        Catalog::from_layers(origins.iter().map(String::as_str).zip(files))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// CRC-32 in hexadecimal, as `crc32` prints it: eight digits tell the states of a file apart, and are short on a span.
fn checksum(text: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    format!("{:08x}", crc.sum())
}
