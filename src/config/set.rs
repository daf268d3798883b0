//! `--set key=value`: changes to the tree before it is read.

use super::error::Problem;
use super::path::{Mark, Path};
use super::yaml::{Entry, Kind, Node, parse};

/// Applies every `--set` in order; the last one wins.
pub(super) fn apply(tree: &mut Node, sets: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        if let Err(problem) = apply_one(tree, set, index, &mut problems) {
            problems.push(problem);
        }
    }
    problems
}

fn apply_one(tree: &mut Node, set: &str, index: usize, problems: &mut Vec<Problem>) -> Result<(), Problem> {
    let mark = Mark::Set(index);
    let usage = |message: &str| {
        Problem::new(mark, Path::default(), message)
            .remedy("write --set key=value, as in --set exporters.debug.verbosity=detailed")
    };
    let (keys, value) = set.split_once('=').ok_or_else(|| usage("`--set` without `=`"))?;
    if keys.is_empty() {
        return Err(usage("`--set` without a key"));
    }
    let value = value.trim();
    let value = if value.is_empty() {
        Node { mark, kind: Kind::Scalar { text: String::new(), plain: true } }
    } else {
        let (value, found) = parse(value, |_, _| mark)?;
        problems.extend(found);
        value
    };
    insert(tree, keys, value, &Path::default(), mark)
}

/// Puts the value at the keys, making mappings on the way.
fn insert(node: &mut Node, keys: &str, value: Node, path: &Path, mark: Mark) -> Result<(), Problem> {
    if node.is_null() {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else {
        let message = format!("{path} is no mapping, so it has no key {keys}");
        return Err(
            Problem::new(mark, path.clone(), message).remedy("set the whole value, as in key=[one, two]")
        );
    };
    let (key, rest) = split(entries, keys);
    if key.is_empty() {
        return Err(Problem::new(mark, path.clone(), "an empty key in `--set`")
            .remedy("join keys by one `.` or `::`"));
    }
    let inside = path.key(key);
    let place = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let empty = Node { mark, kind: Kind::Scalar { text: String::new(), plain: true } };
        entries.push(Entry { key: key.to_owned(), key_mark: mark, value: empty });
        entries.len() - 1
    });
    let entry = &mut entries[place];
    match rest {
        Some(rest) => insert(&mut entry.value, rest, value, &inside, mark),
        None => {
            entry.key_mark = mark;
            merge(&mut entry.value, value);
            Ok(())
        }
    }
}

/// The first key and what follows it. Ids of components may hold dots, so the longest key that is there
/// already is taken first; for a new key the separator decides: `::` wherever it is used, else `.`.
fn split<'k>(entries: &[Entry], keys: &'k str) -> (&'k str, Option<&'k str>) {
    let known = entries
        .iter()
        .filter_map(|entry| {
            let rest = keys.strip_prefix(entry.key.as_str())?;
            let rest = if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix("::").or(rest.strip_prefix('.'))?)
            };
            Some((&keys[..entry.key.len()], rest))
        })
        .max_by_key(|(key, _)| key.len());
    known.unwrap_or_else(|| {
        let separator = if keys.contains("::") { "::" } else { "." };
        match keys.split_once(separator) {
            Some((key, rest)) => (key, Some(rest)),
            None => (keys, None),
        }
    })
}

/// Mappings are merged key by key, anything else is replaced, as the Collector does it.
fn merge(old: &mut Node, new: Node) {
    match (&mut old.kind, new.kind) {
        (Kind::Map(entries), Kind::Map(added)) => {
            for entry in added {
                match entries.iter_mut().find(|old| old.key == entry.key) {
                    Some(old) => {
                        old.key_mark = entry.key_mark;
                        merge(&mut old.value, entry.value);
                    }
                    None => entries.push(entry),
                }
            }
        }
        (_, kind) => *old = Node { mark: new.mark, kind },
    }
}
