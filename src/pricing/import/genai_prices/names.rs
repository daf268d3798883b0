//! Their match clauses as our names and patterns.

use super::super::ImportError;
use super::Clause;

/// A model's names, its fine-tunes apart.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) names: Vec<String>,
    /// Names of fine-tunes that are listed with their base.
    pub(super) fine_tunes: Vec<String>,
}

/// The names of a model besides its id.
pub(super) fn model(clause: &Clause, id: &str, place: &str) -> Result<Matched, ImportError> {
    let mut matched = Matched::default();
    collect(clause, id, place, &mut matched)?;
    Ok(matched)
}

fn collect(clause: &Clause, id: &str, place: &str, into: &mut Matched) -> Result<(), ImportError> {
    match clause {
        Clause::Equals(name) => into.add(id, name.clone()),
        Clause::StartsWith(name) if is_fine_tune(name) => into.add(id, format!("{name}*")),
        // Our matching takes dates, revisions and routes off, so what a name starts or ends with, or holds, is the name.
        Clause::StartsWith(name) | Clause::Contains(name) if names_a_model(name) => {
            into.add(id, whole(name).to_owned());
            into.add(id, name.clone());
            // `gemma-3-`: a family of sizes, said with its boundary.
            if name.ends_with('-') && whole(name) == id {
                into.add(id, format!("{name}*"));
            }
        }
        Clause::EndsWith(name) => into.add(id, name.trim_start_matches('/').to_owned()),
        Clause::StartsWith(name) => into.add(id, format!("{name}*")),
        Clause::Contains(name) => into.add(id, format!("*{name}*")),
        Clause::Regex(regex) => into.add(id, name_or_regex(regex)),
        Clause::Or(clauses) => {
            for clause in clauses {
                collect(clause, id, place, into)?;
            }
        }
        Clause::And(clauses) => {
            // "This, but not …": our names never take in what they do not say.
            let mut positive = clauses.iter().filter(|clause| !is_exclusion(clause));
            match (positive.next(), positive.next()) {
                (Some(only), None) => collect(only, id, place, into)?,
                _ => return Err(unsupported(place, "an `and` of several positive clauses")),
            }
        }
    }
    Ok(())
}

impl Matched {
    fn add(&mut self, id: &str, name: String) {
        let name = name.to_lowercase();
        let list =
            if is_fine_tune(&name) && !is_fine_tune(id) { &mut self.fine_tunes } else { &mut self.names };
        if name != id.to_lowercase() && !list.contains(&name) {
            list.push(name);
        }
    }
}

/// A digit names a model; without one it is a family of them.
fn names_a_model(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_fine_tune(name: &str) -> bool {
    name.starts_with("ft:") || name.contains(".ft-")
}

/// The whole name of a prefix that stops inside a date (`claude-sonnet-4-2025`) or before a revision.
fn whole(prefix: &str) -> &str {
    let name = prefix.trim_end_matches(['-', '@']);
    match name.rsplit_once('-') {
        Some((rest, year)) if year.len() == 4 && year.starts_with("20") => rest,
        _ => name,
    }
}

fn is_exclusion(clause: &Clause) -> bool {
    matches!(clause, Clause::Regex(regex) if regex.starts_with("^(?!"))
}

/// Endings of regular expressions that stand for a date or revision; our matching takes those off.
const DATES: [&str; 4] = [r"-\d{8}$", r"[-@]\d{8}$", r"-\d{4}-\d{2}-\d{2}$", r"-\d"];

/// A regular expression as a plain name, where it says no more than a name and its dates.
fn name_or_regex(regex: &str) -> String {
    let body = regex.strip_prefix('^').unwrap_or(regex);
    let body = DATES
        .iter()
        .find_map(|date| body.strip_suffix(date))
        .or_else(|| body.strip_suffix('$'))
        .unwrap_or(body);
    literal(body).unwrap_or_else(|| format!("/{regex}/"))
}

/// The text that a regular expression without operators stands for.
fn literal(regex: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = regex.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(chars.next().filter(|escaped| !escaped.is_alphanumeric())?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            _ => text.push(char),
        }
    }
    Some(text)
}

/// Clauses about a provider, as globs.
pub(super) fn globs(clause: &Clause, place: &str, into: &mut Vec<String>) -> Result<(), ImportError> {
    let glob = match clause {
        Clause::Equals(name) => name.to_lowercase(),
        Clause::StartsWith(name) => format!("{}*", name.to_lowercase()),
        Clause::EndsWith(name) => format!("*{}", name.to_lowercase()),
        Clause::Contains(name) => format!("*{}*", name.to_lowercase()),
        // The exclusion of names with a route before them says nothing new: the expression is anchored.
        Clause::Regex(regex) => format!("/{}/", regex.replace("(?![^/]+/)", "").replace("(?:", "(")),
        Clause::Or(clauses) => return clauses.iter().try_for_each(|clause| globs(clause, place, into)),
        Clause::And(clauses) => {
            let pieces: Option<Vec<_>> = clauses
                .iter()
                .map(|clause| if let Clause::Contains(piece) = clause { Some(piece.as_str()) } else { None })
                .collect();
            let pieces = pieces.ok_or_else(|| unsupported(place, "an `and` of more than `contains`"))?;
            format!("*{}*", pieces.join("*"))
        }
    };
    if !into.contains(&glob) {
        into.push(glob);
    }
    Ok(())
}

/// The host in a pattern of URLs: a name, or a regular expression. None where the path decides: a span has the host only.
pub(super) fn host(api_pattern: &str) -> Option<String> {
    let host = api_pattern
        .trim_start_matches("(https?://)?")
        .trim_start_matches("https://")
        .trim_end_matches("(?:/|$)")
        .trim_end_matches("(/|$)");
    if host.starts_with(r"router\.huggingface\.co/") {
        return None;
    }
    // The path begins at a slash outside of a class; `[^/]` is none.
    let end = host.char_indices().find(|(at, char)| *char == '/' && !host[..*at].ends_with('^'));
    let host = end.map_or(host, |(at, _)| &host[..at]);
    let open = host.ends_with(r"\.");
    Some(literal(host).filter(|_| !open).unwrap_or_else(|| {
        let end = if open { "" } else { "$" };
        format!("/^{}{end}/", host.replace("(?:", "("))
    }))
}

fn unsupported(model: &str, problem: &str) -> ImportError {
    ImportError::Unsupported { model: model.to_owned(), problem: problem.to_owned() }
}
