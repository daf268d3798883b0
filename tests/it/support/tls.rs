//! Certificates of tests, and clients that use them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use pricetag::exporter::codec::BytesCodec;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request};

use super::client::TRACES;

/// A file of `tests/fixtures/tls`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// Whom a client trusts, and what it shows of itself: names of files of the fixtures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust {
    pub(crate) ca: &'static str,
    pub(crate) identity: Option<(&'static str, &'static str)>,
}

/// The usual one.
pub(crate) const TRUSTING: Trust = Trust { ca: "ca.pem", identity: None };

/// A gRPC connection by TLS; the reason where there is none.
pub(crate) async fn channel(address: SocketAddr, trust: Trust) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(trust.ca)));
    tls = tls.domain_name("localhost");
    if let Some((certificate, key)) = trust.identity {
        tls = tls.identity(Identity::from_pem(read(certificate), read(key)));
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    endpoint.tls_config(tls).unwrap().connect_timeout(Duration::from_secs(20)).connect().await
}

/// Sends spans on a connection; the code where they are not taken.
pub(crate) async fn export(channel: &Channel, body: Bytes, authorization: Option<&str>) -> Result<(), Code> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|_| Code::Unavailable)?;
    let mut request = Request::new(body);
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
    let answer: Result<tonic::Response<Bytes>, _> =
        client.unary(request, PathAndQuery::from_static(TRACES), BytesCodec).await;
    answer.map(|_| ()).map_err(|status| status.code())
}

/// The beginnings of an HTTP client that takes `address` for localhost.
pub(crate) fn client(address: SocketAddr, trust: Trust) -> reqwest::ClientBuilder {
    let roots = reqwest::Certificate::from_pem_bundle(&read(trust.ca)).unwrap();
    let mut builder =
        reqwest::Client::builder().no_proxy().tls_certs_only(roots).resolve("localhost", address);
    if let Some((certificate, key)) = trust.identity {
        let pem = [read(certificate), b"\n".to_vec(), read(key)].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).unwrap());
    }
    builder
}

/// Posts spans; the HTTP version and the status.
pub(crate) async fn post(
    client: &reqwest::Client,
    address: SocketAddr,
    body: Bytes,
) -> Result<(http::Version, u16), reqwest::Error> {
    let url = format!("https://localhost:{}/v1/traces", address.port());
    let request = client.post(url).header("content-type", "application/x-protobuf").body(body);
    request.send().await.map(|response| (response.version(), response.status().as_u16()))
}
