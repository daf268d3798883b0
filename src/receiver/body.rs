//! Bodies as they come in, piece by piece: no larger than they may be, no slower, and never more than there is memory for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use super::Refusal;
use crate::memory::Held;

/// Each piece of so many bytes must come within the time: some hundred bytes a second, which any line has.
const PIECE: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(30);
/// Room that is made on a sender's word alone. Who has sent more gets four times as much, up to what he announced.
const ON_TRUST: usize = 1 << 20;
/// How long what is refused is read on, so that its sender sees the answer.
const DISCARDING: Duration = Duration::from_secs(10);

/// What a sender says of the size of a body, in bytes.
pub(super) trait Announced {
    /// How large the whole body will be, if he has said it within these first bytes.
    ///
    /// # Errors
    /// It may not be that large, or is no body at all.
    fn size(&self, begin: &[u8]) -> Result<Option<usize>, Refusal>;

    /// What a body is refused with that has more bytes than `most`, or than announced.
    fn too_much(&self) -> Refusal;
}

/// Reads a body to its end, of `most` bytes at most.
///
/// # Errors
/// It is too large, too slow, breaks off, or there is no room for it.
pub(super) async fn read<B>(
    body: &mut B,
    announced: &impl Announced,
    most: usize,
    held: &mut Held,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // Most bodies are one piece, which need not be copied.
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    let mut size = announced.size(&[])?;
    let (mut due, mut piece) = (Instant::now() + PATIENCE, 0);
    loop {
        let frame = match timeout_at(due, body.frame()).await {
            Err(_) => return Err(Refusal::Slow),
            Ok(None) => break,
            Ok(Some(frame)) => frame.map_err(|error| Refusal::Broken(error.to_string()))?,
        };
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if data.is_empty() {
            continue;
        }
        held.more(data.len())?;
        piece += data.len();
        let length = first.len() + all.len() + data.len();
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.capacity() < length {
                let on_trust = length.saturating_mul(4).max(ON_TRUST);
                all.reserve(size.unwrap_or(length).clamp(length, on_trust) - all.len());
            }
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
        if size.is_none() {
            size = announced.size(if all.is_empty() { &first } else { &all })?;
        }
        if length > size.unwrap_or(most).min(most) {
            return Err(announced.too_much());
        }
        if piece >= PIECE {
            (due, piece) = (Instant::now() + PATIENCE, 0);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads on what nobody wants any more, for a while and up to `most` bytes: by HTTP/1 a sender that is cut off while he sends does not
/// see what he is answered.
pub(super) async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B, most: usize) {
    let (due, mut left) = (Instant::now() + DISCARDING, most);
    while let Ok(Some(Ok(frame))) = timeout_at(due, body.frame()).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use hyper::body::Frame;
    use tokio::time::{Sleep, sleep};

    use super::*;
    use crate::config::{MemoryLimit, Share};
    use crate::memory::Memory;

    /// Pieces, each so long after the one before.
    struct Pieces(VecDeque<Bytes>, Duration, Pin<Box<Sleep>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.2.as_mut().poll(context));
            self.2 = Box::pin(sleep(self.1));
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// Announces a size, or nothing.
    struct Size(Option<usize>);

    impl Announced for Size {
        fn size(&self, _: &[u8]) -> Result<Option<usize>, Refusal> {
            Ok(self.0)
        }

        fn too_much(&self) -> Refusal {
            Refusal::TooLarge { limit: 0 }
        }
    }

    async fn read_all(
        pieces: &[&[u8]],
        pause: Duration,
        size: Option<usize>,
        most: usize,
    ) -> Result<Bytes, Refusal> {
        let memory =
            Arc::new(Memory::new(&MemoryLimit { limit: Share::Bytes(1 << 40), ..MemoryLimit::default() }));
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
        let mut body = Pieces(pieces, pause, Box::pin(sleep(pause)));
        read(&mut body, &Size(size), most, &mut memory.admit().unwrap()).await
    }

    /// Guarantees: pieces become one body, whatever was announced; one byte more than may be is too much.
    #[tokio::test(start_paused = true)]
    async fn pieces_make_a_body() {
        let large = vec![7; 3 << 20];
        let pieces = [b"abc", &large[..1 << 20], b"", &large[..1], &large[..]];
        let whole = pieces.concat();
        for size in [None, Some(whole.len()), Some(usize::MAX)] {
            let read = read_all(&pieces, Duration::ZERO, size, whole.len()).await.unwrap();
            assert!(read == whole, "{size:?}");
        }
        assert!(read_all(&[], Duration::ZERO, None, 0).await.unwrap().is_empty());
        for (size, most) in [(None, whole.len() - 1), (Some(whole.len() - 1), whole.len())] {
            let read = read_all(&pieces, Duration::ZERO, size, most).await;
            assert!(matches!(read, Err(Refusal::TooLarge { .. })), "{read:?}");
        }
    }

    /// Scenario: a body that comes a byte in ten seconds; one of which a piece comes in each half minute.
    /// Guarantees: the one is given up after half a minute, the other is read to its end.
    #[tokio::test(start_paused = true)]
    async fn who_drips_is_given_up() {
        let begun = Instant::now();
        let read = read_all(&[&b"a"[..]; 100], Duration::from_secs(10), Some(100), 100).await;
        assert!(matches!(read, Err(Refusal::Slow)), "{read:?}");
        assert_eq!(begun.elapsed(), PATIENCE);
        let piece = [0; PIECE];
        let read = read_all(&[&piece[..]; 10], PATIENCE - Duration::from_secs(1), None, 10 * PIECE).await;
        assert_eq!(read.unwrap().len(), 10 * PIECE);
    }
}
