//! Price files: the layers that a user lays over the embedded catalog.
//!
//! Here they are read; what they mean is [`crate::pricing`]'s. A layer's version carries a checksum of the file, so that
//! a receipt tells which state of a file that changes it was priced with.

use std::path::{Path, PathBuf};

use crate::pricing::{Catalog, CatalogFile};

/// The texts of price files, the weakest first. Equal texts give equal catalogs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFiles(Vec<(PathBuf, String)>);

impl PriceFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them can not be read, or is no UTF-8; the error names it.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).map_err(|error| {
                anyhow::anyhow!(
                    "{}: the price file can not be read: {error}; mend its name, or remove it from `prices`",
                    path.display()
                )
            })?;
            Ok((path.clone(), text))
        };
        paths.iter().map(read).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The embedded catalog with these layers over it.
    ///
    /// # Errors
    /// A file is no price list; the error names file, place and remedy.
    pub fn catalog(&self) -> anyhow::Result<Catalog> {
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
            let name = file_name(path);
            layer.version = Some(format!("{}@{}", layer.version.as_ref().unwrap_or(&name), checksum(text)));
            layer.source.get_or_insert(name);
            layers.push((origin, layer));
        }
        Ok(Catalog::from_layers(layers.iter().map(|(origin, layer)| (origin.as_str(), layer.clone())))?)
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
