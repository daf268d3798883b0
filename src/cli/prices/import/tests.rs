//! Imports from and into files.

use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    import: Import,
}

fn import(args: &[&str]) -> anyhow::Result<()> {
    Cli::parse_from([&["import"], args].concat()).import.run()
}

fn sample(name: &str) -> String {
    format!("{}/tests/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A list in the shape of genai-prices, of one model.
fn list(path: &Path, input: &str) -> String {
    let list = format!(
        r#"[{{"id": "p", "name": "P", "api_pattern": "https://p", "models": [
            {{"id": "m", "match": {{"equals": "m"}}, "prices": {{"input_mtok": "{input}"}}}}]}}]"#
    );
    fs::write(path, list).unwrap();
    path.display().to_string()
}

/// Scenario: published lists are imported into files, one filled from another.
/// Guarantees: the files are catalogs that name their sources, versions and date.
#[test]
fn an_import_writes_a_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("catalog.json").display().to_string();
    let (genai, lite) = (sample("genai_prices_sample.json"), sample("litellm_sample.json"));
    let genai =
        ["--from", "genai-prices", "--version", "0.2.3", &genai, "--fresh", "--date", "2026-11-10", "-o"];
    import(&[&genai[..], &[&output]].concat()).unwrap();
    let read = || Catalog::from_json("written", &fs::read_to_string(&output).unwrap()).unwrap();
    assert_eq!(read().source(), "genai-prices 0.2.3");
    let models = read().models().count();

    let fill = ["--fill-from", &lite, "--fill-version", "1.109.1"];
    import(&[&genai[..], &[&output], &fill[..]].concat()).unwrap();
    assert_eq!(read().source(), "genai-prices 0.2.3 + litellm 1.109.1");
    assert!(read().models().count() > models);
    assert!(fs::read_to_string(&output).unwrap().contains(r#""date": "2026-11-10""#));

    let error = import(&["--from", "genai-prices", "/no/such/file"]).unwrap_err().to_string();
    assert_eq!(error, "cannot read /no/such/file");
}

/// Scenario: a list with a new price is imported over the file of the old one, and again.
/// Guarantees: a large move is refused and leaves the file as it was; allowed, the new price begins on its day and the old one
/// stays for calls before; the second time nothing changes but the date.
#[test]
fn a_changed_price_begins_on_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let output = at("prices.json").display().to_string();
    let run = |input: &str, date: &str, more: &[&str]| {
        let list = list(&at("list.json"), input);
        import(&[&["--from", "genai-prices", &list, "--date", date, "-o", &output], more].concat())
    };
    let model = || {
        let text = fs::read_to_string(&output).unwrap();
        text.lines().find(|line| line.contains(r#""m": "#)).unwrap().trim().to_owned()
    };
    run("4", "2026-11-01", &[]).unwrap();
    assert_eq!(model(), r#""m": {"rates":{"input":4}}"#);

    let refused = run("1", "2026-11-10", &[]).unwrap_err().to_string();
    assert!(
        refused.contains("1 prices move by more than half") && refused.contains("--allow-large-moves"),
        "{refused}"
    );
    assert_eq!(model(), r#""m": {"rates":{"input":4}}"#, "refused means untouched");

    let changed = r#""m": {"rates":{"input":4},"when":[{"from":"2026-11-10","rates":{"input":1}}]}"#;
    run("1", "2026-11-10", &["--allow-large-moves"]).unwrap();
    assert_eq!(model(), changed);
    run("1", "2026-11-20", &[]).unwrap();
    assert_eq!(model(), changed);

    run("1.2", "2026-11-20", &["--fresh"]).unwrap();
    assert_eq!(model(), r#""m": {"rates":{"input":1.2}}"#);
}
