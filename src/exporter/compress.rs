//! Compression of bodies on their way out.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::HeaderValue;

use super::Compression;

/// Bodies above this many bytes are compressed on the blocking pool: 64 KiB take about a millisecond with gzip,
/// the longest that one request may hold up the others of its thread.
const INLINE_LIMIT: usize = 64 * 1024;

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The way that is configured, if there is one.
    pub(super) fn of(compression: Compression) -> Option<Self> {
        match compression {
            Compression::None => None,
            Compression::Gzip => Some(Packing::Gzip),
            Compression::Zstd => Some(Packing::Zstd),
        }
    }

    /// What HTTP and gRPC call it.
    pub(super) const fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        })
    }

    /// `head`, then `body` compressed.
    ///
    /// # Errors
    /// Only when the runtime shuts down and takes no more blocking work.
    pub(super) async fn pack(self, head: &'static [u8], body: Bytes) -> io::Result<Vec<u8>> {
        if body.len() <= INLINE_LIMIT {
            return self.pack_now(head, &body);
        }
        tokio::task::spawn_blocking(move || self.pack_now(head, &body)).await.map_err(io::Error::other)?
    }

    fn pack_now(self, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
        // Telemetry compresses five to ten times; a quarter seldom has to grow.
        let mut out = Vec::with_capacity(head.len() + body.len() / 4 + 64);
        out.extend_from_slice(head);
        match self {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(out, Level::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Packing::Zstd => {
                let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                // Who unpacks it need not guess how much room it takes.
                encoder.set_pledged_src_size(Some(body.len() as u64))?;
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}
