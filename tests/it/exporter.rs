//! Exporters against a scripted fake upstream.

mod debug;
mod grpc;
mod http;
mod tls;
mod upstream;

use std::time::Duration;

use pricetag::exporter::Outcome;

/// A timeout that no test should reach.
const AMPLE: Duration = Duration::from_secs(20);

/// The outcome's kind, for tables.
fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Retry { .. } => "retry",
        Outcome::TooLarge { .. } => "too large",
        Outcome::Refused { .. } => "refused",
    }
}

/// The reason, which must be fit for a log line.
fn why(outcome: &Outcome) -> &str {
    let (Outcome::Retry { why, .. } | Outcome::TooLarge { why } | Outcome::Refused { why }) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(!why.is_empty() && why.chars().count() < 400 && !why.contains(char::is_control), "{why:?}");
    why
}

/// What the destination asked for.
fn after(outcome: &Outcome) -> Option<Duration> {
    let Outcome::Retry { after, .. } = outcome else { panic!("{outcome:?}") };
    *after
}

/// A body that compresses no worse than telemetry, `len` bytes long.
fn body(len: usize) -> bytes::Bytes {
    (0..len).map(|i| (i / 7 % 251) as u8).collect::<Vec<_>>().into()
}

/// An address on which nothing listens.
fn nobody() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
