//! What is known of a connection from outside: what has been heard, and whether somebody is at work for it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::config::Connections;

/// What a peer that speaks HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The signs of life of one connection.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    spoken: Spoken,
    /// Requests that somebody is at work for.
    busy: usize,
    /// Whether there has been one.
    has_asked: bool,
    /// When the last of them was answered; before there was one, when the connection came.
    quiet_since: Instant,
    /// When the first byte came after that.
    heard: Option<Instant>,
}

/// What the peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    /// So many bytes of the preface of HTTP/2.
    Preface(usize),
    Http1,
    Http2,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let quiet_since = Instant::now();
        let state = State { spoken: Spoken::Preface(0), busy: 0, has_asked: false, quiet_since, heard: None };
        Pulse(Mutex::new(state))
    }

    /// A request has come; it is under way until what this gives is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        state.busy += 1;
        state.has_asked = true;
        Busy(Arc::clone(self))
    }

    /// Whether a request has come.
    pub(super) fn has_asked(&self) -> bool {
        self.state().has_asked
    }

    /// Until when the peer must have done something; `None` as long as it is our turn.
    pub(super) fn due(&self, grants: &Connections) -> Option<Instant> {
        let state = self.state();
        if state.busy > 0 {
            return None;
        }
        Some(match (state.spoken, state.heard) {
            // Within frames nothing is to be seen from here: who stops there does not answer a ping.
            (Spoken::Http2, _) => state.quiet_since + grants.idle,
            _ if !state.has_asked => state.quiet_since + grants.headers,
            (_, Some(begun)) => begun + grants.headers,
            (_, None) => state.quiet_since + grants.idle,
        })
    }

    fn hear(&self, bytes: &[u8]) {
        let mut state = self.state();
        if let Spoken::Preface(seen) = state.spoken {
            let now = bytes.len().min(PREFACE.len() - seen);
            state.spoken = if bytes[..now] != PREFACE[seen..seen + now] {
                Spoken::Http1
            } else if seen + now == PREFACE.len() {
                Spoken::Http2
            } else {
                Spoken::Preface(seen + now)
            };
        }
        if state.busy == 0 && state.heard.is_none() {
            state.heard = Some(Instant::now());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request is under way.
#[derive(Debug)]
#[must_use]
pub(super) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy -= 1;
        if state.busy == 0 {
            state.quiet_since = Instant::now();
            state.heard = None;
        }
    }
}

/// A stream whose reads are noticed.
#[derive(Debug)]
pub(super) struct Heard<S> {
    pub(super) stream: S,
    pub(super) pulse: Arc<Pulse>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buf);
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            self.pulse.hear(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const GRANTS: Connections = Connections::OF_RECEIVERS;

    /// How long the peer still has.
    fn left(pulse: &Pulse) -> Option<Duration> {
        pulse.due(&GRANTS).map(|due| due.duration_since(Instant::now()))
    }

    /// Scenario: peers that say nothing, begin a request by either protocol, have one answered, and begin another one.
    /// Guarantees: headers have their time, from the first byte or the beginning; between requests it is longer; no
    /// time runs while a request is under way.
    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_time() {
        let second = async || tokio::time::sleep(Duration::from_secs(1)).await;
        for begins in [&b"POST /v1/traces HTTP/1.1\r\n"[..], PREFACE] {
            let pulse = Arc::new(Pulse::new());
            second().await;
            assert_eq!(left(&pulse), Some(GRANTS.headers - Duration::from_secs(1)));
            for byte in &begins[..3] {
                pulse.hear(&[*byte]);
            }
            assert_eq!(left(&pulse), Some(GRANTS.headers - Duration::from_secs(1)));
            pulse.hear(&begins[3..]);
            let (one, other) = (pulse.begin(), pulse.begin());
            drop(one);
            assert_eq!(left(&pulse), None);
            drop(other);
            assert_eq!(left(&pulse), Some(GRANTS.idle));
            second().await;
            assert_eq!(left(&pulse), Some(GRANTS.idle - Duration::from_secs(1)));
            pulse.hear(b"P");
            second().await;
            pulse.hear(b"O");
            let expected = if begins == PREFACE {
                GRANTS.idle - Duration::from_secs(2)
            } else {
                GRANTS.headers - Duration::from_secs(1)
            };
            assert_eq!(left(&pulse), Some(expected));
        }
        // Whose preface is complete may wait with his first request.
        let pulse = Pulse::new();
        pulse.hear(&[PREFACE, b"more"].concat());
        assert_eq!(left(&pulse), Some(GRANTS.idle));
    }
}
