//! Listeners: one loop accepts for all of them, and each connection has a task that does not wait for its peer for ever.
//!
//! [`Speaks`] says what is spoken; everything else that is asked of a connection is in its [`Door`].

mod connection;
mod pulse;

pub use connection::Host;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::Door;
use crate::access::arrivals::{Arrival, Arrivals};
use crate::access::handshakes::Handshakes;
use crate::config::Connections;

/// Larger frames and windows than HTTP/2's defaults for gRPC: a batch of spans has some hundred kilobytes.
const MAX_FRAME: u32 = 1 << 20;
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// Headers may have so many bytes, those of a token of some kilobytes included.
const MAX_HEADERS: u32 = 64 << 10;
/// Buffer for a connection by HTTP/1. Headers must fit into it.
const MAX_BUFFER: usize = MAX_HEADERS as usize;

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/2 alone.
    Grpc,
    /// HTTP/1 and HTTP/2, whichever comes.
    Http,
}

impl Speaks {
    fn builder(self, grants: &Connections) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // How long headers may take is looked after here, for this library's clock for that runs between requests as well.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_BUFFER);
        // What may be reset before it is looked at, or for mistakes, is limited by the library.
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEADERS)
            .max_concurrent_streams(grants.streams)
            .keep_alive_interval(grants.ping_after)
            .keep_alive_timeout(grants.ping_answer);
        match self {
            Speaks::Http => builder,
            Speaks::Grpc => {
                builder
                    .http2()
                    .max_frame_size(MAX_FRAME)
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW);
                builder.http2_only()
            }
        }
    }
}

/// Serves until `shutdown` completes; then nobody else gets in, and this returns when the requests under way are answered. A
/// request has its peer's address as [`axum::extract::ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    door: &Door,
    speaks: Speaks,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let arrivals = Arrivals::new(listener, Arc::clone(&door.places));
    let host = Host::new(speaks, door.connections.clone(), router);
    match &door.tls {
        None => Loop { host, incoming: arrivals }.run(shutdown).await,
        Some(tls) => {
            let incoming = Handshakes::new(arrivals, Arc::clone(tls));
            Loop { host, incoming }.run(shutdown).await;
        }
    }
}

/// Where connections come from.
trait Incoming {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&mut self) -> impl Future<Output = Arrival<Self::Stream>>;
}

impl Incoming for Arrivals {
    type Stream = tokio::net::TcpStream;

    fn next(&mut self) -> impl Future<Output = Arrival> {
        self.accept()
    }
}

impl Incoming for Handshakes {
    type Stream = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;

    fn next(&mut self) -> impl Future<Output = Arrival<Self::Stream>> {
        self.accept()
    }
}

struct Loop<I> {
    host: Host,
    incoming: I,
}

impl<I: Incoming> Loop<I> {
    async fn run(self, shutdown: impl Future<Output = ()>) {
        let Loop { host, mut incoming } = self;
        let host = Arc::new(host);
        let (ends, end) = watch::channel(false);
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Arrival { stream, peer, place } = incoming.next() => {
                    let (host, end) = (Arc::clone(&host), end.clone());
                    tokio::spawn(async move {
                        host.serve(stream, peer, end).await;
                        drop(place);
                    });
                }
            }
        }
        // Whoever comes now is told by the system that nobody listens.
        drop(incoming);
        drop(end);
        ends.send_replace(true);
        ends.closed().await;
    }
}
