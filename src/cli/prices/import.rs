//! `pricetag prices import`: a published price list as a catalog; shows first what it changes.

mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use crate::pricing::import::diff::diff;
use crate::pricing::import::{genai_prices, history, join, litellm};
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, CatalogFile, write};

/// Converts a published price list into a catalog.
///
/// Shows what changes against the prices of before: the file that is written, if it exists, else those in the binary. A price that
/// changes begins on `--date`; calls before that day keep the old one. Without `-o` nothing is written.
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
    /// The day of the list, on which new prices begin; today if not given
    #[arg(long, value_parser = super::words::moment)]
    date: Option<Moment>,
    /// A list of LiteLLM's, for providers, models and retirements that the genai-prices list lacks
    #[arg(long, value_name = "LITELLM")]
    fill_from: Option<PathBuf>,
    /// The version of that list
    #[arg(long, value_name = "VERSION", default_value = "unknown", requires = "fill_from")]
    fill_version: String,
    /// The catalog to compare with and to take old prices from
    #[arg(long, value_name = "CATALOG", conflicts_with = "fresh")]
    onto: Option<PathBuf>,
    /// Compare with nothing, and keep no old prices
    #[arg(long)]
    fresh: bool,
    /// Write the catalog although prices move by more than half
    #[arg(long)]
    allow_large_moves: bool,
    /// Where to write the catalog
    #[arg(short, long)]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    /// `prices/new_data/v2/data.json` of pydantic/genai-prices
    GenaiPrices,
    /// `model_prices_and_context_window_backup.json` of BerriAI/litellm
    Litellm,
}

/// Midnight, UTC: prices change by the day.
pub(super) fn today() -> Moment {
    Moment::from_unix(super::words::now().unix() / 86_400 * 86_400)
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let date = self.date.unwrap_or_else(today);
        let (mut file, notes) = self.convert(date)?;
        file.date = Some(date);
        let before = self.before()?;
        let mut text = notes;
        if let Some((name, old)) = &before {
            history::keep(old, &mut file, date)
                .with_context(|| format!("cannot keep the prices of {name}"))?;
        }
        // What is written must be readable: find a mistake now, not at the next start.
        let written = write::to_json(&file);
        let new = Catalog::from_json("the import", &written)?;
        let mut large = 0;
        if let Some((name, old)) = before {
            let diff = diff(&Catalog::from_layers([(name.as_str(), old)])?, &new, date);
            large = diff.moved.iter().filter(|moved| moved.is_large()).count();
            text.push_str(&words::diff(&diff, &name));
        }
        super::print(&text)?;
        if large > 0 && !self.allow_large_moves && self.output.is_some() {
            bail!(
                "nothing written: {large} prices move by more than half (marked ! above); check them, then add --allow-large-moves"
            );
        }
        match &self.output {
            Some(output) => {
                replace(output, &written).with_context(|| format!("cannot write {}", output.display()))
            }
            None => {
                eprintln!("nothing written; add -o FILE to write the catalog");
                Ok(())
            }
        }
    }

    /// The new catalog, and what is to be said about the conversion.
    fn convert(&self, date: Moment) -> anyhow::Result<(CatalogFile, String)> {
        let list = read(&self.file)?;
        let failed = || format!("cannot convert {}", self.file.display());
        match self.from {
            Source::GenaiPrices => {
                let (file, claims) =
                    genai_prices::convert_with_claims(&list, &self.version).with_context(failed)?;
                let Some(more) = &self.fill_from else { return Ok((file, String::new())) };
                let filling = litellm::convert(&read(more)?, &self.fill_version)
                    .with_context(|| format!("cannot convert {}", more.display()))?;
                let joined = join::join(file, &claims, filling.file.clone(), date)?;
                let text = words::left_out(&filling) + &words::joined(&joined);
                Ok((joined.file, text))
            }
            Source::Litellm if self.fill_from.is_some() => {
                bail!("--fill-from fills a list of genai-prices; this one is LiteLLM's already")
            }
            Source::Litellm => {
                let imported = litellm::convert(&list, &self.version).with_context(failed)?;
                let text = words::left_out(&imported);
                Ok((imported.file, text))
            }
        }
    }

    /// The prices of before, and their name.
    fn before(&self) -> anyhow::Result<Option<(String, CatalogFile)>> {
        let output = self.output.as_ref().filter(|output| output.exists());
        match self.onto.as_ref().or(output) {
            _ if self.fresh => Ok(None),
            Some(path) => {
                let name = path.display().to_string();
                let file = CatalogFile::from_yaml(&name, &read(path)?)?;
                Ok(Some((name, file)))
            }
            None => Ok(Some(("the embedded catalog".to_owned(), Catalog::embedded_file()?))),
        }
    }
}

/// Writes beside it first: who reads the file while it is written sees the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests;
