use std::path::PathBuf;

use axum::Router;
use pricetag::config::Tls;
use pricetag::exporter::grpc::{GrpcClient, GrpcSettings};
use pricetag::exporter::http::{HttpClient, HttpSettings};
use pricetag::exporter::{BuildError, Compression, TlsSettings};
use pricetag::otlp::Signal;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::{AMPLE, body, kind, upstream};
use crate::support::eventually;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};

/// The certificate names localhost and backend.test, and is good for a server and a client.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// A server over TLS that answers gRPC and HTTP alike; returns its port.
async fn serve(mutual: bool) -> u16 {
    let read = |name| std::fs::read(fixture(name)).unwrap();
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(read("server.pem"), read("server.key")));
    if mutual {
        tls = tls.client_ca_root(Certificate::from_pem(read("ca.pem")));
    }
    let app = Router::new().fallback(|| async {
        let mut response = upstream::grpc(&[], &[("grpc-status", "0".into())]);
        response.headers_mut().insert("x", "y".parse().unwrap());
        response
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder().tls_config(tls).unwrap().add_routes(app.into());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    port
}

fn grpc(port: u16, host: &str, tls: TlsSettings) -> Result<GrpcClient, BuildError> {
    GrpcClient::new(GrpcSettings {
        endpoint: format!("{host}:{port}").parse().unwrap(),
        tls: Some(tls),
        headers: Vec::new(),
        compression: Compression::Gzip,
        timeout: AMPLE,
    })
}

fn http(port: u16, tls: TlsSettings) -> Result<HttpClient, BuildError> {
    let endpoint = Some(format!("https://localhost:{port}").parse().unwrap());
    HttpClient::new(HttpSettings { endpoint, tls, timeout: AMPLE, ..HttpSettings::default() })
}

fn read(tls: Tls) -> Result<TlsSettings, BuildError> {
    TlsSettings::read(&tls)
}

fn trusting() -> TlsSettings {
    read(Tls { ca_file: Some(fixture("ca.pem")), ..Tls::default() }).unwrap()
}

/// Guarantees: both clients live in one process and trust a CA file, and nothing without it.
#[tokio::test]
async fn a_ca_file_is_trusted() {
    let port = serve(false).await;
    assert_eq!(
        kind(&grpc(port, "localhost", trusting()).unwrap().deliver(Signal::Traces, body(9)).await),
        "delivered"
    );
    assert_eq!(kind(&http(port, trusting()).unwrap().deliver(Signal::Traces, body(9)).await), "delivered");

    // Where a machine has no roots at all the clients say so when they are made.
    if let Ok(client) = grpc(port, "localhost", TlsSettings::default()) {
        assert_eq!(kind(&client.deliver(Signal::Traces, body(9)).await), "retry");
    }
    if let Ok(client) = http(port, TlsSettings::default()) {
        assert_eq!(kind(&client.deliver(Signal::Traces, body(9)).await), "retry");
    }
}

/// Guarantees: the name that is checked can be another than the endpoint's, for gRPC.
#[tokio::test]
async fn the_server_name_can_be_overridden() {
    let port = serve(false).await;
    let named = |name: &str| TlsSettings { server_name: Some(name.into()), ..trusting() };
    let by_address = |tls| grpc(port, "127.0.0.1", tls).unwrap();
    assert_eq!(kind(&by_address(trusting()).deliver(Signal::Traces, body(9)).await), "retry");
    assert_eq!(kind(&by_address(named("other.test")).deliver(Signal::Traces, body(9)).await), "retry");
    assert_eq!(kind(&by_address(named("backend.test")).deliver(Signal::Traces, body(9)).await), "delivered");
    assert!(matches!(http(port, named("backend.test")), Err(BuildError::ServerName)));
}

/// Guarantees: a server that asks who we are is told.
#[tokio::test]
async fn mutual_tls() {
    let port = serve(true).await;
    let identity = Some((fixture("server.pem"), fixture("server.key")));
    let known = read(Tls { ca_file: Some(fixture("ca.pem")), identity, ..Tls::default() }).unwrap();
    for (tls, expected) in [(known, "delivered"), (trusting(), "retry")] {
        let outcome = grpc(port, "localhost", tls.clone()).unwrap().deliver(Signal::Traces, body(9)).await;
        assert_eq!(kind(&outcome), expected, "{outcome:?}");
        let outcome = http(port, tls).unwrap().deliver(Signal::Traces, body(9)).await;
        assert_eq!(kind(&outcome), expected, "{outcome:?}");
    }
}

/// Guarantees: files that are missing or hold something else are errors at the start that name them.
#[tokio::test]
async fn files_that_cannot_be_used() {
    for (name, says) in [("nothing.pem", "cannot read"), ("server.key", "no usable PEM certificate")] {
        let error = read(Tls { ca_file: Some(fixture(name)), ..Tls::default() }).unwrap_err();
        assert!(error.to_string().contains(says) && error.to_string().contains(name), "{error}");
    }
}

/// Scenario: a backend that asks for certificates; those of the exporters, by gRPC and by HTTP, are none of its own's, then broken, and then
/// the right ones.
/// Guarantees: what was accepted is delivered as soon as the right ones are there, without a restart; broken ones are said with file and
/// remedy; no key is in the log.
#[tokio::test]
async fn certificates_are_read_again() {
    let port = serve(true).await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let put = |name: &str, private: &str| {
        std::fs::copy(fixture(name), &certificate).unwrap();
        std::fs::copy(fixture(private), &key).unwrap();
    };
    put("other.pem", "other.key");
    let tls = format!(
        "tls: {{ca_file: '{}', cert_file: '{}', key_file: '{}', reload_interval: 1s}}",
        fixture("ca.pem").display(),
        certificate.display(),
        key.display()
    );
    let retry = "retry_on_failure: {initial_interval: 20ms, max_interval: 50ms}";
    let exporters = ["otlp/a", "otlphttp/b"]
        .map(|id| format!("{id}: {{endpoint: \"https://localhost:{port}\", {tls}, {retry}}}"));
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1_000_000, 0)])).await;
    let says = async |what: &str| {
        eventually(what, async || (pricetag.log().matches(what).count() >= 2).then_some(())).await;
    };
    says("cannot deliver").await;
    std::fs::write(&key, "garbage").unwrap();
    says("tls.key holds no usable PEM private key").await;
    let sent = async |id| pricetag.scrape().await.sum("otelcol_exporter_sent_spans", &[("exporter", id)]);
    assert_eq!((sent("otlp/a").await, sent("otlphttp/b").await), (0.0, 0.0));
    put("server.pem", "server.key");
    for id in ["otlp/a", "otlphttp/b"] {
        eventually(id, async || (sent(id).await == 1.0).then_some(())).await;
    }
    let log = pricetag.log();
    assert!(log.contains("certificates reloaded: exporters.otlp/a connects with them now"), "{log}");
    let private = std::fs::read_to_string(fixture("other.key")).unwrap();
    assert!(!log.contains(private.lines().nth(1).unwrap()));
}
