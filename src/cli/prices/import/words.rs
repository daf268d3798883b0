//! What an import says: what changes, and what of a list is not in the catalog.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::pricing::import::diff::{Diff, Move};
use crate::pricing::import::join::Joined;
use crate::pricing::import::litellm::Imported;
use crate::pricing::rate::Rate;

/// Names that a line tells before it counts the rest.
const NAMED: usize = 8;

/// What changes against `before`.
pub(super) fn diff(diff: &Diff, before: &str) -> String {
    let mut text = String::new();
    let changed = {
        let mut models: Vec<_> = diff.moved.iter().map(|moved| moved.model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        models.len()
    };
    let width = diff.moved.iter().map(|moved| moved.model.len()).max().unwrap_or(0).min(44);
    for moved in &diff.moved {
        let _ = writeln!(text, "{}", line(moved, width));
    }
    for (word, models) in [("added", &diff.added), ("removed", &diff.removed)] {
        if !models.is_empty() {
            let _ = writeln!(text, "{word}: {}", some(models));
        }
    }
    let [added, removed] = [diff.added.len(), diff.removed.len()];
    let same = diff.same;
    let _ = writeln!(
        text,
        "against {before}: {changed} models change their price, {added} added, {removed} removed, {same} stay the same"
    );
    text
}

/// `! openai/gpt-5   output            10 -> 16   +60.0%   (batch)`
fn line(moved: &Move, width: usize) -> String {
    let mark = if moved.is_large() { '!' } else { ' ' };
    let rate = |rate: Option<Rate>| rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string());
    let percent = moved.permille().map_or_else(String::new, |permille| {
        let sign = if permille < 0 { '-' } else { '+' };
        format!("{sign}{}.{}%", permille.abs() / 10, permille.abs() % 10)
    });
    let when = if moved.when.is_empty() { String::new() } else { format!("  ({})", moved.when) };
    let line = format!(
        "{mark} {:width$} {:15} {:>10} -> {:10} {percent:>8}{when}",
        moved.model,
        moved.bucket.name(),
        rate(moved.old),
        rate(moved.new),
    );
    line.trim_end().to_owned()
}

/// What came from LiteLLM's list.
pub(super) fn joined(joined: &Joined) -> String {
    let Joined { providers, models, known, names, disputed, retiring, regional, differing, .. } = joined;
    let mut text = format!(
        "filled: {models} models, {providers} of its providers new; {known} were there; {names} are further names; \
         {retiring} retirements, regions of {regional}\n"
    );
    if !differing.is_empty() {
        let _ = writeln!(
            text,
            "{} models have another plain price in the second list, and keep the first one's: {}",
            differing.len(),
            some(differing)
        );
    }
    if !disputed.is_empty() {
        let _ = writeln!(text, "disputed, left unknown: {}", some(disputed));
    }
    text
}

/// What of LiteLLM's list has no place in a catalog, by reason.
pub(super) fn left_out(imported: &Imported) -> String {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, reason) in &imported.skipped {
        reasons.entry(reason).or_default().push(key.clone());
    }
    let mut text = String::new();
    for (reason, keys) in reasons {
        let _ = writeln!(text, "{:5} entries: {reason}, such as {}", keys.len(), keys[0]);
    }
    let mut parts: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    for (key, (reason, models)) in &imported.left_out {
        let part = parts.entry(reason).or_default();
        part.0 = part.0.max(*models);
        part.1.push(key);
    }
    for (reason, (models, keys)) in parts {
        let _ = writeln!(text, "{models:5} models have a price that is left out: {reason} ({})", keys[0]);
    }
    if !imported.disputed.is_empty() {
        let disputed = some(&imported.disputed);
        let _ = writeln!(
            text,
            "{:5} models have two prices under different keys; that of a key with a source holds, or none: {disputed}",
            imported.disputed.len()
        );
    }
    text
}

fn some(names: &[String]) -> String {
    let said = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => said,
        Some(more) => format!("{said} and {more} more"),
    }
}
