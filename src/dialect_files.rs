//! A user's own dialects, read from the files that the config names.

use std::path::{Path, PathBuf};

use crate::genai::dialects::Dialects;
use crate::genai::dialects::format::DialectFile;
use crate::yaml::Mistakes;

/// Reads the files.
///
/// # Errors
/// One of them can not be read, or is no dialect: every mistake of that file, with line, key and remedy. Or they are
/// too many.
pub fn read(paths: &[PathBuf]) -> Result<Vec<DialectFile>, Mistakes> {
    let own: Vec<DialectFile> = paths.iter().map(|path| one(path)).collect::<Result<_, _>>()?;
    match Dialects::excess(&own) {
        Some(excess) => {
            let last = paths.last().map_or(Path::new(""), PathBuf::as_path);
            let message = format!("with the embedded dialects, {excess}");
            Err(Mistakes::of_file(last, "", message, "take the files that you need least out of `dialects`"))
        }
        None => Ok(own),
    }
}

fn one(path: &Path) -> Result<DialectFile, Mistakes> {
    let source = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the dialect can not be read: {error}");
        Mistakes::of_file(path, "", message, "mend its name, or take it out of `dialects`")
    })?;
    DialectFile::from_yaml(&source, &text)
}
