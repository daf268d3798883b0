//! How a producer sends one request, once.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use pricetag::exporter::codec::BytesCodec;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// What became of an attempt, as the specification has clients see it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// From here on it is an obligation.
    Acknowledged,
    /// Come again: a retryable status, with the wait that was asked for.
    Later(Option<Duration>),
    /// Nobody answered. It may have been taken.
    Nothing,
    /// A status after which a client drops the request.
    Rejected(String),
}

/// A client that keeps its connection, and makes another when that breaks.
pub(crate) enum Client {
    Grpc(Box<tonic::client::Grpc<tonic::transport::Channel>>),
    Http(reqwest::Client, String),
}

impl Client {
    pub(crate) fn new(grpc: SocketAddr, http: SocketAddr, by_grpc: bool) -> Self {
        if by_grpc {
            let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap();
            return Client::Grpc(Box::new(tonic::client::Grpc::new(endpoint.connect_lazy())));
        }
        let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
        Client::Http(client, format!("http://{http}/v1/traces"))
    }

    /// Sends it once. Who gives up after the timeout takes back nothing: it may have been taken by then.
    pub(crate) async fn send(&mut self, body: Bytes, timeout: Duration) -> Answer {
        match self {
            Client::Grpc(client) => {
                let answer = tokio::time::timeout(timeout, async {
                    if client.ready().await.is_err() {
                        return Answer::Nothing;
                    }
                    let path = PathAndQuery::from_static(
                        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                    );
                    match client.unary(Request::new(body), path, BytesCodec).await {
                        Ok(_) => Answer::Acknowledged,
                        Err(status) => of_grpc(&status),
                    }
                });
                answer.await.unwrap_or(Answer::Nothing)
            }
            Client::Http(client, url) => {
                let request = client.post(&*url).header("content-type", "application/x-protobuf");
                match request.timeout(timeout).body(body).send().await {
                    Ok(response) => of_http(&response),
                    Err(_) => Answer::Nothing,
                }
            }
        }
    }
}

fn of_grpc(status: &Status) -> Answer {
    // The client's own statuses have a source: a connection that was refused or that broke.
    if std::error::Error::source(status).is_some() {
        return Answer::Nothing;
    }
    let wait = status.get_details_retry_info();
    let later = match status.code() {
        Code::ResourceExhausted => wait.is_some(),
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        _ => false,
    };
    if later {
        Answer::Later(wait.and_then(|info| info.retry_delay))
    } else {
        Answer::Rejected(format!("{:?}: {}", status.code(), status.message()))
    }
}

fn of_http(response: &reqwest::Response) -> Answer {
    match response.status().as_u16() {
        200 => Answer::Acknowledged,
        429 | 502 | 503 | 504 => {
            let seconds = response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
            Answer::Later(seconds.map(Duration::from_secs))
        }
        status => Answer::Rejected(format!("HTTP {status}")),
    }
}
