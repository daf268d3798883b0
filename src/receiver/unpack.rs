//! Bodies of OTLP/HTTP, decompressed; gRPC's messages are tonic's.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};

use super::{Refusal, offload};

/// Compressed bodies larger than this are decompressed off the async threads.
const BLOCKING_BYTES: usize = 16 << 10;

/// The window that a zstd frame may ask for, as a power of two: no more than the largest body may have, and no less than what every
/// decoder of HTTP takes (8 MiB, RFC 9659).
const WINDOWS: (u32, u32) = (23, 27);

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

/// A body as it was before compression, which must not be larger than `limit`.
pub(super) async fn unpack(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    let packing = match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => return Ok(body),
        Some(b"gzip") => Packing::Gzip,
        Some(b"zstd") => Packing::Zstd,
        Some(other) => return Err(Refusal::Encoding(String::from_utf8_lossy(other).into_owned())),
    };
    if body.len() > BLOCKING_BYTES {
        return offload(move || packing.unpack(&body, limit)).await;
    }
    packing.unpack(&body, limit)
}

impl Packing {
    fn unpack(self, body: &[u8], limit: usize) -> Result<Bytes, Refusal> {
        let read = match self {
            Packing::Gzip => read(MultiGzDecoder::new(body), body.len(), limit),
            Packing::Zstd => zstd(body, limit),
        };
        match read {
            Ok(out) if out.len() > limit => Err(Refusal::TooLarge { limit }),
            Ok(out) => Ok(Bytes::from(out)),
            Err(error) => Err(Refusal::Compression(error.to_string())),
        }
    }
}

fn zstd(body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(body)?;
    let (least, most) = WINDOWS;
    let window = limit.checked_next_power_of_two().map_or(most, usize::trailing_zeros);
    decoder.window_log_max(window.clamp(least, most))?;
    read(decoder, body.len(), limit)
}

/// What a decoder of `packed` bytes gives, up to one byte more than the limit.
fn read(decoder: impl Read, packed: usize, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(packed.saturating_mul(4).min(limit));
    decoder.take(limit as u64 + 1).read_to_end(&mut out)?;
    Ok(out)
}
