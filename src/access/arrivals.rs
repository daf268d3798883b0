//! TCP connections as they come in, each with its place.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};
use tracing::warn;

use super::places::{Place, Places};

/// How many are looked at before others get their turn.
const A_FEW: usize = 32;
/// How long nothing is accepted after the system had no room for one more connection.
const PAUSE: Duration = Duration::from_secs(1);

/// A listener that has only so many connections.
#[derive(Debug)]
pub struct Arrivals {
    listener: TcpListener,
    places: Arc<Places>,
    paused: Option<Pin<Box<Sleep>>>,
}

/// A connection that has come.
#[derive(Debug)]
pub struct Arrival<S = TcpStream> {
    /// It.
    pub stream: S,
    /// Whose it is.
    pub peer: SocketAddr,
    /// Its place among the listener's.
    pub place: Place,
}

impl Arrivals {
    /// Takes connections of `listener`.
    pub fn new(listener: TcpListener, places: Arc<Places>) -> Self {
        Arrivals { listener, places, paused: None }
    }

    /// The next one.
    pub async fn accept(&mut self) -> Arrival {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// What the listener is called.
    pub(super) fn name(&self) -> &'static str {
        self.places.name()
    }

    /// The next one, if there is one. Nothing that can go wrong here is for good.
    pub(super) fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        for _ in 0..A_FEW {
            if let Some(pause) = &mut self.paused {
                if pause.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.paused = None;
            }
            match self.listener.poll_accept(context) {
                Poll::Ready(Ok((stream, peer))) => {
                    if let Some(place) = self.places.take(peer) {
                        // Without it an answer may wait 40 ms for an acknowledgement; nothing else depends on it.
                        let _ = stream.set_nodelay(true);
                        return Poll::Ready(Arrival { stream, peer, place });
                    }
                }
                // The peer went away before it was accepted.
                Poll::Ready(Err(error)) if is_of_the_peer(&error) => {}
                Poll::Ready(Err(error)) => {
                    warn!("{}: no connection is accepted for {PAUSE:?}: {error}", self.name());
                    self.paused = Some(Box::pin(sleep(PAUSE)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
