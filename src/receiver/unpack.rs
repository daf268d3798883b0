//! Bodies, decompressed.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::HeaderValue;

use super::{Refusal, offload};
use crate::memory::Held;
use crate::text::printable;

/// Compressed bodies larger than this are decompressed off the async threads.
const BLOCKING_BYTES: usize = 16 << 10;

/// What is decompressed without knowing how much it will be. Of a larger body that is found out first, so that room is made once, and
/// a bomb has none.
const UNSEEN: usize = 8 << 20;

/// The window that a zstd frame may ask for, as a power of two: no more than the largest body may have, and no less than what every
/// decoder of HTTP takes (8 MiB, RFC 9659).
const WINDOWS: (u32, u32) = (23, 27);

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// What a header says, of HTTP or of gRPC; `None` is that nothing is compressed.
    pub(super) fn of(header: Option<&HeaderValue>) -> Result<Option<Self>, Refusal> {
        match header.map(HeaderValue::as_bytes) {
            None | Some(b"" | b"identity") => Ok(None),
            Some(b"gzip") => Ok(Some(Packing::Gzip)),
            Some(b"zstd") => Ok(Some(Packing::Zstd)),
            Some(other) => Err(Refusal::Encoding(printable(&String::from_utf8_lossy(other)))),
        }
    }

    /// A body as it was before compression, which must not be larger than `limit`.
    pub(super) async fn unpack(
        self,
        body: Bytes,
        limit: usize,
        mut held: Held,
    ) -> Result<(Bytes, Held), Refusal> {
        let large = body.len() > BLOCKING_BYTES;
        let work = move || Ok((self.unpack_now(&body, limit, &mut held)?, held));
        if large { offload(work).await } else { work() }
    }

    fn unpack_now(self, body: &[u8], limit: usize, held: &mut Held) -> Result<Bytes, Refusal> {
        let broken = |error: io::Error| Refusal::Compression(error.to_string());
        // One byte more than may be tells that it is too much.
        let most = limit.saturating_add(1);
        let mut decoder = self.decoder(body, limit).map_err(broken)?;
        let mut out = Vec::new();
        let mut step = body.len().saturating_mul(4).max(4 << 10);
        loop {
            let room = step.min(UNSEEN.min(most) - out.len());
            held.more(room)?;
            out.reserve_exact(room);
            if decoder.by_ref().take(room as u64).read_to_end(&mut out).map_err(broken)? < room {
                return Ok(Bytes::from(out));
            }
            if out.len() >= most {
                return Err(Refusal::TooLarge { limit });
            }
            if out.len() >= UNSEEN {
                break;
            }
            step = out.len();
        }
        let seen = out.len();
        drop(out);
        let rest = io::copy(&mut decoder.take((most - seen) as u64), &mut io::sink()).map_err(broken)?;
        let size = seen + rest as usize;
        if size >= most {
            return Err(Refusal::TooLarge { limit });
        }
        held.more(size)?;
        let mut out = Vec::with_capacity(size);
        let again = self.decoder(body, limit).map_err(broken)?;
        again.take(size as u64).read_to_end(&mut out).map_err(broken)?;
        Ok(Bytes::from(out))
    }

    fn decoder(self, body: &[u8], limit: usize) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Packing::Gzip => Ok(Box::new(MultiGzDecoder::new(body))),
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(body)?;
                let (least, most) = WINDOWS;
                let window = limit.checked_next_power_of_two().map_or(most, usize::trailing_zeros);
                decoder.window_log_max(window.clamp(least, most))?;
                Ok(Box::new(decoder))
            }
        }
    }
}
