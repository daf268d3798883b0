//! `pricetag prices import`: a published price list as a catalog.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::pricing::Catalog;
use crate::pricing::import::genai_prices;

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The list as its project publishes it
    file: PathBuf,
    /// Whose list it is
    #[arg(long, value_enum)]
    from: Source,
    /// The version of the list, written into the catalog
    #[arg(long, default_value = "unknown")]
    version: String,
    /// Where to write the catalog; standard output if not given
    #[arg(short, long)]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Source {
    /// `prices/new_data/v2/data.json` of pydantic/genai-prices
    GenaiPrices,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let name = self.file.display().to_string();
        let list = fs::read_to_string(&self.file).with_context(|| format!("cannot read {name}"))?;
        let catalog = match self.from {
            Source::GenaiPrices => genai_prices::convert(&list, &self.version),
        };
        let catalog = catalog.with_context(|| format!("cannot convert {name}"))?;
        // What is written must be readable: find a mistake now, not at the next start.
        Catalog::from_json(&name, &catalog)?;
        match &self.output {
            Some(output) => {
                fs::write(output, catalog).with_context(|| format!("cannot write {}", output.display()))?
            }
            None => std::io::Write::write_all(&mut std::io::stdout().lock(), catalog.as_bytes())?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        import: Import,
    }

    /// Scenario: a published list is imported into a file.
    /// Guarantees: the file is a catalog that names its source.
    #[test]
    fn an_import_writes_a_catalog() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("catalog.json");
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/import/genai_prices_sample.json");
        let args = ["import", "--from", "genai-prices", "--version", "0.2.3", sample, "-o"];
        let args = args.into_iter().map(Into::into).chain([output.clone().into_os_string()]);
        Cli::parse_from(args).import.run().unwrap();
        let catalog = Catalog::from_json("written", &fs::read_to_string(output).unwrap()).unwrap();
        assert_eq!(catalog.source(), "genai-prices 0.2.3");

        let missing = Cli::parse_from(["import", "--from", "genai-prices", "/no/such/file"]);
        let error = missing.import.run().unwrap_err().to_string();
        assert_eq!(error, "cannot read /no/such/file");
    }
}
