//! A user's own dialects, read from the files that the config names.

use std::path::{Path, PathBuf};

use crate::genai::dialects::format::DialectFile;
use crate::yaml::{Mistake, Mistakes};

/// Reads the files.
///
/// # Errors
/// One of them can not be read, or is no dialect: every mistake of that file, with line, key and remedy.
pub fn read(paths: &[PathBuf]) -> Result<Vec<DialectFile>, Mistakes> {
    paths.iter().map(|path| one(path)).collect()
}

fn one(path: &Path) -> Result<DialectFile, Mistakes> {
    let source = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Mistakes(vec![Mistake {
            source: source.clone(),
            line: None,
            column: None,
            key: String::new(),
            message: format!("the dialect can not be read: {error}"),
            remedy: Some("mend its name, or take it out of `dialects`".to_owned()),
        }])
    })?;
    DialectFile::from_yaml(&source, &text)
}
