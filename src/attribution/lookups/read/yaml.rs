//! Tables in YAML: a mapping from keys to mappings from dimensions to values.

use super::{MAX_ROWS, Reading};
use crate::attribution::MAX_VALUE;
use crate::attribution::lookups::{Builder, Table};
use crate::yaml::error::{Problem, Report, alone};
use crate::yaml::path::{Mark, Path};
use crate::yaml::tree::{self, Entry, Kind, Node};
use crate::yaml::{Mistakes, error};

impl Reading<'_> {
    /// The table of a text.
    pub(super) fn yaml(&mut self, by: usize, text: &str) -> Option<Table> {
        let parsed = tree::parse(text, |line, column| Mark::File { line, column });
        let (root, problems) = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => {
                self.take(alone(problem, self.source.name));
                return None;
            }
        };
        let mut report = Report::default();
        problems.into_iter().for_each(|problem| report.add(problem));
        let rows = entries(&root, &Path::default(), &mut report);
        let mut names: Vec<&str> = Vec::new();
        for row in rows {
            for Entry { key, .. } in entries(&row.value, &Path::default().key(&row.key), &mut report) {
                if !names.contains(&key.as_str()) {
                    names.push(key);
                }
            }
        }
        if rows.len() > MAX_ROWS {
            let problem = Problem::new(root.mark, Path::default(), format!("more than {MAX_ROWS} rows"));
            report.add(problem.remedy("leave out those that nothing needs"));
        }
        // What is no mapping has no columns either: one mistake.
        let fills = match names.is_empty() && report.has_problem_in(&Path::default()) {
            true => Vec::new(),
            false => self.columns(by, &names),
        };
        let filled: Vec<(&str, usize)> =
            names.iter().zip(fills).filter_map(|(name, fills)| Some((*name, fills?))).collect();
        let mut builder = Builder::new(by, filled.iter().map(|(_, dimension)| *dimension).collect());
        for row in rows {
            let path = Path::default().key(&row.key);
            let key = row.key.trim();
            if key.is_empty() || key.len() > MAX_VALUE {
                let message = format!("a key of {} must have 1 to {MAX_VALUE} bytes", self.source.by);
                report.add(Problem::new(row.key_mark, Path::default(), message).remedy("mend it"));
                continue;
            }
            let values: Vec<_> = filled
                .iter()
                .map(|(name, dimension)| {
                    let said = row.value.entry(name);
                    let said = said.map_or("", |said| scalar(&said.value, &path.key(name), &mut report));
                    self.kept(*dimension, said)
                })
                .collect();
            // Keys that come twice are told by the tree; what is left are those that differ in blanks.
            if builder.push(&self.kept_key(by, key), values.iter().map(AsRef::as_ref)).is_err() {
                let problem = Problem::new(row.key_mark, path, "the key stands here twice, but for blanks");
                report.add(problem.remedy("keep one of the two"));
            }
        }
        match report.finish(self.source.name, &[]) {
            Ok(_) => Some(builder.finish()),
            Err(mistakes) => {
                self.take(mistakes);
                None
            }
        }
    }

    fn take(&mut self, Mistakes(mut mistakes): error::Mistakes) {
        mistakes.truncate(super::MAX_MISTAKES);
        self.mistakes.append(&mut mistakes);
    }
}

/// The entries of a mapping; nothing for what is none.
fn entries<'n>(node: &'n Node, path: &Path, report: &mut Report) -> &'n [Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ if node.is_null() => &[],
        _ => {
            let problem = Problem::new(node.mark, path.clone(), "expected a mapping");
            report.add(
                problem.remedy("write dimensions and their values, as in `acme: {tier: gold, team: red}`"),
            );
            &[]
        }
    }
}

/// The text of a value; nothing for what is none.
fn scalar<'n>(node: &'n Node, path: &Path, report: &mut Report) -> &'n str {
    let (message, remedy) = match &node.kind {
        Kind::Scalar { .. } if node.is_null() => return "",
        Kind::Scalar { text, .. } if text.len() <= MAX_VALUE => return text.trim(),
        Kind::Scalar { .. } => (format!("a value of more than {MAX_VALUE} bytes"), "shorten it"),
        _ => ("expected a value".to_owned(), "write a text or a number"),
    };
    report.add(Problem::new(node.mark, path.clone(), message).remedy(remedy));
    ""
}
