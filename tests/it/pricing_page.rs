//! docs/pricing.md: every example is a file that loads, every command gives what the page says.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value};

use crate::support::command::{pricetag, pricetag_with};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Scenario: the examples of the page, as they stand there.
/// Guarantees: each is the file that the page links to, word for word, and no file is left out; `quote` with that file
/// gives the figures that stand under the command.
#[test]
fn examples_give_the_figures_of_the_page() {
    let page = read("docs/pricing.md");
    let example =
        Regex::new(r"\[examples/prices/([a-z]+\.yaml)\]\([^)]*\)\n\n```yaml\n((?s:.*?))```\n").unwrap();
    let mut shown = BTreeSet::new();
    for captures in example.captures_iter(&page) {
        assert_eq!(captures[2], read(&format!("examples/prices/{}", &captures[1])), "{}", &captures[1]);
        shown.insert(captures[1].to_owned());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prices");
    let files =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(shown, files.collect());
    assert_eq!(shown.len(), 5);

    let command =
        Regex::new(r"\$ echo '(.*)' \\\n  \| pricetag quote --prices (\S+) \| jq -c '\{(.*)\}'\n(.*)\n")
            .unwrap();
    let mut asked = BTreeSet::new();
    for captures in command.captures_iter(&page) {
        let (record, file) = (&captures[1], &captures[2]);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let ended = pricetag_with(&["quote", "--prices", path.to_str().unwrap()], &[], record.as_bytes());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{record}");
        let answer: Value = serde_json::from_str(&ended.out).unwrap();
        let picked: Map<String, Value> =
            captures[3].split(", ").map(|key| (key.to_owned(), answer[key].clone())).collect();
        assert_eq!(Value::Object(picked).to_string(), captures[4], "{record} with {file}");
        asked.insert(file.to_owned());
    }
    assert_eq!(asked.len(), shown.len(), "an example without a command: {asked:?}");
}

/// Scenario: the YAML blocks of the page that are no example: the config keys, and the format.
/// Guarantees: the keys are known to `check`; the format is a price file.
#[test]
fn the_format_on_the_page_is_right() {
    let page = read("docs/pricing.md");
    let block = Regex::new(r"```yaml\n((?s:.*?))```\n").unwrap();
    let blocks: Vec<&str> =
        block.captures_iter(&page).map(|captures| captures.get(1).unwrap().as_str()).collect();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let format = blocks.iter().find(|block| block.contains("acme-ai")).unwrap();
    let shown =
        pricetag(&["prices", "show", "acme-ai/fox-1-large", "--prices", &write("format.yaml", format)]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(
        shown.out.contains("region eu or us") && shown.out.contains("sat sun, 22:00-06:00 UTC"),
        "{}",
        shown.out
    );

    let keys = blocks.iter().find(|block| block.contains("prices_stale_after")).unwrap();
    let prices = write("prices.yaml", format);
    let config = keys.replace("vendors.yaml, my-prices.yaml", &prices)
        + "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n\
           service: {pipelines: {traces: {receivers: [otlp], processors: [pricetag], exporters: [debug]}}}\n";
    let checked = pricetag(&["check", &write("config.yaml", &config)]);
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    assert!(checked.out.contains("prices.yaml@"), "{}", checked.out);
}
