//! `receivers:` as written.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::MapAccess;

use super::{Auth, Component, ServerTls, present};
use crate::config::values::GoDuration;

/// A receiver.
#[derive(Debug)]
pub(in crate::config) enum Receiver {
    Otlp(Otlp),
}

impl Component for Receiver {
    const KIND: &'static str = "receiver";
    const TYPES: &'static [&'static str] = &["otlp"];

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value().map(Receiver::Otlp)
    }

    fn schema(_: &str, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Otlp>()
    }
}

/// Takes OTLP from applications and collectors.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "OtlpReceiver")]
pub(in crate::config) struct Otlp {
    /// The protocols to listen for; at least one.
    pub(in crate::config) protocols: Protocols,
}

/// The protocols of the OTLP receiver. One that is not named is not listened for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Protocols {
    /// OTLP/gRPC. A bare `grpc:` has the defaults.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) grpc: Option<Grpc>,
    /// OTLP/HTTP, with protobuf or JSON bodies. A bare `http:` has the defaults.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) http: Option<Http>,
}

/// An OTLP/gRPC listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "GrpcReceiver")]
pub(in crate::config) struct Grpc {
    /// The address to listen on, `host:port`; `:4317` is every interface. Default: 127.0.0.1:4317.
    pub(in crate::config) endpoint: Option<String>,
    /// The largest request after decompression, in MiB. Default: 64 (the Collector's is 4).
    pub(in crate::config) max_recv_msg_size_mib: Option<u32>,
    /// Connections at once; one more is closed when it comes. Default: 4096.
    pub(in crate::config) max_connections: Option<u32>,
    /// Requests at once on one connection. Default: 256 (the Collector has no limit).
    pub(in crate::config) max_concurrent_streams: Option<u32>,
    /// How long connections are kept.
    pub(in crate::config) keepalive: Keepalive,
    /// Encrypts; a listener without it takes plaintext. Default: none.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) tls: Option<ServerTls>,
    /// Asks who sends. Default: everybody may.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) auth: Option<Auth>,
}

/// How long connections of gRPC are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Keepalive {
    /// What the server does about it.
    pub(in crate::config) server_parameters: ServerParameters,
}

/// What the server does about connections that are kept.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct ServerParameters {
    /// How long a connection may be without a request. Default: 3m (the Collector waits for ever).
    pub(in crate::config) max_connection_idle: Option<GoDuration>,
    /// When a connection is told to end, a tenth sooner or later, so that load is spread anew. Default: never.
    pub(in crate::config) max_connection_age: Option<GoDuration>,
    /// How long its requests may go on after that. Default: until they are done.
    pub(in crate::config) max_connection_age_grace: Option<GoDuration>,
    /// How long nothing is heard of a peer before he is asked whether he is still there. Default: 10s (the Collector's is 2h).
    pub(in crate::config) time: Option<GoDuration>,
    /// How long he has to answer that. Default: 15s (the Collector's is 20s).
    pub(in crate::config) timeout: Option<GoDuration>,
}

/// An OTLP/HTTP listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "HttpReceiver")]
pub(in crate::config) struct Http {
    /// The address to listen on, `host:port`; `:4318` is every interface. Default: 127.0.0.1:4318.
    pub(in crate::config) endpoint: Option<String>,
    /// The largest body after decompression, in bytes. Default: 67108864, 64 MiB (the Collector's is 20 MiB).
    pub(in crate::config) max_request_body_size: Option<u64>,
    /// Connections at once; one more is closed when it comes. Default: 4096.
    pub(in crate::config) max_connections: Option<u32>,
    /// How long the headers of a request may take, and the first of them from the beginning of the connection. Default: 10s
    /// (the Collector's is 1m).
    pub(in crate::config) read_header_timeout: Option<GoDuration>,
    /// How long a connection may be without a request. Default: 3m (the Collector's is 1m).
    pub(in crate::config) idle_timeout: Option<GoDuration>,
    /// Encrypts; a listener without it takes plaintext. Default: none.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) tls: Option<ServerTls>,
    /// Asks who sends. Default: everybody may.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) auth: Option<Auth>,
}
