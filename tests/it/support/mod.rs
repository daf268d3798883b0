//! The binary under test, who sends to it, and where its output goes.

pub(crate) mod broken;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod h2;
pub(crate) mod oracle;
pub(crate) mod process;
pub(crate) mod scrape;
pub(crate) mod sink;
pub(crate) mod spans;
pub(crate) mod tls;
pub(crate) mod wire;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use client::Via;
pub(crate) use process::Pricetag;
pub(crate) use sink::{Answer, Sink};

/// Longer than anything takes that works.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

/// How much of something: in a usual run, and in the full one, `FULL=1 cargo test --test it NAME -- --nocapture`, which takes minutes and
/// prints what it has measured.
pub(crate) fn how_many(usual: u64, full: u64) -> u64 {
    if std::env::var_os("FULL").is_some() { full } else { usual }
}

/// The three captures that the first dialect covers.
pub(crate) const CAPTURES: [&str; 3] = ["otel-openai-v2", "otel-openai-v2-latest", "otel-genai-anthropic"];

/// Where a capture lies: `kind` is `traces.pb`, `traces.json` or `metrics.pb`.
pub(crate) fn capture_path(name: &str, kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/captures/{name}.{kind}"))
}

/// A capture's bytes.
pub(crate) fn capture(name: &str, kind: &str) -> Bytes {
    std::fs::read(capture_path(name, kind)).unwrap().into()
}

/// Waits until `look` finds something, or panics with what was waited for.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + AMPLE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
