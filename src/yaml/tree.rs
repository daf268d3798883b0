//! YAML text to a tree in which every key and value knows its line and column.
//!
//! The tree keeps scalars as text. What type a plain `8` or `on` has is decided where it is asked for
//! (`de.rs`), so a header value `0x10` stays `0x10` and a substituted variable can be typed like the
//! rest. serde's own data model could keep neither the position of keys nor the text of numbers.

use std::borrow::Cow;
use std::collections::{HashMap, hash_map};

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::error::Problem;
use super::path::{Mark, Path, Step};

/// Deeper nesting than nobody writes by hand; the bound keeps recursion off the end of the stack.
const MAX_DEPTH: usize = 64;
/// Aliases may repeat a node; the bound stops a few lines from unfolding into gigabytes.
/// A file without aliases has fewer nodes than bytes.
const MAX_NODES: usize = 100_000;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) kind: Kind,
}

/// The three shapes of YAML.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// `plain` scalars are typed by what they look like; quoted ones are text.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_mark: Mark,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if is_null(text))
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    pub(crate) fn element(&self, index: usize) -> Option<&Node> {
        match &self.kind {
            Kind::Seq(elements) => elements.get(index),
            _ => None,
        }
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Node> {
        path.0.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.entry(key).map(|entry| &entry.value),
            Step::Index(index) => node.element(*index),
        })
    }

    /// Takes what the path names out of the tree; false when it names nothing.
    pub(crate) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        match (step, &mut self.kind) {
            (Step::Key(key), Kind::Map(entries)) => {
                let Some(place) = entries.iter().position(|entry| entry.key == *key) else { return false };
                if rest.is_empty() {
                    entries.remove(place);
                    return true;
                }
                entries[place].value.remove(rest)
            }
            (Step::Index(index), Kind::Seq(elements)) if *index < elements.len() => {
                if rest.is_empty() {
                    elements.remove(*index);
                    return true;
                }
                elements[*index].remove(rest)
            }
            _ => false,
        }
    }

    /// How many nodes there are from here down.
    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::Seq(elements) => elements.iter().map(Node::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// YAML's ways to write nothing.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A tree of the text, and the problems that did not stop it from being read (duplicate keys).
///
/// `mark` turns a position into the place to blame: the file, or a `--set`.
pub(crate) fn parse(
    text: &str,
    mark: impl Fn(usize, usize) -> Mark,
) -> Result<(Node, Vec<Problem>), Problem> {
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str(text),
        mark,
        anchors: HashMap::new(),
        problems: Vec::new(),
        nodes: 0,
    };
    let root = reader.document()?;
    Ok((root, reader.problems))
}

struct Reader<'input, M> {
    text: &'input str,
    parser: Parser<'input, StrInput<'input>>,
    mark: M,
    anchors: HashMap<usize, Node>,
    problems: Vec<Problem>,
    nodes: usize,
}

impl<'input, M: Fn(usize, usize) -> Mark> Reader<'input, M> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, mark) = self.next(&Path::default())?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    return Err(Problem::new(mark, Path::default(), "a second YAML document")
                        .remedy("keep one document in the file: remove the `---` and what follows it"));
                }
                event => root = Some(self.node(event, mark, &Path::default())?),
            }
        }
        // An empty file says nothing, which is a mapping without keys.
        Ok(root
            .filter(|root| !root.is_null())
            .unwrap_or_else(|| Node { mark: (self.mark)(1, 1), kind: Kind::Map(Vec::new()) }))
    }

    /// The next event that is no comment.
    fn next(&mut self, path: &Path) -> Result<(Event<'input>, Mark), Problem> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, self.place(&span))),
                Some(Err(error)) => {
                    let at = error.marker();
                    let mark = (self.mark)(at.line(), at.col() + 1);
                    let message = format!("not valid YAML: {}", error.info());
                    // The parser stumbles on the line of a mistake or on the one after it.
                    let around = self.text.lines().skip(at.line().saturating_sub(2)).take(2);
                    let remedy = if around.into_iter().any(|line| line.contains("${")) {
                        "between `{` and `}`, write \"${env:NAME}\" in quotes; else check brackets and indentation"
                    } else {
                        "check indentation (spaces, no tabs), quotes and brackets around this line"
                    };
                    return Err(Problem::new(mark, path.clone(), message).remedy(remedy));
                }
                None => return Ok((Event::StreamEnd, (self.mark)(1, 1))),
            }
        }
    }

    fn place(&self, span: &Span) -> Mark {
        (self.mark)(span.start.line(), span.start.col() + 1)
    }

    fn node(&mut self, event: Event<'input>, mark: Mark, path: &Path) -> Result<Node, Problem> {
        self.nodes += 1;
        if path.0.len() > MAX_DEPTH || self.nodes > MAX_NODES.max(self.text.len()) {
            return Err(Problem::new(mark, path.clone(), "too deep or too large for a config")
                .remedy("check the aliases (`*name`) around this line"));
        }
        let tag = event.tag();
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if let Some(tag) = tag.filter(|tag| tag.is_custom()) {
            return Err(Problem::new(
                mark,
                path.clone(),
                format!("the YAML tag {} means nothing here", tag.original()),
            )
            .remedy("remove the tag"));
        }
        let anchor = event.anchor_id();
        let kind = match event {
            Event::Scalar(text, style, ..) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain && !is_text }
            }
            Event::SequenceStart(..) => self.sequence(path)?,
            Event::MappingStart(..) => self.mapping(path)?,
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(Problem::new(mark, path.clone(), "an alias inside its own anchor")
                        .remedy("write the value out"));
                };
                self.nodes += node.size();
                return Ok(node);
            }
            _ => return Err(Problem::new(mark, path.clone(), "not valid YAML").remedy("check this line")),
        };
        let node = Node { mark, kind };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, path: &Path) -> Result<Kind, Problem> {
        let mut elements = Vec::new();
        loop {
            let (event, mark) = self.next(path)?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Kind::Seq(elements));
            }
            elements.push(self.node(event, mark, &path.index(elements.len()))?);
        }
    }

    fn mapping(&mut self, path: &Path) -> Result<Kind, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        // A mapping may have a hundred thousand keys.
        let mut seen: HashMap<Cow<'input, str>, Mark> = HashMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, key_mark) = self.next(path)?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let Event::Scalar(key, style, ..) = event else {
                return Err(Problem::new(key_mark, path.clone(), "a key that is not a plain word")
                    .remedy("keys are text: `key: value`"));
            };
            let inside = path.key(&key);
            let (event, mark) = self.next(&inside)?;
            let value = self.node(event, mark, &inside)?;
            if key == "<<" && style == ScalarStyle::Plain {
                merged.extend(merge_sources(value).ok_or_else(|| {
                    Problem::new(mark, inside, "`<<` merges mappings only")
                        .remedy("give it `*anchor` of a mapping")
                })?);
            } else if let Some(first) = seen.get(&key) {
                let before = match first {
                    Mark::File { line, .. } => format!(", first on line {line}"),
                    Mark::Set(_) => String::new(),
                };
                let problem = Problem::new(key_mark, inside, format!("the key stands here twice{before}"));
                self.problems.push(problem.remedy("keep one of the two"));
            } else {
                seen.insert(key.clone(), key_mark);
                entries.push(Entry { key: key.into_owned(), key_mark, value });
            }
        }
        // What is written out wins over what is merged in, and the first merged over the later ones.
        for entry in merged {
            if let hash_map::Entry::Vacant(new) = seen.entry(Cow::Owned(entry.key.clone())) {
                new.insert(entry.key_mark);
                entries.push(entry);
            }
        }
        Ok(Kind::Map(entries))
    }
}

fn merge_sources(value: Node) -> Option<Vec<Entry>> {
    match value.kind {
        Kind::Map(entries) => Some(entries),
        Kind::Seq(elements) => {
            let sources: Option<Vec<_>> = elements.into_iter().map(merge_sources).collect();
            Some(sources?.into_iter().flatten().collect())
        }
        Kind::Scalar { .. } => None,
    }
}
