//! `pricetag prices lint`: mistakes in a price list, and what looks like one.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::check::EXIT_WRONG;
use crate::pricing::lint::lint;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, CatalogFile};
use crate::yaml::Mistakes;

/// Looks through a price list.
///
/// What is wrong ends it with code 64, as `check` does. What only looks like a mistake is a warning: a condition that never
/// decides, a rate far from its neighbours, a name that two models have, what does not fit the embedded catalog.
#[derive(Debug, Args)]
pub(super) struct Lint {
    /// The price list
    file: PathBuf,
}

impl Lint {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display().to_string();
        let text = super::import::read(&self.file)?;
        let (out, code) = look(&name, &text, super::import::today());
        super::print(&out)?;
        Ok(code)
    }
}

/// What is found in a list, and the exit code.
fn look(name: &str, text: &str, today: Moment) -> (String, ExitCode) {
    let found = read(name, text).map(|(file, whole)| lint(name, &file, Catalog::embedded(), &whole, today));
    let (word, found, code) = match found {
        Err(Mistakes(mistakes)) => ("error", mistakes, ExitCode::from(EXIT_WRONG)),
        Ok(warnings) => ("warning", warnings, ExitCode::SUCCESS),
    };
    let mut out = String::new();
    for found in &found {
        let _ = writeln!(out, "{word}: {found}");
    }
    let _ = match found.len() {
        0 => writeln!(out, "ok: {name}"),
        1 => writeln!(out, "1 {word} in {name}"),
        many => writeln!(out, "{many} {word}s in {name}"),
    };
    (out, code)
}

/// The list, over the embedded catalog as it would be used: its aliases and resellers may name what stands there.
fn read(name: &str, text: &str) -> Result<(CatalogFile, Catalog), Mistakes> {
    let file = CatalogFile::from_yaml(name, text)?;
    let whole = Catalog::from_layers([("embedded", Catalog::embedded_file()?), (name, file.clone())])?;
    Ok((file, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_errors_and_the_odd_is_a_warning() {
        let look = |text: &str| look("p.yaml", text, Moment::from_unix(0));
        let of = |rates| format!("providers: {{p: {{models: {{m: {{rates: {rates}}}}}}}}}\n");
        let (out, code) = look(&of("{input: 1, output: 2}"));
        assert_eq!((out.as_str(), code), ("ok: p.yaml\n", ExitCode::SUCCESS));
        let (out, code) = look(&of("{input: 2, output: 1}"));
        assert!(out.starts_with("warning: p.yaml:1:") && out.ends_with("1 warning in p.yaml\n"), "{out}");
        assert_eq!(code, ExitCode::SUCCESS);
        let (out, code) = look(&of("{input: -2, outptu: 1}"));
        assert!(out.starts_with("error: p.yaml:1:") && out.ends_with("2 errors in p.yaml\n"), "{out}");
        assert_eq!(code, ExitCode::from(EXIT_WRONG));
    }
}
