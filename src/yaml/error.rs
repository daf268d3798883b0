//! What is wrong with a file: every problem with its place and its remedy, not just the first.

use std::fmt;
use std::path::Path as FilePath;

use super::path::{Mark, Path, Step};
use super::tree::{Kind, Node};

/// One problem in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file as it was named, or the `--set` that said it.
    pub source: String,
    /// The line in the file, from 1; absent when it came from `--set` or concerns no place in the file.
    pub line: Option<usize>,
    /// The column in the line, from 1.
    pub column: Option<usize>,
    /// The key path, as in `exporters.otlp/jaeger.endpoint`; empty when it concerns the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.source)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// All problems of a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// One of a whole file; `key` is where the config names it, or nothing.
    pub fn of_file(
        file: &FilePath,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: &str,
    ) -> Self {
        let (source, key, message) = (file.display().to_string(), key.into(), message.into());
        Mistakes(vec![Mistake {
            source,
            line: None,
            column: None,
            key,
            message,
            remedy: Some(remedy.to_owned()),
        }])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Something in a file that was accepted, and that its author should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key path it concerns.
    pub key: String,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// A problem before its place in the file is known by name.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) mark: Option<Mark>,
    pub(crate) path: Path,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Problem {
    pub(crate) fn new(mark: Mark, path: Path, message: impl Into<String>) -> Self {
        Problem { mark: Some(mark), path, message: message.into(), remedy: None }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Collects problems and notices while a file goes from text to meaning.
pub(crate) struct Report {
    /// The tree as it was said, kept whole so that later findings can still be placed in it.
    said: Node,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
}

/// A report on something without a text.
impl Default for Report {
    fn default() -> Self {
        Self::new(Node { mark: Mark::File { line: 1, column: 1 }, kind: Kind::Map(Vec::new()) }, Vec::new())
    }
}

impl Report {
    pub(crate) fn new(said: Node, problems: Vec<Problem>) -> Self {
        Report { said, problems, notices: Vec::new() }
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Something that was said and is wrong.
    pub(crate) fn wrong(&mut self, path: &Path, message: impl Into<String>, remedy: impl Into<String>) {
        let mark = self.said.place(path);
        self.add(Problem { mark, path: path.clone(), message: message.into(), remedy: Some(remedy.into()) });
    }

    /// Something that should have been said inside `within`. Left out when another problem was found
    /// there: a mistyped `endpont` is one mistake and gets one error, not also "endpoint is missing".
    pub(crate) fn missing(
        &mut self,
        within: &Path,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if !self.has_problem_in(within) {
            let path = if key.is_empty() { within.clone() } else { within.key(key) };
            self.wrong(&path, message, remedy);
        }
    }

    pub(crate) fn notice(&mut self, path: &Path, message: impl Into<String>) {
        self.notices.push(Notice { key: path.to_string(), message: message.into() });
    }

    pub(crate) fn has_problem_in(&self, path: &Path) -> bool {
        self.problems.iter().any(|problem| problem.path.starts_with(path))
    }

    /// Whether the file says something at the path, even where it turned out to be wrong.
    pub(crate) fn was_said(&self, path: &Path) -> bool {
        self.said.get(path).is_some()
    }

    /// The notices when nothing is wrong, otherwise every problem in the order of the file.
    pub(crate) fn finish(self, source: &str, sets: &[String]) -> Result<Vec<Notice>, Mistakes> {
        if self.problems.is_empty() {
            return Ok(self.notices);
        }
        let mut problems = self.problems;
        problems.sort_by_key(|problem| match problem.mark {
            None => (0, 0, 0),
            Some(Mark::File { line, column }) => (1, line, column),
            Some(Mark::Set(index)) => (2, index, 0),
        });
        Err(Mistakes(problems.into_iter().map(|problem| place(problem, source, sets)).collect()))
    }
}

/// The errors of a file that could not be read as YAML at all.
pub(crate) fn alone(problem: Problem, source: &str) -> Mistakes {
    Mistakes(vec![place(problem, source, &[])])
}

fn place(problem: Problem, source: &str, sets: &[String]) -> Mistake {
    let (source, line, column) = match problem.mark {
        Some(Mark::File { line, column }) => (source.to_owned(), Some(line), Some(column)),
        Some(Mark::Set(index)) => {
            // Only the key of the `--set`: its value may be a secret.
            let key = sets.get(index).and_then(|set| set.split('=').next()).unwrap_or_default();
            (format!("--set {key}"), None, None)
        }
        None => (source.to_owned(), None, None),
    };
    let key = problem.path.to_string();
    Mistake { source, line, column, key, message: problem.message, remedy: problem.remedy }
}

/// As many names are read.
const SHORT_LIST: usize = 12;

/// The remedy for a name that is none of those allowed; a long list of them only where none comes near.
pub(crate) fn did_you_mean<'a>(said: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let mut allowed: Vec<&str> = allowed.into_iter().filter(|name| !name.is_empty()).collect();
    allowed.sort_unstable();
    let list = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    let said = said.to_lowercase();
    // Near enough is the beginning of a name, or a slip in every second letter at most.
    let nearest = allowed
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&said, name), *name))
        .filter(|(slips, name)| {
            slips * 2 <= said.chars().count() || (said.len() > 2 && name.starts_with(said.as_str()))
        })
        .min_by_key(|(slips, _)| *slips);
    match nearest {
        // A long list hides the answer.
        Some((_, name)) if allowed.len() > SHORT_LIST => format!("did you mean {name:?}?"),
        Some((_, name)) => format!("did you mean {name:?}? (allowed: {list})"),
        None => format!("allowed: {list}"),
    }
}

impl Node {
    /// The position of the key that the path ends in, or of the nearest thing around it that was said.
    pub(crate) fn place(&self, path: &Path) -> Option<Mark> {
        let mut node = self;
        let mut mark = None;
        for step in &path.0 {
            let found = match step {
                Step::Key(key) => node.entry(key).map(|entry| (entry.key_mark, &entry.value)),
                Step::Index(index) => node.element(*index).map(|element| (element.mark, element)),
            };
            let Some((place, inside)) = found else { break };
            (mark, node) = (Some(place), inside);
        }
        mark
    }
}
