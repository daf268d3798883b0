//! `receivers:` as written.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::MapAccess;

use super::{Auth, Component, ServerTls, present};

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
    /// Encrypts; a listener without it takes plaintext. Default: none.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) tls: Option<ServerTls>,
    /// Asks who sends. Default: everybody may.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) auth: Option<Auth>,
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
    /// Encrypts; a listener without it takes plaintext. Default: none.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) tls: Option<ServerTls>,
    /// Asks who sends. Default: everybody may.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) auth: Option<Auth>,
}
