//! Connections by TLS: handshakes go on beside each other, and who never finishes his holds up nobody.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::warn;

use super::arrivals::{Arrival, Arrivals};
use super::tls::InForce;
use crate::text::printable;

/// How long a handshake may take: it is two round trips, of which a slow line makes a second.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 120 } else { 10 });
/// How many there may be at once. When there is one more, the oldest of them is given up: whoever holds many open loses them first.
const MAX_HANDSHAKES: usize = if cfg!(test) { 8 } else { 512 };
/// How many are begun before it is looked which are done.
const A_FEW: usize = 32;

type Done = Result<Arrival<TlsStream<TcpStream>>, (SocketAddr, String)>;

/// Connections that have their handshake behind them.
#[derive(Debug)]
pub struct Handshakes {
    arrivals: Arrivals,
    certified: InForce,
    under_way: JoinSet<Done>,
    oldest: VecDeque<AbortHandle>,
}

impl Handshakes {
    /// Takes what arrives, each by the certificate that is in force when it comes.
    pub fn new(arrivals: Arrivals, certified: InForce) -> Self {
        Handshakes { arrivals, certified, under_way: JoinSet::new(), oldest: VecDeque::new() }
    }

    /// The next one that is done.
    pub async fn accept(&mut self) -> Arrival<TlsStream<TcpStream>> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Arrival<TlsStream<TcpStream>>> {
        // First, for only handshakes that are there can wake us when they are done.
        self.begin_some(context);
        loop {
            match self.under_way.poll_join_next(context) {
                Poll::Ready(Some(Ok(Ok(arrival)))) => return Poll::Ready(arrival),
                Poll::Ready(Some(Ok(Err((peer, why))))) => self.failed(peer, &why),
                Poll::Ready(Some(Err(_given_up))) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Begins the handshakes of connections that have come: of a few, so that in a flood those that are done get their turn.
    fn begin_some(&mut self, context: &mut Context<'_>) {
        for _ in 0..A_FEW {
            match self.arrivals.poll_accept(context) {
                Poll::Ready(arrival) => self.begin(arrival),
                Poll::Pending => return,
            }
        }
        context.waker().wake_by_ref();
    }

    fn begin(&mut self, Arrival { stream, peer, place }: Arrival) {
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
            match timeout(PATIENCE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Ok(Arrival { stream, peer, place }),
                Ok(Err(error)) => Err((peer, error.to_string())),
                Err(_) => Err((peer, format!("not finished after {PATIENCE:?}"))),
            }
        };
        self.oldest.push_back(self.under_way.spawn(handshake));
    }

    fn failed(&self, peer: SocketAddr, why: &str) {
        warn!("{}: a TLS handshake with {peer} failed: {}", self.arrivals.name(), printable(why));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::access::places::Places;
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
            reload_interval: PATIENCE,
            key: "tls".to_owned(),
        };
        let certified = TlsFiles::read(&settings).unwrap().server(&settings, Within::Http).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrivals = Arrivals::new(listener, Arc::new(Places::new("test", 100)));
        (Handshakes::new(arrivals, Arc::new(ArcSwap::from_pointee(certified))), address)
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
            let mut arrival = listener.accept().await;
            arrival.stream.write_all(b"hello").await.unwrap();
            // The listener stays, and with it those that wait.
            (listener, arrival)
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
        let (_listener, arrival) = accepting.await.unwrap();
        assert_eq!(arrival.peer, own);
        let (oldest, latest) = (0, silent.len() - 1);
        let mut byte = [0];
        let ended = timeout(PATIENCE / 2, silent[oldest].read(&mut byte)).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
        assert!(timeout(Duration::from_millis(100), silent[latest].read(&mut byte)).await.is_err());
    }
}
