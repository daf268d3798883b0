//! Dialects: how each family of instrumentations writes calls, as tables.
//!
//! One file a dialect in `config/dialects`; a user's own files have the same format and win over ours. The first table,
//! `otel`, has the OpenTelemetry conventions and is the base of all others. A span's dialect is told by its
//! instrumentation scope; where nobody knows that, by the first key on the span that only one dialect writes.

pub mod format;

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::counts::{InputMeans, Means, ReasoningMeans};
use super::document::Document;
use super::keys::{KeyTable, Ranked};
use super::meaning::{Meaning, Name};
use super::pattern::Pattern;
use crate::otlp::view::Text;
use format::{DialectFile, Operation, Word};

include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

/// Number of a dialect.
pub type DialectId = u8;

/// The base of all dialects.
pub const BASE: DialectId = 0;
/// Nobody knows the scope: what is written there is read as the base, until a key tells whose it is.
pub const UNKNOWN: DialectId = DialectId::MAX;
const BASE_NAME: &str = "otel";
/// More than anybody mixes, and few enough that a byte numbers them.
const MAX_DIALECTS: usize = 200;
const MAX_DOCUMENTS: usize = 256;
/// Ranks: a dialect's own keys come first, then members of its documents, then the base's keys.
const DOCUMENT_RANK: u8 = 32;
const BASE_RANK: u8 = 64;

/// What the documents of a dialect tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// Parts of counts, names, dimensions: more about a call that other attributes tell of.
    Details,
    /// Usage.
    Totals,
}

/// What a span's attributes mean in one dialect, as far as a table of keys can not say it.
#[derive(Debug)]
pub struct Dialect {
    name: Box<str>,
    input: InputMeans,
    input_by_provider: ByProvider<InputMeans>,
    reasoning: ReasoningMeans,
    reasoning_by_provider: ByProvider<ReasoningMeans>,
    not_providers: Vec<Box<[u8]>>,
    by_span_name: bool,
    /// What attributes of a log record must be.
    conditions: Vec<(Box<[u8]>, Pattern)>,
    /// Log events tell of the same calls as its spans.
    has_events: bool,
    documents: Option<Tells>,
    operations: Vec<(Pattern, &'static str)>,
}

impl Dialect {
    /// Its short name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What totals hold, where the provider is this one.
    pub(super) fn means(&self, provider: Text<'_>) -> Means {
        Means {
            input: of_provider(&self.input_by_provider, provider).unwrap_or(self.input),
            reasoning: of_provider(&self.reasoning_by_provider, provider).unwrap_or(self.reasoning),
        }
    }

    /// Whether the text names a provider.
    pub(super) fn is_provider(&self, provider: Text<'_>) -> bool {
        self.not_providers.iter().all(|not| **not != *provider.0)
    }

    /// Whether the span's name tells its kind.
    pub(super) fn is_by_span_name(&self) -> bool {
        self.by_span_name
    }

    /// Which attributes of a log record must be what.
    pub(super) fn conditions(&self) -> &[(Box<[u8]>, Pattern)] {
        &self.conditions
    }

    /// Whether log events tell of the same calls as spans.
    pub fn has_events(&self) -> bool {
        self.has_events
    }

    /// What its documents tell, if it has any.
    pub(super) fn documents(&self) -> Option<Tells> {
        self.documents
    }

    /// The operation that a kind means.
    pub(super) fn operation(&self, kind: Text<'_>) -> Option<Text<'static>> {
        let found = self.operations.iter().find(|(pattern, _)| pattern.matches(kind.0));
        found.map(|(_, operation)| Text(operation.as_bytes()))
    }
}

/// What totals hold, for some providers.
type ByProvider<M> = Vec<(Box<str>, M)>;

fn by_provider<M: Copy>(said: &[(String, M)]) -> ByProvider<M> {
    said.iter().map(|(name, means)| (name.as_str().into(), *means)).collect()
}

fn of_provider<M: Copy>(known: &ByProvider<M>, provider: Text<'_>) -> Option<M> {
    let same = |(name, _): &&(Box<str>, M)| provider.0.eq_ignore_ascii_case(name.as_bytes());
    known.iter().find(same).map(|(_, means)| *means)
}

/// All dialects, ready to read spans.
#[derive(Debug)]
pub struct Dialects {
    all: Vec<Dialect>,
    scopes: HashMap<Box<[u8]>, DialectId>,
    patterns: Vec<(Pattern, DialectId)>,
    documents: Vec<Document>,
    keys: KeyTable,
}

impl Dialects {
    /// The embedded tables.
    pub fn embedded() -> &'static [DialectFile] {
        static EMBEDDED: LazyLock<Vec<DialectFile>> = LazyLock::new(|| {
            let read = |(name, text): &(&str, &str)| DialectFile::from_yaml(name, text);
            // That all of them can be read is tested.
            let mut files: Vec<_> = FILES.iter().filter_map(|file| read(file).ok()).collect();
            files.sort_by_key(|file| file.dialect != BASE_NAME);
            files
        });
        &EMBEDDED
    }

    /// What of a user's files finds no place beside the embedded ones, in words. The rest would not be read.
    pub fn excess(own: &[DialectFile]) -> Option<String> {
        let all = || Self::embedded().iter().chain(own);
        let of_spans: usize = all().map(|file| file.documents.len()).sum();
        let of_events: usize =
            all().filter_map(|file| file.events.as_ref()).map(|events| events.documents.len()).sum();
        let documents = of_spans.max(of_events);
        if all().count() > MAX_DIALECTS {
            Some(format!("these are {} dialects, and {MAX_DIALECTS} is the most", all().count()))
        } else if documents > MAX_DOCUMENTS {
            Some(format!("these dialects have {documents} documents, and {MAX_DOCUMENTS} is the most"))
        } else {
            None
        }
    }

    /// The embedded tables and a user's, for the dimensions of a config: each with its name and the keys that the config gives
    /// it.
    pub fn new(own: &[DialectFile], dimensions: &[(String, Vec<String>)]) -> Self {
        Self::of(Self::embedded().iter().chain(own), dimensions)
    }

    /// The same for log events. A dialect has the same number here and there.
    pub fn of_events(own: &[DialectFile], dimensions: &[(String, Vec<String>)]) -> Self {
        let events = |file: &DialectFile| match &file.events {
            Some(events) => events.as_dialect(&file.dialect),
            None if file.dialect == BASE_NAME => DialectFile { scopes: Vec::new(), ..file.clone() },
            None => DialectFile::default(),
        };
        let files: Vec<DialectFile> = Self::embedded().iter().chain(own).map(events).collect();
        let mut dialects = Self::of(files.iter(), dimensions);
        for (dialect, file) in dialects.all.iter_mut().zip(Self::embedded().iter().chain(own)) {
            let conditions = file.events.iter().flat_map(|events| &events.conditions);
            dialect.conditions =
                conditions.map(|(key, value)| (key.as_bytes().into(), Pattern::new(value))).collect();
        }
        dialects
    }

    fn of<'f>(files: impl Iterator<Item = &'f DialectFile>, dimensions: &[(String, Vec<String>)]) -> Self {
        let mut dialects = Dialects {
            all: Vec::new(),
            scopes: HashMap::new(),
            patterns: Vec::new(),
            documents: Vec::new(),
            keys: KeyTable::default(),
        };
        for (index, (_, keys)) in dimensions.iter().enumerate() {
            for (rank, key) in keys.iter().enumerate() {
                let rank = rank.min(usize::from(BASE_RANK) - 1) as u8;
                let meaning = Meaning::Dimension(index as u8);
                dialects.keys.insert(key, Ranked { meaning, rank, only: Ranked::ANY });
            }
        }
        let dimension = |name: &str| dimensions.iter().position(|(known, _)| known == name);
        let files: Vec<&DialectFile> = files.take(MAX_DIALECTS).collect();
        // Of two marks under one key the first holds: a user's own.
        for (id, file) in files.iter().enumerate().rev() {
            dialects.mark(id as DialectId, file, files[usize::from(BASE)]);
        }
        for file in files {
            dialects.add(file, dimension);
        }
        // Patterns of later files are tried first.
        dialects.patterns.reverse();
        dialects
    }

    /// The keys that tell that a span is written so: those that are said to, and the one that tells the kind, unless others write
    /// it as well.
    fn mark(&mut self, id: DialectId, file: &DialectFile, conventions: &DialectFile) {
        let is_convention = |key: &String| conventions.attributes.iter().any(|(_, keys)| keys.contains(key));
        let kind = file.operation.as_ref().map(|operation| &operation.key);
        let kind = kind.filter(|key| !file.only_in_scope && *key != SPAN_NAME && !is_convention(key));
        for key in file.marks.iter().chain(kind) {
            self.keys.insert(key, Ranked { meaning: Meaning::Mark(id), rank: 0, only: Ranked::ANY });
        }
    }

    fn add(&mut self, file: &DialectFile, dimension: impl Fn(&str) -> Option<usize>) {
        let id = self.all.len() as DialectId;
        let only = if file.only_in_scope { id } else { Ranked::ANY };
        for scope in &file.scopes {
            if scope.contains('*') {
                self.patterns.push((Pattern::new(scope), id));
            } else {
                self.scopes.insert(scope.as_bytes().into(), id);
            }
        }
        let operation = file.operation.as_ref();
        let by_span_name = operation.is_some_and(|operation| operation.key == SPAN_NAME);
        if let Some(operation) = operation
            && !by_span_name
        {
            let kind = Ranked { meaning: Meaning::Name(Name::Kind), rank: 0, only: id };
            self.keys.insert(&operation.key, kind);
        }
        let own_rank = if id == BASE { BASE_RANK } else { 0 };
        for (word, keys) in &file.attributes {
            for (meaning, rank, key) in said(*word, keys, own_rank, &dimension) {
                self.keys.insert(key, Ranked { meaning, rank, only });
            }
        }
        let room = MAX_DOCUMENTS - self.documents.len();
        for (key, members) in file.documents.iter().take(room) {
            let mut document = Document::new();
            for (word, paths) in &members.0 {
                for (meaning, rank, path) in said(*word, paths, DOCUMENT_RANK, &dimension) {
                    document.insert(path, Ranked { meaning, rank, only: Ranked::ANY });
                }
            }
            let meaning = Meaning::Document(self.documents.len() as u8);
            self.documents.push(document);
            // The same key may hold another document in another dialect.
            self.keys.insert(key, Ranked { meaning, rank: 0, only: id });
        }
        self.all.push(Dialect {
            name: file.dialect.as_str().into(),
            input: file.input,
            input_by_provider: by_provider(&file.input_by_provider),
            reasoning: file.reasoning,
            reasoning_by_provider: by_provider(&file.reasoning_by_provider),
            not_providers: file.not_providers.iter().map(|name| name.as_bytes().into()).collect(),
            by_span_name,
            conditions: Vec::new(),
            has_events: file.events.is_some(),
            documents: tells(file),
            operations: operation.map_or_else(Vec::new, |operation| {
                operation.values.iter().map(|(value, Operation(name))| (Pattern::new(value), *name)).collect()
            }),
        });
    }

    /// Every attribute key that says something.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// The same, to add keys that belong to no dialect.
    pub fn keys_mut(&mut self) -> &mut KeyTable {
        &mut self.keys
    }

    /// The dialect that a scope's spans are written in; [`UNKNOWN`] where nobody knows the scope.
    pub fn of_scope(&self, scope: Text<'_>) -> DialectId {
        if scope.is_empty() {
            return UNKNOWN;
        }
        let by_pattern = || self.patterns.iter().find(|(pattern, _)| pattern.matches(scope.0));
        self.scopes.get(scope.0).copied().or_else(|| by_pattern().map(|it| it.1)).unwrap_or(UNKNOWN)
    }

    /// A dialect; the base for [`UNKNOWN`].
    pub fn get(&self, id: DialectId) -> &Dialect {
        self.all.get(usize::from(id)).unwrap_or(&self.all[usize::from(BASE)])
    }

    pub(super) fn document(&self, index: u8) -> Option<&Document> {
        self.documents.get(usize::from(index))
    }
}

/// What a file's documents tell.
fn tells(file: &DialectFile) -> Option<Tells> {
    let is_usage = |word: &Word| matches!(word, Word::Count(count) if count.is_usage());
    let mut words = file.documents.iter().flat_map(|(_, members)| &members.0).map(|(word, _)| word);
    let totals = words.any(is_usage);
    (!file.documents.is_empty()).then_some(if totals { Tells::Totals } else { Tells::Details })
}

/// Stands for the span's name where an attribute's key is asked for.
const SPAN_NAME: &str = "span.name";

/// What keys of a word mean, and how they are ranked; nothing for dimensions that the config does not have.
fn said(
    word: Word,
    keys: &[String],
    first_rank: u8,
    dimension: impl Fn(&str) -> Option<usize>,
) -> impl Iterator<Item = (Meaning, u8, &str)> {
    let (meaning, first_rank) = match word {
        Word::Name(name) => (Some(Meaning::Name(name)), first_rank),
        Word::Count(count) => (Some(Meaning::Count(count)), first_rank),
        Word::Cost => (Some(Meaning::ReportedCost), first_rank),
        // After the keys of the config.
        Word::Dimension(name) => {
            (dimension(name).map(|index| Meaning::Dimension(index as u8)), first_rank.max(BASE_RANK))
        }
    };
    keys.iter()
        .enumerate()
        .filter_map(move |(place, key)| Some((meaning?, first_rank + place.min(31) as u8, key.as_str())))
}

#[cfg(test)]
mod tests;
