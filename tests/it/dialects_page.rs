//! docs/dialects.md: its tables are those of `config/dialects`, and its examples load.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pricetag::genai::counts::{InputMeans, ReasoningMeans};
use pricetag::genai::dialects::Dialects;
use pricetag::genai::dialects::format::{DialectFile, Evidence, Members, Operations, Word};
use regex::Regex;

use crate::support::command::pricetag;

/// Everything behind it is made here.
const MARK: &str =
    "<!-- What follows is made from config/dialects: UPDATE_DOCS=1 cargo test --test it dialects_page -->\n";

fn code(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
    quoted.join(", ")
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Captured => "captured",
        Evidence::Source => "read in the source",
        Evidence::Documentation => "documentation only",
    }
}

fn input(means: InputMeans) -> &'static str {
    match means {
        InputMeans::WithCache => "inclusive",
        InputMeans::WithoutCache => "exclusive",
    }
}

fn inputs(all: InputMeans, by_provider: &[(String, InputMeans)]) -> String {
    let mut text = input(all).to_owned();
    for (provider, means) in by_provider {
        write!(text, "; `{provider}`: {}", input(*means)).unwrap();
    }
    text
}

/// What spans and log records have in common, as rows of a table.
struct Tells<'a> {
    input: String,
    reasoning: ReasoningMeans,
    not_providers: &'a [String],
    operation: Option<&'a Operations>,
    attributes: &'a [(Word, Vec<String>)],
    documents: &'a [(String, Members)],
}

impl Tells<'_> {
    fn rows(&self, page: &mut String) {
        let mut row = |name: &str, text: &str| writeln!(page, "| {name} | {text} |").unwrap();
        let output = match self.reasoning {
            ReasoningMeans::InOutput => "reasoning within",
            ReasoningMeans::BesideOutput => "reasoning beside",
        };
        row("input, output", &format!("{}; {output}", self.input));
        if !self.not_providers.is_empty() {
            row("no providers", &code(self.not_providers));
        }
        if let Some(Operations { key, values }) = self.operation {
            let kinds: Vec<_> =
                values.iter().map(|(value, kind)| format!("`{value}` is {}", kind.0)).collect();
            row("kind of span", &format!("`{key}`: {}", kinds.join(", ")));
        }
        for (word, keys) in self.attributes {
            row(word.as_str(), &code(keys));
        }
        for (key, Members(members)) in self.documents {
            let said: Vec<_> =
                members.iter().map(|(word, paths)| format!("{word}: {}", code(paths))).collect();
            row(&format!("in `{key}`"), &said.join("; "));
        }
    }
}

fn dialect(file: &DialectFile, page: &mut String) {
    let links: Vec<_> = file
        .sources
        .iter()
        .map(|link| {
            let name = link.trim_end_matches('/').rsplit('/').next().unwrap();
            format!("[{}]({link})", name.split('#').next().unwrap())
        })
        .collect();
    writeln!(page, "\n### {}\n\n{}\n", file.title, file.notes.trim()).unwrap();
    writeln!(page, "| `{}` | {}: {} |\n|---|---|", file.dialect, evidence(file.evidence), file.versions)
        .unwrap();
    writeln!(page, "| sources | {} |", links.join(", ")).unwrap();
    if !file.scopes.is_empty() {
        let only = if file.only_in_scope { "; its keys mean something there only" } else { "" };
        writeln!(page, "| scopes | {}{only} |", code(&file.scopes)).unwrap();
    }
    if !file.marks.is_empty() {
        writeln!(page, "| marks | {} |", code(&file.marks)).unwrap();
    }
    Tells {
        input: inputs(file.input, &file.input_by_provider),
        reasoning: file.reasoning,
        not_providers: &file.not_providers,
        operation: file.operation.as_ref(),
        attributes: &file.attributes,
        documents: &file.documents,
    }
    .rows(page);
    if let Some(events) = &file.events {
        let conditions: Vec<_> =
            events.conditions.iter().map(|(key, value)| format!("`{key}` is `{value}`")).collect();
        writeln!(page, "\n| log records | {} |\n|---|---|", conditions.join(", ")).unwrap();
        writeln!(page, "| scopes | {} |", code(&events.scopes)).unwrap();
        Tells {
            input: inputs(events.input, &events.input_by_provider),
            reasoning: events.reasoning,
            not_providers: &events.not_providers,
            operation: events.operation.as_ref(),
            attributes: &events.attributes,
            documents: &events.documents,
        }
        .rows(page);
    }
}

/// The tables of all dialects: an overview, and one after the other by name, the base first.
fn tables() -> String {
    let words: Vec<String> = Word::all().map(|word| word.to_string()).collect();
    let mut page = format!("\n## What attributes can say\n\n{}\n", code(&words));
    page += "\n## The dialects\n\n| dialect | checked against | evidence | input | log events |\n|---|---|---|---|---|\n";
    for file in Dialects::embedded() {
        let anchor: String = file
            .title
            .to_lowercase()
            .chars()
            .filter_map(|char| match char {
                ' ' => Some('-'),
                char => (char.is_alphanumeric() || char == '-' || char == '_').then_some(char),
            })
            .collect();
        let events = if file.events.is_some() { "yes" } else { "" };
        let input = inputs(file.input, &file.input_by_provider);
        let evidence = evidence(file.evidence);
        writeln!(
            page,
            "| [{}](#{anchor}) | {} | {evidence} | {input} | {events} |",
            file.title, file.versions
        )
        .unwrap();
    }
    for file in Dialects::embedded() {
        dialect(file, &mut page);
    }
    page
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dialects.md")
}

/// Guarantees: the page's tables are what the embedded dialects say.
#[test]
fn the_page_lists_the_dialects() {
    let page = fs::read_to_string(path()).unwrap();
    let (head, found) = page.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), format!("{head}{MARK}{}", tables())).unwrap();
    } else {
        assert!(
            found == tables(),
            "docs/dialects.md is out of date: UPDATE_DOCS=1 cargo test --test it dialects_page"
        );
    }
}

/// Scenario: the page's own dialect, and the config that names it.
/// Guarantees: both load as they stand there.
#[test]
fn the_example_of_the_page_loads() {
    let page = fs::read_to_string(path()).unwrap();
    let blocks = Regex::new(r"```yaml\n((?s:.*?))```\n").unwrap();
    let blocks: Vec<_> = blocks.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let [example, config, collector] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    assert!(collector.contains("routing_key: traceID"), "{collector}");
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("my-sdk.yaml");
    fs::write(&own, example).unwrap();
    assert!(config.contains("dialects: [my-sdk.yaml]"), "{config}");
    let set = format!("processors.pricetag.dialects=[{}]", own.display());
    let ended = pricetag(&["check", "--set", &set]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}
