//! Starting, or saying clearly why not.

use std::net::{SocketAddr, TcpListener};

use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::command::{pricetag, pricetag_with};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{Sink, Via};

const GRPC: &str = "receivers.otlp.protocols.grpc.endpoint";
const HTTP: &str = "receivers.otlp.protocols.http.endpoint";
const ADMIN: &str = "service.telemetry.metrics.address";

/// Scenario: flags and commands that there are not; files that can not be read.
/// Guarantees: exit not 0, and a message that names what is wrong.
#[test]
fn unknown_flags_and_unreadable_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (arguments, named) in [
        (&["run", "--confg", "x.yaml"][..], "--confg"),
        (&["--confg"], "--confg"),
        (&["rnu"], "rnu"),
        (&["demo", "--twice"], "--twice"),
        (&["run", "--config", "/no/such.yaml"], "/no/such.yaml"),
        (&["run", "--config", folder], folder),
        (&["check", "/no/such.yaml"], "/no/such.yaml"),
        (&["run", "--set", "no-value"], "--set"),
        (&["run", "--set", "exporters.debug.verbositty=basic"], "verbositty"),
    ] {
        let ended = pricetag(arguments);
        assert!(ended.code.is_some_and(|code| code != 0), "{arguments:?}");
        assert!(ended.err.contains(named) && ended.out.is_empty(), "{arguments:?}: {ended:?}");
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
}

/// Scenario: each of the three listeners' ports is taken.
/// Guarantees: exit not 0; the message names the key, the address and what to do; nothing is left listening.
#[test]
fn occupied_ports() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for taken in [GRPC, HTTP, ADMIN] {
        let sets: Vec<String> = [GRPC, HTTP, ADMIN]
            .iter()
            .map(|key| format!("--set={key}={}", if *key == taken { &address } else { "127.0.0.1:0" }))
            .collect();
        let arguments: Vec<&str> = ["run"].into_iter().chain(sets.iter().map(String::as_str)).collect();
        let ended = pricetag(&arguments);
        assert!(ended.code.is_some_and(|code| code != 0));
        for part in [taken, &address, "--set"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    }
}

/// Scenario: a config with a typo in a key, given to `run` and to `check`.
/// Guarantees: exit 64; file, line, key and remedy; nothing is started.
#[test]
fn a_typo_in_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("typo.yaml");
    let yaml = "receivers:\n  otlp:\n    protocols:\n      grpc:\nexporters:\n  otlp:\n    endpont: localhost:1\n\
                service:\n  pipelines:\n    traces: {receivers: [otlp], exporters: [otlp]}\n";
    std::fs::write(&file, yaml).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [["run", "--config", file], ["check", "--config", file]] {
        let ended = pricetag(&arguments);
        assert_eq!(ended.code, Some(64), "{ended:?}");
        for part in [&format!("{file}:7"), "endpont", "endpoint"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
        assert!(!ended.err.contains("listening"));
    }
}

/// Scenario: an exporter that sends to our own receiver, by gRPC and by HTTP, under several names.
/// Guarantees: `check` and `run` refuse it: no request may go round in circles.
#[test]
fn an_exporter_to_ourselves() {
    for (exporter, key) in [("otlp", GRPC), ("otlphttp", HTTP)] {
        for host in ["127.0.0.1", "localhost", "127.1.2.3"] {
            // Somebody may take the free port before pricetag does: then another one.
            let refused = (0..5).any(|_| {
                let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
                let other = if key == GRPC { HTTP } else { GRPC };
                let listens = SocketAddr::from(([0, 0, 0, 0], port));
                let sets = [
                    format!("{key}={listens}"),
                    format!("{other}=127.0.0.1:0"),
                    format!("{ADMIN}=127.0.0.1:0"),
                    format!("exporters.{exporter}.endpoint=http://{host}:{port}"),
                    format!("service.pipelines.traces.exporters=[{exporter}]"),
                ];
                let sets = sets.iter().flat_map(|set| ["--set", set.as_str()]);
                let checked = pricetag(&["check"].into_iter().chain(sets.clone()).collect::<Vec<_>>());
                assert_eq!(checked.code, Some(64), "{exporter} to {host}: {checked:?}");
                let ended = pricetag(&["run"].into_iter().chain(sets).collect::<Vec<_>>());
                assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
                let named = ended.err.contains(&format!("exporters.{exporter}"))
                    && ended.err.contains("own listener");
                assert!(named || ended.err.contains("can not listen"), "{}", ended.err);
                named
            });
            assert!(refused, "{exporter} to {host}");
        }
    }
}

/// Scenario: `check` on every example in config/ and on the default.
/// Guarantees: exit 0 and a summary of what it means; no secret in it.
#[test]
fn the_examples_pass_the_check() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let ended = pricetag_with(
                &["check", path.to_str().unwrap()],
                &[("HONEYCOMB_API_KEY", "canary-7f3a")],
                b"",
            );
            assert_eq!(ended.code, Some(0), "{path:?}: {}", ended.err);
            assert!(ended.out.starts_with("ok: ") && ended.out.contains("pipeline"), "{}", ended.out);
            assert!(!ended.out.contains("canary"));
            seen += 1;
        }
    }
    assert!(seen >= 4);
    assert_eq!(pricetag(&["check"]).code, Some(0));
}

/// Scenario: the environment is full of OpenTelemetry variables that mean something else.
/// Guarantees: they change nothing: spans and cost metrics go where the config says, as it says.
#[tokio::test]
async fn opentelemetry_variables_configure_nothing() {
    let (sink, decoy) = (Sink::start().await, Sink::start().await);
    let mut pricetag = Setup::new(&[sink.otlp("a", ""), sink.otlphttp("b", "")], "otlp/a, otlphttp/b")
        .environment("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", decoy.address))
        .environment("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nonsense")
        .environment("OTEL_EXPORTER_OTLP_HEADERS", "x-decoy=1")
        .environment("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")
        .environment("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
        .environment("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        .environment("OTEL_METRIC_EXPORT_INTERVAL", "1")
        .environment("OTEL_SDK_DISABLED", "true")
        .environment("OTEL_SERVICE_NAME", "decoy")
        .start()
        .await;
    pricetag
        .deliver(Via::Grpc, Signal::Traces, request(vec![gpt_4o(1, 1_000_000, 0)]).encode_to_vec().into())
        .await;
    sink.traces(2).await;
    pricetag.settled(1).await;
    pricetag.stop().await;
    assert_eq!(crate::metrics::final_cost(&sink), 2_500_000_000_000, "cumulative still");
    let seen = sink.seen();
    assert!(seen.len() <= 8, "an interval of a millisecond: {}", seen.len());
    assert!(seen.iter().all(|seen| !seen.headers.contains_key("x-decoy")));
    assert!(decoy.seen().is_empty());
    let resource = sink.cost_metrics()[0].resource_metrics[0].resource.clone().unwrap();
    assert!(!format!("{resource:?}").contains("decoy"));
}
