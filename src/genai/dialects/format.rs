//! A dialect as it is written: the shape of the files in `config/dialects` and of a user's own.
//!
//! Nothing here has a meaning yet; [`Dialects`](super::Dialects) gives it one.

mod schema;

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::genai::counts::{InputMeans, ReasoningMeans};
use crate::genai::meaning::{Count, Name};
use crate::yaml::error::{Report, alone, did_you_mean};
use crate::yaml::ordered::in_order;
use crate::yaml::path::Mark;
use crate::yaml::{Mistakes, de, tree};

pub use schema::schema;

/// Declares a struct that ends in what spans and log records have in common: how calls are told.
macro_rules! telling_calls {
    ($(#[$attribute:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// Names of instrumentation scopes; `*` stands for any text.
            #[serde(default)]
            pub scopes: Vec<String>,
            /// Whether `input` holds the tokens that were read from and written to a cache.
            #[serde(default)]
            pub input: InputMeans,
            /// The same for single providers.
            #[serde(default, deserialize_with = "in_order")]
            #[schemars(with = "std::collections::BTreeMap<String, InputMeans>")]
            pub input_by_provider: Vec<(String, InputMeans)>,
            /// Whether `output` holds the tokens spent on reasoning.
            #[serde(default)]
            pub reasoning: ReasoningMeans,
            /// The same for single providers.
            #[serde(default, deserialize_with = "in_order")]
            #[schemars(with = "std::collections::BTreeMap<String, ReasoningMeans>")]
            pub reasoning_by_provider: Vec<(String, ReasoningMeans)>,
            /// Values of the provider's attribute that name no provider.
            #[serde(default)]
            pub not_providers: Vec<String>,
            /// What tells the kind of a span.
            pub operation: Option<Operations>,
            /// Attribute keys by what they say; of several the first that a span has counts.
            #[serde(default, deserialize_with = "in_order")]
            #[schemars(schema_with = "schema::by_word")]
            pub attributes: Vec<(Word, Vec<String>)>,
            /// Attributes that hold a document, JSON or a printed Python dictionary: paths in it by what they say;
            /// `.` is all of it, where it is a text in quotes.
            #[serde(default, deserialize_with = "in_order")]
            #[schemars(schema_with = "schema::documents")]
            pub documents: Vec<(String, Members)>,
        }
    };
}

telling_calls! {
    /// How one family of instrumentations writes LLM calls. The keys of the OpenTelemetry GenAI conventions are understood
    /// in every dialect; a file says only what is its own.
    pub struct DialectFile {
        /// A short name.
        #[serde(default)]
        pub dialect: String,
        /// A name for people.
        #[serde(default)]
        pub title: String,
        /// The versions that the file was checked against.
        #[serde(default)]
        pub versions: String,
        /// How its author knows.
        #[serde(default)]
        pub evidence: Evidence,
        /// Where it can be read, as links.
        #[serde(default)]
        pub sources: Vec<String>,
        /// What a reader should know.
        #[serde(default)]
        pub notes: String,
        /// Attribute keys that nobody else writes. They tell the dialect of a span whose scope no dialect knows. The key
        /// of `operation` is always one, but for those of the conventions.
        #[serde(default)]
        pub marks: Vec<String>,
        /// The keys of this file mean something in its scopes only: for names that others use too, such as
        /// `input_tokens`.
        #[serde(default)]
        pub only_in_scope: bool,
        /// Log records that tell of calls.
        pub events: Option<Events>,
    }
}

telling_calls! {
    /// Log records that tell of calls.
    pub struct Events {
        /// What these attributes must be; `body` is the record's text.
        #[serde(default, rename = "where", deserialize_with = "in_order")]
        #[schemars(with = "std::collections::BTreeMap<String, String>")]
        pub conditions: Vec<(String, String)>,
    }
}

/// Members of a document by what they say.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Members(#[serde(deserialize_with = "in_order")] pub Vec<(Word, Vec<String>)>);

/// What tells the kind of a span.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// An attribute's key, or `span.name`.
    #[serde(default)]
    pub key: String,
    /// From its values, in which `*` stands for any text, to operations; the first that matches counts. What none matches is
    /// told by `gen_ai.operation.name`.
    #[serde(default, deserialize_with = "in_order")]
    #[schemars(schema_with = "schema::operations")]
    pub values: Vec<(String, Operation)>,
}

/// How the author of a dialect knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Seen in what it sent.
    Captured,
    /// Read in its source.
    Source,
    /// Read in its documentation.
    #[default]
    Documentation,
}

/// What an attribute says, in the words of dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A text that identifies the call.
    Name(Name),
    /// A count.
    Count(Count),
    /// What the sender thinks that the call cost.
    Cost,
    /// A dimension.
    Dimension(&'static str),
}

/// Dimensions that dialects know of.
const DIMENSIONS: [&str; 9] =
    ["user", "session", "feature", "workflow", "agent", "tenant", "team", "environment", "tier"];

impl Word {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Word::Name(name) => name.word(),
            Word::Count(count) => count.word(),
            Word::Cost => "cost",
            Word::Dimension(name) => name,
        }
    }

    /// Every one.
    pub fn all() -> impl Iterator<Item = Word> {
        let names = Name::ALL.into_iter().filter(|name| *name != Name::Kind).map(Word::Name);
        let counts = Count::ALL.into_iter().map(Word::Count);
        names.chain(counts).chain([Word::Cost]).chain(DIMENSIONS.into_iter().map(Word::Dimension))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OneOf {
            what: "what an attribute can say",
            find: |text| Word::all().find(|word| word.as_str() == text),
            all: || Word::all().map(Word::as_str).collect(),
        })
    }
}

/// What a span does, in the words of the semantic conventions (`gen_ai.operation.name`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation(pub &'static str);

/// Calls; a request that is a call where it tells usage, and else nothing, for its usage stands on a span of its own; what
/// stands around calls; and what uses no model.
const OPERATIONS: [&str; 11] = [
    "chat",
    "text_completion",
    "generate_content",
    "embeddings",
    "model_request",
    "invoke_agent",
    "invoke_workflow",
    "create_agent",
    "execute_tool",
    "retrieval",
    "plan",
];

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OneOf {
            what: "an operation",
            find: |text| OPERATIONS.into_iter().find(|name| *name == text).map(Operation),
            all: || OPERATIONS.to_vec(),
        })
    }
}

/// Reads a word of a closed list.
struct OneOf<T> {
    what: &'static str,
    find: fn(&str) -> Option<T>,
    all: fn() -> Vec<&'static str>,
}

impl<T> Visitor<'_> for OneOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.find)(text).ok_or_else(|| {
            let remedy = did_you_mean(text, (self.all)());
            E::custom(format_args!("`{text}` is not {}; {remedy}", self.what))
        })
    }
}

impl Events {
    /// The records of these scopes as a dialect of their own, whose keys mean nothing elsewhere.
    pub(super) fn as_dialect(&self, name: &str) -> DialectFile {
        DialectFile {
            dialect: name.to_owned(),
            only_in_scope: true,
            scopes: self.scopes.clone(),
            input: self.input,
            input_by_provider: self.input_by_provider.clone(),
            reasoning: self.reasoning,
            reasoning_by_provider: self.reasoning_by_provider.clone(),
            not_providers: self.not_providers.clone(),
            operation: self.operation.clone(),
            attributes: self.attributes.clone(),
            documents: self.documents.clone(),
            ..DialectFile::default()
        }
    }
}

impl DialectFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every mistake, with its line, its key and a remedy. `origin` names the file.
    pub fn from_yaml(origin: &str, text: &str) -> Result<Self, Mistakes> {
        let (mut tree, problems) = tree::parse(text, |line, column| Mark::File { line, column })
            .map_err(|problem| alone(problem, origin))?;
        let mut report = Report::new(tree.clone(), problems);
        let file: DialectFile = de::read(&mut tree, &mut report);
        file.check(&mut report);
        report.finish(origin, &[])?;
        Ok(file)
    }

    fn check(&self, report: &mut Report) {
        let root = crate::yaml::path::Path::default();
        if self.dialect.is_empty() {
            report.missing(&root, "dialect", "the dialect has no name", "write `dialect: my-sdk`");
        }
        if let Some(operation) = &self.operation
            && operation.key.is_empty()
        {
            let remedy = "write the attribute that tells the kind of a span, or `span.name`";
            report.missing(&root.key("operation"), "key", "no attribute is named", remedy);
        }
        if let Some(events) = &self.events
            && events.scopes.is_empty()
        {
            let remedy = "name the scope of the log records: `scopes: [my.scope]`";
            report.missing(&root.key("events"), "scopes", "no scope is named", remedy);
        }
        // A bare name in every span of the world would be taken for a call's.
        if self.only_in_scope && self.scopes.is_empty() {
            let remedy = "name the scopes, or take `only_in_scope` out";
            report.missing(&root, "scopes", "keys that mean something in no scope", remedy);
        }
    }
}
