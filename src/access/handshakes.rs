//! Connections by TLS: handshakes go on beside each other, and who never finishes his holds up nobody.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tracing::warn;

use super::seldom::Seldom;
use super::tls::InForce;
use crate::text::printable;

/// How long a handshake may take: it is two round trips, of which a slow line makes a second.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 120 } else { 10 });
/// How many there may be at once. When there is one more, the oldest of them is given up: whoever holds many open loses them first.
const MAX_HANDSHAKES: usize = if cfg!(test) { 8 } else { 512 };
/// How many are begun before it is looked which are done.
const A_FEW: usize = 32;
/// How long nothing is accepted after the system had no room for one more connection.
const PAUSE: Duration = Duration::from_secs(1);

type Done = Result<TlsStream<TcpStream>, String>;

/// A listener whose connections have their handshake behind them.
#[derive(Debug)]
pub struct Handshakes {
    listener: TcpListener,
    certified: InForce,
    /// What it is called in the log.
    name: &'static str,
    under_way: JoinSet<(SocketAddr, Done)>,
    oldest: VecDeque<AbortHandle>,
    paused: Option<Pin<Box<Sleep>>>,
    failures: Seldom,
}

impl Handshakes {
    /// Takes connections of `listener`, each by the certificate that is in force when it comes.
    pub fn new(listener: TcpListener, certified: InForce, name: &'static str) -> Self {
        Handshakes {
            listener,
            certified,
            name,
            under_way: JoinSet::new(),
            oldest: VecDeque::new(),
            paused: None,
            failures: Seldom::default(),
        }
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<(TlsStream<TcpStream>, SocketAddr)> {
        // First, for only handshakes that are there can wake us when they are done.
        self.begin_some(context);
        loop {
            match self.under_way.poll_join_next(context) {
                Poll::Ready(Some(Ok((peer, Ok(stream))))) => return Poll::Ready((stream, peer)),
                Poll::Ready(Some(Ok((peer, Err(why))))) => self.failed(peer, &why),
                Poll::Ready(Some(Err(_given_up))) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Begins the handshakes of connections that have come: of a few, so that in a flood those that are done get their turn.
    fn begin_some(&mut self, context: &mut Context<'_>) {
        for _ in 0..A_FEW {
            if let Some(pause) = &mut self.paused {
                if pause.as_mut().poll(context).is_pending() {
                    return;
                }
                self.paused = None;
            }
            match self.listener.poll_accept(context) {
                Poll::Ready(Ok((stream, peer))) => self.begin(stream, peer),
                // The peer went away before it was accepted.
                Poll::Ready(Err(error)) if is_of_the_peer(&error) => {}
                Poll::Ready(Err(error)) => {
                    warn!("{}: no connection is accepted for {PAUSE:?}: {error}", self.name);
                    self.paused = Some(Box::pin(sleep(PAUSE)));
                }
                Poll::Pending => return,
            }
        }
        context.waker().wake_by_ref();
    }

    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Without it an answer may wait 40 ms for an acknowledgement; nothing else depends on it.
        let _ = stream.set_nodelay(true);
        while self.oldest.front().is_some_and(AbortHandle::is_finished) {
            self.oldest.pop_front();
        }
        if self.oldest.len() >= MAX_HANDSHAKES
            && let Some(oldest) = self.oldest.pop_front()
        {
            oldest.abort();
        }
        let acceptor = TlsAcceptor::from(self.certified.load().server.clone());
        let handshake = async move {
            let done = match timeout(PATIENCE, acceptor.accept(stream)).await {
                Ok(done) => done.map_err(|error| error.to_string()),
                Err(_) => Err(format!("not finished after {PATIENCE:?}")),
            };
            (peer, done)
        };
        self.oldest.push_back(self.under_way.spawn(handshake));
    }

    fn failed(&self, peer: SocketAddr, why: &str) {
        if let Some(others) = self.failures.turn() {
            warn!("{}: a TLS handshake with {peer} failed{others}: {}", self.name, printable(why));
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// For tonic.
impl Stream for Handshakes {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_accept(context).map(|(stream, _)| Some(Ok(stream)))
    }
}

/// For axum.
impl axum::serve::Listener for Handshakes {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use axum::serve::Listener as _;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::access::tls::{TlsFiles, Within};
    use crate::config::{MinVersion, ServerTls};

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
    }

    async fn listen() -> (Handshakes, SocketAddr) {
        let settings = ServerTls {
            cert_file: fixture("server.pem"),
            key_file: fixture("server.key"),
            client_ca_file: None,
            min_version: MinVersion::Tls12,
            reload_interval: PAUSE,
            key: "tls".to_owned(),
        };
        let certified = TlsFiles::read(&settings).unwrap().server(&settings, Within::Http).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Handshakes::new(listener, Arc::new(ArcSwap::from_pointee(certified)), "test"), address)
    }

    fn connector() -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
    }

    /// Scenario: three times as many silent connections as there may be handshakes, and then a peer that shakes hands.
    /// Guarantees: he comes in at once; of the silent ones the oldest are cut off, the latest still have their time.
    #[tokio::test]
    async fn the_oldest_handshake_gives_way() {
        let (mut listener, address) = listen().await;
        let accepting = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await;
            stream.write_all(b"hello").await.unwrap();
            // The listener stays, and with it those that wait.
            (listener, stream, peer)
        });
        let mut silent = Vec::new();
        for _ in 0..3 * MAX_HANDSHAKES {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector().connect(name, stream).await.unwrap();
        let mut said = [0; 5];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hello");
        let (_listener, _stream, peer) = accepting.await.unwrap();
        assert_eq!(peer, own);
        let (oldest, latest) = (0, silent.len() - 1);
        let mut byte = [0];
        let ended = timeout(PATIENCE / 2, silent[oldest].read(&mut byte)).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
        assert!(timeout(Duration::from_millis(100), silent[latest].read(&mut byte)).await.is_err());
    }
}
