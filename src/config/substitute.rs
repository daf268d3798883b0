//! `${env:NAME}` and `${file:PATH}` in values.
//!
//! Variables and files are put into scalars of the parsed tree, never into the text of the config: whatever one of them
//! holds (colons, newlines, brackets), it stays one scalar and cannot add a key. Keys are not
//! substituted.

use std::fs::File;
use std::io::{self, Read as _};

use super::error::{Problem, Report};
use super::path::{Path, Step};
use super::yaml::{Kind, Node};

/// Where variables come from: the process environment, or a closure in tests.
pub trait Environment {
    /// The value of a variable; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// What stands in a file, such as a secret that is mounted.
    ///
    /// # Errors
    /// It can not be read, or is no text of at most 64 KiB.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// No value is longer.
const MAX_FILE: u64 = 64 << 10;

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The environment of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE {
            return Err(io::Error::other("more than 64 KiB"));
        }
        Ok(text)
    }
}

/// Substitutes in every scalar of the tree. A scalar that cannot be is reported and taken out, so it
/// causes no second error further on.
pub(super) fn substitute(tree: &mut Node, environment: &dyn Environment, report: &mut Report) {
    let mut failed = Vec::new();
    walk(tree, &Path::default(), environment, &mut failed);
    // From the back: indices of elements before a removed one stay right.
    for problem in failed.iter().rev() {
        tree.remove(&problem.path.0);
    }
    failed.into_iter().for_each(|problem| report.add(problem));
}

fn walk(node: &mut Node, path: &Path, environment: &dyn Environment, failed: &mut Vec<Problem>) {
    match &mut node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                walk(&mut entry.value, &path.key(&entry.key), environment, failed);
            }
        }
        Kind::Seq(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let mut inside = path.clone();
                inside.0.push(Step::Index(index));
                walk(element, &inside, environment, failed);
            }
        }
        Kind::Scalar { text, plain } => match expand(text, environment) {
            Ok(Some(expanded)) => {
                // One variable and nothing else is typed by what it holds; part of a text is text.
                *plain = expanded.whole;
                *text = expanded.text;
            }
            Ok(None) => {}
            Err(Unusable::Unset(name)) => {
                let message = format!("the environment variable {name} is not set");
                let remedy = if is_secret(path) {
                    "set it".to_owned()
                } else {
                    format!("set it, or give a default: `${{env:{name}:-default}}`")
                };
                failed.push(Problem::new(node.mark, path.clone(), message).remedy(remedy));
            }
            Err(Unusable::Unread { path: file, why }) => {
                let message = format!("{file} cannot be read: {why}");
                let remedy = "name a file that pricetag may read; its path is from the working directory";
                failed.push(Problem::new(node.mark, path.clone(), message).remedy(remedy));
            }
            Err(Unusable::Malformed { message, remedy }) => {
                failed.push(Problem::new(node.mark, path.clone(), message).remedy(remedy));
            }
        },
    }
}

struct Expanded {
    text: String,
    whole: bool,
}

/// Why a scalar can not be substituted in.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    /// A variable that is not set, by name.
    Unset(String),
    /// A file that can not be read.
    Unread {
        path: String,
        why: String,
    },
    Malformed {
        message: String,
        remedy: &'static str,
    },
}

/// Whether a secret belongs there: a default in the file would be a public one.
fn is_secret(path: &Path) -> bool {
    let key = |step: &Step, name| matches!(step, Step::Key(key) if key == name);
    path.0.last().is_some_and(|last| key(last, "hash_key")) || path.0.iter().any(|step| key(step, "headers"))
}

/// `None` when there is nothing to substitute or unescape.
fn expand(said: &str, environment: &dyn Environment) -> Result<Option<Expanded>, Unusable> {
    if !said.contains("$$") && !said.contains("${") {
        return Ok(None);
    }
    let mut text = String::with_capacity(said.len());
    let mut rest = said;
    let mut whole = false;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let Some((reference, after)) = inside.split_once('}') else {
                let remedy = "close it with `}`, or write `$${` for a literal `${`";
                return Err(Unusable::Malformed { message: "`${` without `}`".to_owned(), remedy });
            };
            text.push_str(&resolve(reference, environment)?);
            whole = said.len() == reference.len() + "${}".len();
            rest = after;
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    Ok(Some(Expanded { text, whole }))
}

fn resolve(reference: &str, environment: &dyn Environment) -> Result<String, Unusable> {
    if let Some(path) = reference.strip_prefix("file:") {
        let mut text = environment
            .file(path)
            .map_err(|error| Unusable::Unread { path: path.to_owned(), why: error.to_string() })?;
        // Editors and `echo` end a line that is not meant.
        if text.ends_with('\n') {
            text.pop();
            text.truncate(text.trim_end_matches('\r').len());
        }
        return Ok(text);
    }
    let (name, default) = match reference.strip_prefix("env:").unwrap_or(reference).split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference.strip_prefix("env:").unwrap_or(reference), None),
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !is_name {
        let message = format!("`${{{reference}}}` is no reference to an environment variable");
        let remedy =
            "write `${env:NAME}`, `${env:NAME:-default}` or `${file:PATH}`, or `$${` for a literal `${`";
        return Err(Unusable::Malformed { message, remedy });
    }
    let found = environment.variable(name).or_else(|| default.map(str::to_owned));
    found.ok_or_else(|| Unusable::Unset(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(said: &str) -> Result<Option<(String, bool)>, Unusable> {
        let environment = |name: &str| (name == "PORT").then(|| "4317".to_owned());
        expand(said, &environment).map(|found| found.map(|expanded| (expanded.text, expanded.whole)))
    }

    #[test]
    fn references_are_replaced_and_escapes_undone() {
        for (said, text, whole) in [
            ("${env:PORT}", "4317", true),
            ("${PORT}", "4317", true),
            ("${env:NONE:-}", "", true),
            ("${env:NONE:-a:-b}", "a:-b", true),
            ("${env:PORT:-1}", "4317", true),
            ("localhost:${env:PORT}", "localhost:4317", false),
            ("${PORT}${PORT}", "43174317", false),
            ("$$", "$", false),
            ("$${env:PORT}", "${env:PORT}", false),
            ("$$$${PORT}$", "$${PORT}$", false),
            ("a$$$${x", "a$${x", false),
            ("$5 $$", "$5 $", false),
        ] {
            assert_eq!(expanded(said), Ok(Some((text.to_owned(), whole))), "{said:?}");
        }
        assert_eq!(expanded("costs $5"), Ok(None));
    }

    #[test]
    fn a_files_last_line_end_is_not_meant() {
        struct Files(&'static str);
        impl Environment for Files {
            fn variable(&self, _: &str) -> Option<String> {
                None
            }
            fn file(&self, path: &str) -> io::Result<String> {
                assert_eq!(path, "/run/secrets/a:b");
                Ok(self.0.to_owned())
            }
        }
        for (written, meant) in [
            ("key", "key"),
            ("key\n", "key"),
            ("key\r\n", "key"),
            ("a\nb\n\n", "a\nb\n"),
            ("", ""),
            ("${env:X}", "${env:X}"),
        ] {
            let found = expand("Bearer ${file:/run/secrets/a:b}", &Files(written)).unwrap().unwrap();
            assert_eq!((found.text, found.whole), (format!("Bearer {meant}"), false));
        }
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        let malformed = |said| match expanded(said) {
            Err(Unusable::Malformed { message, .. }) => message,
            other => panic!("{said}: {other:?}"),
        };
        assert_eq!(expanded("${env:NONE}"), Err(Unusable::Unset("NONE".to_owned())));
        assert!(malformed("x${env:PORT").contains("without `}`"));
        assert!(malformed("${http://passwords}").contains("${http://passwords}"));
        assert!(
            matches!(expanded("${file:/no/such}"), Err(Unusable::Unread { path, .. }) if path == "/no/such")
        );
        assert!(expanded("${env:}").is_err());
        assert!(expanded("${env:1X}").is_err());
    }
}
