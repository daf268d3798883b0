//! Exporters that are called otherwise after a restart.

use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::command::pricetag_with;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{Sink, Via, eventually};

fn call(number: u64) -> bytes::Bytes {
    request(vec![gpt_4o(number, 1000, 100)]).encode_to_vec().into()
}

/// Scenario: two requests wait for an exporter; the next process' config calls it otherwise, the third one's as the first.
/// Guarantees: what waits stays, and is delivered in the end; meanwhile log, metrics and `check` tell of it. `check` says before the restart
/// what would wait, and changes nothing.
#[tokio::test]
async fn what_waited_for_the_old_name_stays() {
    let state = tempfile::tempdir().unwrap();
    let home = state.path().to_str().unwrap();
    let start = async |name: &str, sink: &Sink| {
        let traces =
            format!("traces: {{receivers: [otlp], processors: [pricetag], exporters: [otlp/{name}]}}");
        let setup = Setup::bare(&[sink.otlp(name, "")]).pipeline(&traces);
        setup.environment("XDG_STATE_HOME", home).start().await
    };
    let check = |config: &std::path::Path| {
        let ended = pricetag_with(&["check", config.to_str().unwrap()], &[("XDG_STATE_HOME", home)], b"");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let waits = "2 request(s) wait for otlp/old, which this config does not have";

    let down = Sink::hanging().await;
    let first = start("old", &down).await;
    let config = state.path().join("renamed.yaml");
    let text = std::fs::read_to_string(first.folder().join("config.yaml")).unwrap();
    std::fs::write(&config, text.replace("otlp/old", "otlp/new")).unwrap();
    let untouched = check(&config);
    assert!(untouched.contains("pricetag/queue, where a pricetag runs\n"), "{untouched}");
    for number in [1, 2] {
        first.deliver(Via::Grpc, Signal::Traces, call(number)).await;
    }
    let told = check(&first.folder().join("config.yaml"));
    assert!(told.contains("pricetag/queue, where a pricetag runs, 2 requests for otlp/old\n"), "{told}");
    let told = check(&config);
    assert!(told.contains(waits), "{told}");
    drop(first);
    assert_eq!(check(&config), told.replace(", where a pricetag runs", ""), "and nothing has changed");

    let up = Sink::start().await;
    let second = start("new", &up).await;
    eventually("the log tells of it", async || second.log().contains(waits).then_some(())).await;
    second.deliver(Via::Grpc, Signal::Traces, call(3)).await;
    up.traces(1).await;
    let scrape = second.scrape().await;
    assert!(scrape.sum("otelcol_exporter_queue_size", &[("exporter", "otlp/old")]) > 0.0);
    drop(second);

    let third = start("old", &up).await;
    up.traces(3).await;
    assert!(!third.log().contains(waits), "{}", third.log());
}

/// Scenario: the queue's folder is a file; its files are a newer pricetag's.
/// Guarantees: `check` says so, and refuses only what `run` refuses whoever runs it.
#[test]
fn check_looks_at_the_queue() {
    let state = tempfile::tempdir().unwrap();
    let home = [("XDG_STATE_HOME", state.path().to_str().unwrap())];
    let check = || {
        pricetag_with(
            &[
                "check",
                "--set",
                "exporters.otlp.endpoint=localhost:1",
                "--set",
                "service.pipelines.traces.exporters=[otlp]",
            ],
            &home,
            b"",
        )
    };
    let ended = check();
    assert!(ended.code == Some(0) && ended.out.contains("  queue      "), "{ended:?}");
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0, "nothing is made");
    let folder = state.path().join("pricetag/queue");
    std::fs::create_dir(state.path().join("pricetag")).unwrap();
    std::fs::write(&folder, "").unwrap();
    let ended = check();
    assert!(ended.code == Some(0) && ended.out.contains("can not be written, by this user"), "{ended:?}");
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("cursors.json"), r#"{"version": 2}"#).unwrap();
    let ended = check();
    assert!(ended.code == Some(64) && ended.err.contains("cursors.json is of version 2"), "{ended:?}");
}
