//! Compression of bodies on their way out.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bodies above this many bytes are compressed on the blocking pool: 64 KiB take about a millisecond,
/// the longest that one request may hold up the others of its thread.
const INLINE_LIMIT: usize = 64 * 1024;

/// `head`, then `body` compressed.
///
/// # Errors
/// Only when the runtime shuts down and takes no more blocking work.
pub(super) async fn gzip(head: &'static [u8], body: Bytes) -> io::Result<Vec<u8>> {
    if body.len() <= INLINE_LIMIT {
        return compress(head, &body);
    }
    tokio::task::spawn_blocking(move || compress(head, &body)).await.map_err(io::Error::other)?
}

fn compress(head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
    // Telemetry compresses five to ten times; a quarter seldom has to grow.
    let mut out = Vec::with_capacity(head.len() + body.len() / 4 + 64);
    out.extend_from_slice(head);
    let mut encoder = GzEncoder::new(out, Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}
