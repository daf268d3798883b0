use std::path::PathBuf;

use axum::Router;
use pricetag::exporter::grpc::{GrpcClient, GrpcSettings};
use pricetag::exporter::http::{HttpClient, HttpSettings};
use pricetag::exporter::{BuildError, Compression, TlsSettings};
use pricetag::otlp::Signal;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::{AMPLE, body, kind, upstream};

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

fn trusting() -> TlsSettings {
    TlsSettings { ca_file: Some(fixture("ca.pem")), ..TlsSettings::default() }
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
    let known = TlsSettings { identity, ..trusting() };
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
        let tls = TlsSettings { ca_file: Some(fixture(name)), ..TlsSettings::default() };
        let errors = [grpc(1, "localhost", tls.clone()).unwrap_err(), http(1, tls).unwrap_err()];
        for error in errors {
            assert!(error.to_string().contains(says) && error.to_string().contains(name), "{error}");
        }
    }
}
