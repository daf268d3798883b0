//! Rules of the house, checked on the source itself.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use regex::Regex;

/// The parts that do no I/O and read no clock.
const PURE: [&str; 15] = [
    "src/attribution",
    "src/otlp",
    "src/genai",
    "src/pricing",
    "src/settlement",
    "src/redaction",
    "src/processor.rs",
    "src/processor/",
    "src/booking.rs",
    "src/booking/",
    "src/text.rs",
    "src/yaml",
    "src/ledger/spikes/rule.rs",
    "src/ledger/spikes/state",
    "src/ledger/spikes/words.rs",
];

/// Which other modules of the crate a part may use.
const MAY_USE: [(&str, &[&str]); 7] = [
    (
        "src/attribution",
        &[
            "attribution",
            "genai::dimensions",
            "genai::pattern",
            "otlp",
            "pricing::money",
            "text",
            "time",
            "yaml",
        ],
    ),
    ("src/otlp", &["otlp"]),
    ("src/genai", &["genai", "otlp", "yaml"]),
    ("src/pricing", &["pricing", "genai::usage", "text", "yaml"]),
    ("src/yaml", &["yaml"]),
    ("src/settlement", &["settlement", "genai", "otlp"]),
    ("src/redaction", &["redaction", "genai::pattern", "otlp"]),
];

const LONGEST_FILE: usize = 400;
/// Folders that are no part of the repository.
const FOREIGN: [&str; 7] = [".git", "target", ".cache", ".venv", "node_modules", "__pycache__", "corpus"];

struct File {
    /// From the root of the repository, with `/` between folders.
    path: String,
    text: String,
}

impl File {
    /// Lines of code with their numbers; comments are left out, and so are the words in them.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = |line| str::split_once(line, "//").map_or(line, |(code, _)| code);
        self.text.lines().enumerate().map(move |(n, line)| (n + 1, code(line)))
    }
}

/// Every text file of the repository.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !path.is_symlink() {
                if !FOREIGN.contains(&name) {
                    folders.push(path);
                }
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn rust(under: &str) -> Vec<File> {
    files().into_iter().filter(|file| file.path.starts_with(under) && file.path.ends_with(".rs")).collect()
}

#[track_caller]
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Scenario: every file of the pure parts.
/// Guarantees: no runtime, no network, no file system, no clock, no log.
#[test]
fn pure_parts_do_no_io() {
    let impure = Regex::new(
        r"(?-u:\b)(tokio|tonic|hyper|axum|reqwest|tracing|std::(fs|net|process|env)|(Instant|Timestamp|Zoned)::now|SystemTime|time::unix_nano)(?-u:\b)",
    );
    let impure = impure.unwrap();
    let mut faults = Vec::new();
    for part in PURE {
        let files = rust(part);
        assert!(!files.is_empty(), "{part} is gone");
        for file in files {
            for (n, line) in file.code() {
                // Generated types of a crate whose name says how else they could be used.
                let line = line.replace("opentelemetry_proto::tonic", "");
                if let Some(word) = impure.find(&line) {
                    faults.push(format!("{}:{n}: {} in a pure part", file.path, word.as_str()));
                }
            }
        }
    }
    none(faults);
}

/// Scenario: every mention of a module of the crate.
/// Guarantees: the lower parts do not know the upper ones, and only the command line knows the app.
#[test]
fn dependencies_go_one_way() {
    let mention = Regex::new(r"(?-u:\b)crate::([a-z0-9_]+(?:::[a-z0-9_]+)?|\{)").unwrap();
    let mut faults = Vec::new();
    for file in rust("src/") {
        let may_use = MAY_USE.iter().find(|(part, _)| file.path.starts_with(part)).map(|(_, uses)| uses);
        let may_use_app = ["src/app", "src/cli", "src/main.rs", "src/lib.rs"];
        let may_use_app = may_use_app.iter().any(|part| file.path.starts_with(part));
        for (n, line) in file.code() {
            for used in mention.captures_iter(line).map(|captures| captures.get(1).unwrap().as_str()) {
                let within = |module: &str| used == module || used.starts_with(&format!("{module}::"));
                if may_use.is_some_and(|modules| !modules.iter().any(|module| within(module))) {
                    faults.push(format!("{}:{n}: crate::{used} stands above", file.path));
                }
                if !may_use_app && within("app") {
                    faults.push(format!("{}:{n}: only the command line knows the app", file.path));
                }
                if used == "{" {
                    faults.push(format!("{}:{n}: name the module before the brace", file.path));
                }
            }
        }
    }
    none(faults);
}

/// Scenario: every Rust file.
/// Guarantees: files are short, or say in their first lines why they are not; `main.rs` is a page or two;
/// every module says what it is.
#[test]
fn files_are_short_and_introduce_themselves() {
    let mut faults = Vec::new();
    for file in rust("") {
        let lines = file.text.lines().count();
        let excused = file.text.lines().take(10).any(|line| line.contains("// tidy: long because"));
        let longest = if file.path == "src/main.rs" { 99 } else { LONGEST_FILE };
        if lines > longest && !excused {
            faults.push(format!("{} has {lines} lines: at most {longest}", file.path));
        }
        if file.path.starts_with("src/") && !file.text.starts_with("//!") {
            faults.push(format!("{} does not begin with //!", file.path));
        }
    }
    none(faults);
}

/// Scenario: every text file.
/// Guarantees: nothing points outside of the repository, to places on the machine where it was written.
#[test]
fn nothing_points_outside() {
    let outside = [concat!("../", "shared"), concat!("/", "work/"), concat!("/tmp", "/h-")];
    let mut faults = Vec::new();
    for file in files() {
        for (n, line) in file.text.lines().enumerate() {
            if let Some(place) = outside.iter().find(|place| line.contains(**place)) {
                faults.push(format!("{}:{}: mentions {place}", file.path, n + 1));
            }
        }
    }
    none(faults);
}

/// Scenario: the configs in `config/`.
/// Guarantees: the README or ARCHITECTURE.md refers to each; not checked before either is written.
#[test]
fn every_config_is_referred_to() {
    let files = files();
    let is_doc = |file: &&File| ["README.md", "ARCHITECTURE.md"].contains(&file.path.as_str());
    let docs: Vec<&str> = files.iter().filter(is_doc).map(|file| file.text.as_str()).collect();
    if docs.is_empty() {
        return;
    }
    let configs = files.iter().map(|file| file.path.as_str());
    // Dialects are data of the binary, and stand in docs/dialects.md.
    let configs = configs.filter(|path| !path.starts_with("config/dialects/"));
    let configs = configs.filter(|path| path.starts_with("config/") && path.ends_with(".yaml"));
    let missing = configs.filter(|path| !docs.iter().any(|doc| doc.contains(path)));
    none(missing.map(|path| format!("{path} is in no document")).collect());
}
