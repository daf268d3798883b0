//! Why a request is not taken. Each protocol has its own words for it (OTLP specification, "OTLP/gRPC
//! Response" and "OTLP/HTTP Response").

use std::fmt;
use std::time::Duration;

use ::http::StatusCode;
use tonic::Code;
use tracing::warn;

use crate::access::login::Denied;
use crate::memory::Short;
use crate::otlp::Signal;
use crate::otlp::json::JsonError;
use crate::otlp::wire::Malformed;
use crate::queue::Full;
use crate::text::printable;

/// How long a sender is asked to wait when there is no room.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not the protobuf that it should be. Permanent.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// Not the JSON that it should be. Permanent.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// The compression is broken. Permanent.
    #[error("the body can not be decompressed: {0}")]
    Compression(String),
    /// A compression that we do not read. Permanent.
    #[error("content encoding {0:?} is not supported; send gzip, zstd or none")]
    Encoding(String),
    /// Too large. Permanent: it will not get smaller.
    #[error(
        "the request is larger than the limit of {limit} bytes after decompression; send smaller batches"
    )]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not one message with gRPC's prefix before it. Permanent.
    #[error("not a message of gRPC: {0}")]
    Frame(&'static str),
    /// The body comes so slowly that nobody waits for it. On a better line it may come.
    #[error("the body came too slowly: 16 KiB of it, or its end, must come in 30 s")]
    Slow,
    /// The sender went away within the body.
    #[error("the body could not be read: {0}")]
    Broken(String),
    /// No pipeline takes this signal.
    #[error("no pipeline takes {0}; configure service.pipelines.{0}")]
    NoPipeline(Signal),
    /// No room at the moment. The sender keeps the request and comes again.
    #[error("{0}; try again later")]
    Full(#[from] Full),
    /// No memory at the moment. The sender keeps the request and comes again.
    #[error("{0}; try again later")]
    Memory(#[from] Short),
    /// Nobody knows who sends.
    #[error("{0}")]
    Denied(#[from] Denied),
    /// A mistake of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Says in the log why a request is refused: whoever sends to the wrong port or in the wrong encoding looks here first.
pub(super) fn note(transport: &str, what: Signal, why: impl fmt::Display) {
    warn!("OTLP/{transport}: refused a request of {what}: {}", printable(&why.to_string()));
}

impl Refusal {
    /// Whether the same request may be sent again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Refusal::Full(_) | Refusal::Memory(_) | Refusal::Denied(Denied::Busy))
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        match self {
            Refusal::Malformed(_)
            | Refusal::Json(_)
            | Refusal::Compression(_)
            | Refusal::Frame(_)
            | Refusal::Broken(_) => Code::InvalidArgument,
            Refusal::Slow => Code::DeadlineExceeded,
            Refusal::TooLarge { .. } => Code::ResourceExhausted,
            Refusal::NoPipeline(_) | Refusal::Encoding(_) => Code::Unimplemented,
            Refusal::Full(_) | Refusal::Memory(_) | Refusal::Denied(Denied::Busy) => Code::Unavailable,
            Refusal::Denied(_) => Code::Unauthenticated,
            Refusal::Internal(_) => Code::Internal,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::Malformed(_)
            | Refusal::Json(_)
            | Refusal::Compression(_)
            | Refusal::Frame(_)
            | Refusal::Broken(_) => StatusCode::BAD_REQUEST,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::NoPipeline(_) => StatusCode::NOT_FOUND,
            Refusal::Full(_) | Refusal::Memory(_) | Refusal::Denied(Denied::Busy) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Refusal::Denied(_) => StatusCode::UNAUTHORIZED,
            Refusal::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
