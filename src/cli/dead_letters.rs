//! `pricetag dead-letters`: the requests that no backend took.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::app::{queue_folder, queue_on_disk};
use crate::config::{Config, ProcessEnvironment};
use crate::exporter::dead_letters::{FOLDER, Letter, list};
use crate::text::escaped;

/// Lists the requests that no backend took, oldest first: when, which exporter, how much, why, and the file that holds the request.
///
/// `pricetag explain FILE` reads a file of traces, `pricetag explain --logs FILE` one of logs.
#[derive(Debug, clap::Args)]
pub struct DeadLetters {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The config that names the queue's folder; the embedded default when there is none
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DeadLetters {
    /// Runs it.
    ///
    /// # Errors
    /// The config is wrong, or the list can not be read.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load_for_queue(self.config.as_deref(), &ProcessEnvironment)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?;
        let Some(folder) =
            queue_folder(&config, |name| std::env::var_os(name)).map(|folder| folder.join(FOLDER))
        else {
            eprintln!(
                "pricetag: there is no state folder, so requests wait in memory, and there are no dead letters"
            );
            return Ok(ExitCode::SUCCESS);
        };
        if queue_on_disk(&config).is_some()
            && let Some(queue) = folder.parent().filter(|queue| !queue.exists())
        {
            eprintln!(
                "pricetag: there is no queue in {}: is it another user's, or a service's? Name the config with --config, and in it \
                 extensions.file_storage.directory, or set STATE_DIRECTORY as that service has it",
                queue.display()
            );
            return Ok(ExitCode::FAILURE);
        }
        let mut letters = list(&folder).with_context(|| folder.display().to_string())?;
        for letter in &mut letters {
            letter.file = folder.join(&letter.file).display().to_string();
        }
        let text = match (self.json, letters.is_empty()) {
            (true, _) => lines(&letters)?,
            (false, true) => none(&folder),
            (false, false) => table(&letters),
        };
        match std::io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

fn none(folder: &Path) -> String {
    format!("no dead letters in {}\n", folder.display())
}

fn lines(letters: &[Letter]) -> anyhow::Result<String> {
    let mut out = String::new();
    for letter in letters {
        out += &serde_json::to_string(letter)?;
        out.push('\n');
    }
    Ok(out)
}

fn table(letters: &[Letter]) -> String {
    const LONGEST: usize = 4096;
    let mut rows = vec![["time", "exporter", "signal", "items", "bytes", "why", "file"].map(str::to_owned)];
    rows.extend(letters.iter().map(|letter| {
        let Letter { time, exporter, signal, items, bytes, why, file } = letter;
        let (items, bytes) = (items.to_string(), bytes.to_string());
        // A file of a disk may hold anything.
        [time, exporter, signal, &items, &bytes, why, file].map(|text| escaped(text, LONGEST))
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut out = String::new();
    for [time, exporter, signal, items, bytes, why, file] in &rows {
        let [w0, w1, w2, w3, w4, w5, _] = widths;
        let _ = writeln!(
            out,
            "{time:w0$}  {exporter:w1$}  {signal:w2$}  {items:>w3$}  {bytes:>w4$}  {why:w5$}  {file}"
        );
    }
    out
}
