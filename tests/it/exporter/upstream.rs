//! A fake destination: it remembers what it was sent and answers from a script. HTTP/1 and HTTP/2 without TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

/// A request as it arrived.
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The running server; it ends with its runtime.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    /// Starts a server that answers its n-th request with `script(n)`.
    pub(crate) async fn start(script: impl Fn(usize) -> Response<Body> + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let remembered = seen.clone();
        let app = Router::new().fallback(move |request: Request<Body>| async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let n = {
                let mut seen = remembered.lock().unwrap();
                let path = head.uri.path_and_query().unwrap().to_string();
                seen.push(Seen { method: head.method, path, headers: head.headers, body });
                seen.len() - 1
            };
            script(n)
        });
        Self { address: serve(app).await, seen }
    }

    /// Takes what was sent since the last look.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Serves `app` on a free port.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// An HTTP answer.
pub(crate) fn http(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// A gRPC answer: `message` with its prefix, then `trailers`.
pub(crate) fn grpc(message: &[u8], trailers: &[(&'static str, String)]) -> Response<Body> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    let trailers: HeaderMap = (trailers.iter())
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let body = Full::new(Bytes::from(framed)).with_trailers(async move { Some(Ok(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}

/// A body of `total` bytes in pieces, and a count of the bytes that were asked for.
pub(crate) fn endless(total: usize) -> (Body, Arc<AtomicUsize>) {
    const PIECE: usize = 64 * 1024;
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = pulled.clone();
    let pieces = (0..total / PIECE).map(move |_| {
        counter.fetch_add(PIECE, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; PIECE]))
    });
    (Body::from_stream(tokio_stream::iter(pieces)), pulled)
}
