//! Whose money it is: the dimensions, the tables between them, and the names of actions.

use http::HeaderName;

use crate::attribution::actions::MAX_NAMES;
use crate::attribution::{ActionNames, Dimension, MAX_VALUE, OfRequest, defaults, written_as};
use crate::config::error::{Report, did_you_mean};
use crate::config::model::Lookup;
use crate::config::path::Path;
use crate::config::raw;
use crate::genai::pattern::Pattern;
use crate::processor::{self, is_taken};

/// The most dimensions: each costs some bytes of every call.
const MAX_DIMENSIONS: usize = 24;
/// And all of them can be written on spans.
const _: () = assert!(MAX_DIMENSIONS <= processor::MAX_DIMENSIONS);
/// The most keys of one dimension: there are so many ranks before those of the dialects.
const MAX_KEYS: usize = 64;
/// A name is part of an attribute's key.
const MAX_NAME: usize = 64;
/// The shortest secret: 128 bits, if it is well chosen.
const MIN_HASH_KEY: usize = 16;
/// What a booking says besides its dimensions; money is asked for by these names too.
const TAKEN: [&str; 5] = ["action", "model_asked", "model_served", "service_tier", "catalog_version"];
/// Headers that hold secrets: their values would stand on spans.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];
/// The ledger tells as many values of a dimension apart.
const MOST_NAMES: u32 = 10_000;

/// The dimensions that there always are, as the config has them, and then the user's own. `path` is that of the processor.
pub(super) fn dimensions(said: &raw::Pricetag, path: &Path, report: &mut Report) -> Vec<Dimension> {
    let by_name = path.key("dimensions");
    let nothing = raw::Dimension::default();
    let standard = defaults::DIMENSIONS.map(|(name, _)| name);
    let said_of = |name: &str| said.dimensions.iter().find(|(known, _)| known == name).map(|(_, it)| it);
    let mut all: Vec<Dimension> = standard
        .iter()
        .map(|name| dimension(name, said_of(name).unwrap_or(&nothing), &by_name.key(name), report))
        .collect();
    for (name, sources) in said.dimensions.iter().filter(|(name, _)| !standard.contains(&name.as_str())) {
        let path = by_name.key(name);
        if is_named_well(name, &path, report) {
            if let Some(meant) = standard.iter().find(|known| is_a_slip(name, known)) {
                let message = format!("a dimension of your own; did you mean {meant:?}?");
                report.notice(&path, message);
            }
            all.push(dimension(name, sources, &path, report));
        }
    }
    if all.len() > MAX_DIMENSIONS {
        let message = format!("{} dimensions, and {MAX_DIMENSIONS} is the most", all.len());
        report.wrong(&by_name, message, format!("keep {} of your own", MAX_DIMENSIONS - standard.len()));
    }
    hash_key(said, &all, path, report);
    all
}

/// Whether one name was meant to be the other: a letter is wrong, or of eight two.
fn is_a_slip(said: &str, known: &str) -> bool {
    strsim::damerau_levenshtein(said, known) <= (said.len() / 4).max(1)
}

fn is_named_well(name: &str, path: &Path, report: &mut Report) -> bool {
    let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= MAX_NAME;
    if !is_word {
        let remedy = format!("write small letters, digits and `_`, as in cost_centre; {MAX_NAME} at most");
        report.wrong(path, "this is no name of a dimension", remedy);
    } else if TAKEN.contains(&name) {
        report.wrong(
            path,
            "money is told by this already, for every call",
            "take another name, or remove it",
        );
    } else if is_taken(&written_as(name, false)) {
        let message = format!("pricetag writes {} itself, or keys below it", written_as(name, false));
        report.wrong(path, message, "take another name");
    } else {
        return true;
    }
    false
}

fn dimension(name: &str, said: &raw::Dimension, path: &Path, report: &mut Report) -> Dimension {
    let raw::Sources { attributes, header, auth, value, hash } = &said.0;
    // In a list of keys no `attributes` is written.
    let listed = if report.was_said(&path.key("attributes")) { path.key("attributes") } else { path.clone() };
    for (index, key) in attributes.iter().flatten().enumerate() {
        if key.trim().is_empty() {
            report.wrong(&listed.index(index), "an empty attribute key", "write a key, as in `user.id`");
        } else if attributes.iter().flatten().take(index).any(|before| before == key) {
            report.wrong(&listed.index(index), "this key stands here twice", "keep one of the two");
        }
    }
    if attributes.as_ref().is_some_and(|keys| keys.len() > MAX_KEYS) {
        report.wrong(&listed, format!("more than {MAX_KEYS} keys"), "keep those that your spans have");
    }
    if let Some(value) = value {
        let path = path.key("value");
        if value.trim().is_empty() {
            report.wrong(&path, "an empty value says nothing", "write a value, or remove the key");
        } else if value.len() > MAX_VALUE {
            report.wrong(&path, format!("more than {MAX_VALUE} bytes"), "write a shorter value");
        }
    }
    let is_of_login = *auth == Some(true);
    if is_of_login && (attributes.is_some() || header.is_some()) {
        let beside = if attributes.is_some() { &listed } else { &path.key("header") };
        let message = "who has logged in says what this is, and nothing that is sent says otherwise";
        report.wrong(beside, message, "remove it, or `auth: true`");
    }
    let hashed = hash.unwrap_or(false);
    let written = written_as(name, hashed);
    let defaults = || if is_of_login { Vec::new() } else { defaults::keys(name) };
    let mut keys = attributes.clone().unwrap_or_else(defaults);
    // What stands under that key is a hash already, and whose is not known.
    keys.retain(|key| !hashed || *key != written);
    Dimension {
        name: name.to_owned(),
        keys,
        written,
        request: match header {
            _ if is_of_login => Some(OfRequest::Login),
            Some(name) => self::header(name, &path.key("header"), report).map(OfRequest::Header),
            None => None,
        },
        value: value.clone(),
        hashed,
    }
}

/// A header's name in lower case, which it has in HTTP/2.
fn header(name: &str, path: &Path, report: &mut Report) -> Option<String> {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        report.wrong(path, "this is no name of a header", "write one, as in x-tenant");
        return None;
    };
    if SECRET_HEADERS.contains(&header.as_str()) {
        report.wrong(
            path,
            "this header holds a secret, which would stand on spans and in metrics",
            "send the value in a header of its own, as in x-tenant",
        );
    }
    Some(header.as_str().to_owned())
}

fn hash_key(said: &raw::Pricetag, all: &[Dimension], path: &Path, report: &mut Report) {
    let key = path.key("hash_key");
    let hashed = all.iter().find(|dimension| dimension.hashed);
    match (&said.hash_key, hashed) {
        // One whose variable is not set is one mistake.
        _ if report.has_problem_in(&key) => {}
        (None, None) => {}
        (None, Some(dimension)) => {
            let hash = path.key("dimensions").key(&dimension.name).key("hash");
            let remedy = "set processors.pricetag.hash_key to a secret, as in \"${env:PRICETAG_HASH_KEY}\"";
            report.wrong(&hash, "hashes need a key: without one, anybody finds out whose they are", remedy);
        }
        (Some(secret), _) if secret.expose().len() < MIN_HASH_KEY => {
            let remedy = "take one that nobody can guess, as `openssl rand -hex 32` prints it";
            report.wrong(&key, format!("a secret of less than {MIN_HASH_KEY} bytes"), remedy);
        }
        (Some(_), None) => report.notice(&key, "nothing is hashed: no dimension has `hash: true`"),
        (Some(_), Some(_)) => {}
    }
}

/// The tables; that their columns go together is seen when they are read.
pub(super) fn lookups(
    said: &[raw::Lookup],
    dimensions: &[Dimension],
    path: &Path,
    report: &mut Report,
) -> Vec<Lookup> {
    let mut lookups: Vec<Lookup> = Vec::new();
    for (index, raw::Lookup { file, by }) in said.iter().enumerate() {
        let path = path.index(index);
        let extension = file.extension().and_then(|extension| extension.to_str());
        if file.as_os_str().is_empty() {
            report.missing(&path, "file", "no file is named", "write `file: tenants.csv`");
        } else if !extension.is_some_and(|known| ["csv", "yaml", "yml"].contains(&known)) {
            let remedy = "name a file that ends in .csv, .yaml or .yml";
            report.wrong(&path.key("file"), "neither CSV nor YAML by its name", remedy);
        }
        let names = || dimensions.iter().map(|dimension| dimension.name.as_str());
        if by.is_empty() {
            let remedy = "write the dimension whose values stand in the table, as in `by: tenant`";
            report.missing(&path, "by", "no dimension is named", remedy);
        } else if !names().any(|name| name == by) {
            let message = format!("{by:?} is no dimension");
            report.wrong(&path.key("by"), message, did_you_mean(by, names()));
        }
        let lookup = Lookup { file: file.clone(), by: by.clone() };
        if lookups.contains(&lookup) {
            report.wrong(&path, "this table stands here twice", "keep one of the two");
        }
        lookups.push(lookup);
    }
    lookups
}

/// What actions are called.
pub(super) fn actions(said: &raw::Actions, path: &Path, report: &mut Report) -> ActionNames {
    let names = path.key("names");
    let mut patterns: Vec<(Pattern, String)> = Vec::new();
    for (index, raw::ActionName { pattern, name }) in said.names.iter().enumerate() {
        let path = names.index(index);
        if pattern.is_empty() {
            let remedy = "write what a root span is called, as in `match: POST /v1/chat*`";
            report.missing(&path, "match", "this matches no action", remedy);
        }
        if name.trim().is_empty() {
            report.missing(&path, "name", "no name for the actions that match", "write `name: chat`");
        } else if name.len() > MAX_VALUE {
            let message = format!("more than {MAX_VALUE} bytes");
            report.wrong(&path.key("name"), message, "write a shorter name");
        }
        let known = Pattern::new(pattern);
        if patterns.iter().any(|(before, _)| *before == known) {
            let message = "this `match` stands here twice: the first holds";
            report.wrong(&path.key("match"), message, "keep one of the two");
        }
        patterns.push((known, name.clone()));
    }
    let max_names = said.max_names.map_or(MAX_NAMES, |max| {
        if !(1..=MOST_NAMES).contains(&max) {
            let remedy = format!("write a number from 1 to {MOST_NAMES}");
            report.wrong(&path.key("max_names"), format!("{max} names can not be told apart"), remedy);
        }
        max as usize
    });
    ActionNames { patterns, max_names }
}
