//! Lookup files: what is wrong with them, and that they are read again.

use std::fs;

use crate::support::command::pricetag;
use crate::support::process::Setup;
use crate::support::{Sink, eventually};

fn lookups(file: &std::path::Path) -> String {
    format!("processors.pricetag.lookups=[{{file: \"{}\", by: tenant}}]", file.display())
}

/// Scenario: lookups that are not there or wrong, at the start; `check` and `run`.
/// Guarantees: exit 64, and a message with file, line and remedy; nothing listens. What is right, `check` counts, with a notice
/// of columns that mean nothing.
#[test]
fn a_wrong_lookup_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.csv");
    let shown = file.display();
    for (text, told) in [
        (
            "tenant,tier\nacme,gold\nbeta,tin\nacme,tin\n",
            format!("{shown}:4:1: tenant \"acme\" stands here twice, first on line 2; "),
        ),
        ("customer,tier\nacme,gold\n", format!("{shown}:1:1: no column tenant, by which it is to be read; ")),
        ("tenant,tier\nacme\n", format!("{shown}:2:1: 1 value, and the header has 2; ")),
        ("", format!("{shown}: the lookup is empty; ")),
    ] {
        fs::write(&file, text).unwrap();
        for command in ["check", "run"] {
            let ended = pricetag(&[command, "--set", &lookups(&file)]);
            assert_eq!(ended.code, Some(64), "{command}: {ended:?}");
            assert!(
                ended.err.contains(&told) && !ended.err.contains("listening"),
                "{command}: {}",
                ended.err
            );
        }
    }
    fs::remove_file(&file).unwrap();
    let ended = pricetag(&["check", "--set", &lookups(&file)]);
    let said = format!("{shown}: lookups[0].file: the lookup can not be read at {shown}: ");
    assert!(ended.err.contains(&said), "{}", ended.err);
    fs::write(&file, "tenant,tier,seats\nacme,gold,5\n*,tin,\n").unwrap();
    let ended = pricetag(&["check", "--set", &lookups(&file)]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let notice =
        format!("  lookups    2 rows\n  notice     {shown}: these columns name no dimension: seats\n");
    assert!(ended.out.ends_with(&notice), "{}", ended.out);
}

/// Scenario: a lookup file is replaced by another, broken, and mended; SIGHUP when nothing changed.
/// Guarantees: the log says what is in force and, with file and line, what is wrong; self-metrics count the outcomes; SIGHUP is
/// answered for prices and lookups each.
#[tokio::test]
async fn lookup_files_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.csv");
    fs::write(&file, "tenant,tier\nacme,gold\n").unwrap();
    let sink = Sink::start().await;
    let mut pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").set(lookups(&file)).start().await;
    let says = async |text: &str| {
        eventually(text, async || pricetag.log().lines().find(|line| line.contains(text)).map(str::to_owned))
            .await
    };
    let new = folder.path().join("new");
    let replace = |text: &str| {
        fs::write(&new, text).unwrap();
        fs::rename(&new, &file).unwrap();
    };
    replace("tenant,tier\nacme,gold\nbeta,tin\n");
    says("lookups reloaded: 2 rows now, 1 before").await;
    replace("tenant,tier\nacme,gold\nacme,tin\n");
    let said = says("the lookups stay as they are").await;
    assert!(
        said.contains("tenants.csv:3:1: tenant \"acme\" stands here twice") && said.contains("2 rows"),
        "{said}"
    );
    pricetag.signal("HUP");
    says("the price files have not changed").await;
    eventually("the mistake is repeated", async || {
        (pricetag.log().matches("the lookups stay as they are").count() == 2).then_some(())
    })
    .await;
    replace("tenant,tier\nacme,gold\nbeta,tin\n*,free\n");
    says("lookups reloaded: 3 rows now, 2 before").await;
    pricetag.signal("HUP");
    says("the lookup files have not changed").await;
    let metrics = pricetag.scrape().await;
    for (outcome, times) in [("changed", 2.0), ("failed", 2.0), ("unchanged", 1.0)] {
        let counted = metrics.sum("pricetag_lookup_reloads_total", &[("outcome", outcome)]);
        assert!((counted - times).abs() < 0.5, "{outcome}: {counted}");
    }
    pricetag.stop().await;
}
