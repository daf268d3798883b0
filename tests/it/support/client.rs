//! OTLP clients: gRPC by tonic, HTTP by reqwest, and requests that no proper client sends.

use std::io::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::exporter::codec::BytesCodec;
use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Status};

use super::Pricetag;

/// The method that takes spans.
pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Grpc,
    GrpcGzip,
    GrpcZstd,
    Protobuf,
    ProtobufGzip,
    ProtobufZstd,
    Json,
    JsonGzip,
}

impl Via {
    pub(crate) const ALL: [Via; 8] = [
        Via::Grpc,
        Via::GrpcGzip,
        Via::GrpcZstd,
        Via::Protobuf,
        Via::ProtobufGzip,
        Via::ProtobufZstd,
        Via::Json,
        Via::JsonGzip,
    ];

    /// Whether the body is JSON.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Via::Json | Via::JsonGzip)
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `google.rpc.Status` in the body, checked against the content type: its code and message.
    pub(crate) fn error(&self) -> (i32, String) {
        match self.header("content-type") {
            "application/x-protobuf" => {
                let status = tonic_types::Status::decode(self.body.clone()).unwrap();
                (status.code, status.message)
            }
            "application/json" => {
                let status: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
                (status["code"].as_i64().unwrap() as i32, status["message"].as_str().unwrap().to_owned())
            }
            other => panic!("content type {other:?}: {:?}", self.body),
        }
    }
}

/// gzip, as a sender compresses.
pub(crate) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

/// zstd, as a sender compresses.
pub(crate) fn zstd(body: &[u8]) -> Bytes {
    zstd::encode_all(body, 3).unwrap().into()
}

/// A gRPC message with its prefix.
pub(crate) fn framed(compressed: bool, message: &[u8]) -> Bytes {
    let mut framed = vec![u8::from(compressed)];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

impl Pricetag {
    /// Sends by gRPC. Gives the bytes of the response.
    pub(crate) async fn send_grpc(&self, signal: Signal, body: Bytes, gzip: bool) -> Result<Bytes, Status> {
        self.send_packed(signal, body, gzip.then_some(CompressionEncoding::Gzip)).await
    }

    /// The same, compressed in any way.
    pub(crate) async fn send_packed(
        &self,
        signal: Signal,
        body: Bytes,
        packing: Option<CompressionEncoding>,
    ) -> Result<Bytes, Status> {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap();
        let mut client = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
        if let Some(packing) = packing {
            client = client.send_compressed(packing);
        }
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static(match signal {
            Signal::Traces => TRACES,
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        });
        client.unary(Request::new(body), path, BytesCodec).await.map(tonic::Response::into_inner)
    }

    /// Sends by HTTP POST to `/v1/{signal}`.
    pub(crate) async fn post(&self, signal: Signal, headers: &[(&str, &str)], body: Bytes) -> Reply {
        self.request(http::Method::POST, &format!("/v1/{signal}"), headers, body).await
    }

    /// Sends any HTTP request to the OTLP/HTTP port.
    pub(crate) async fn request(
        &self,
        method: http::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Reply {
        let mut request = self.client.request(method, format!("http://{}{path}", self.http)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.send().await.unwrap()).await
    }

    /// Sends any body to the gRPC port as an HTTP/2 request. Refusals stand in the headers of the answer.
    pub(crate) async fn raw_grpc(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
        let mut request = client.post(format!("http://{}{path}", self.grpc)).body(body);
        request = request.header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.send().await.unwrap()).await
    }

    /// Sends a request that must be taken. `body` is JSON for the ways that are.
    pub(crate) async fn deliver(&self, via: Via, signal: Signal, body: Bytes) {
        let content_type =
            ("content-type", if via.is_json() { "application/json" } else { "application/x-protobuf" });
        let encoding = ("content-encoding", if via == Via::ProtobufZstd { "zstd" } else { "gzip" });
        let reply = match via {
            Via::Grpc | Via::GrpcGzip | Via::GrpcZstd => {
                let packing = match via {
                    Via::Grpc => None,
                    Via::GrpcGzip => Some(CompressionEncoding::Gzip),
                    _ => Some(CompressionEncoding::Zstd),
                };
                let response = self.send_packed(signal, body, packing).await.unwrap();
                assert!(response.is_empty(), "`partial_success` must be unset: {response:?}");
                return;
            }
            Via::Protobuf | Via::Json => self.post(signal, &[content_type], body).await,
            Via::ProtobufGzip | Via::JsonGzip => {
                self.post(signal, &[content_type, encoding], gzip(&body)).await
            }
            Via::ProtobufZstd => self.post(signal, &[content_type, encoding], zstd(&body)).await,
        };
        assert_eq!((reply.status, reply.header("content-type")), (200, content_type.1), "{reply:?}");
        assert_eq!(reply.body, if via.is_json() { "{}" } else { "" });
    }

    /// Sends a trace request that must be taken.
    pub(crate) async fn deliver_spans(&self, request: &ExportTraceServiceRequest) {
        self.deliver(Via::Grpc, Signal::Traces, request.encode_to_vec().into()).await;
    }
}

/// A client that keeps its connection, and minds no failure.
pub(crate) enum Sender {
    Grpc(Box<tonic::client::Grpc<tonic::transport::Channel>>),
    Http(reqwest::Client, String),
}

impl Sender {
    pub(crate) async fn new(grpc: SocketAddr, http: SocketAddr, by_grpc: bool) -> Self {
        if !by_grpc {
            let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
            return Sender::Http(client, format!("http://{http}/v1/traces"));
        }
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap();
        Sender::Grpc(Box::new(tonic::client::Grpc::new(endpoint.connect().await.unwrap())))
    }

    /// Sends spans; says whether they were acknowledged.
    pub(crate) async fn send(&mut self, body: Bytes) -> bool {
        match self {
            Sender::Grpc(client) => {
                let path = PathAndQuery::from_static(TRACES);
                client.ready().await.is_ok()
                    && client.unary(Request::new(body), path, BytesCodec).await.is_ok()
            }
            Sender::Http(client, url) => {
                let request = client.post(&*url).header("content-type", "application/x-protobuf").body(body);
                request.send().await.is_ok_and(|response| response.status() == 200)
            }
        }
    }
}

async fn reply(response: reqwest::Response) -> Reply {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    // A refusal of an oversize request may cut the connection while it is being sent.
    Reply { status, headers, body: response.bytes().await.unwrap_or_default() }
}
