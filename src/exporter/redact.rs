//! Takes out of a request what its exporter must not send, before the first attempt: retries send the same bytes.

use std::sync::Arc;

use bytes::Bytes;

use crate::otlp::Signal;
use crate::redaction::{Redacted, Redaction};
use crate::telemetry::RedactMetrics;

/// Bodies above this many bytes are looked through on the blocking pool: a mebibyte takes about a millisecond, the longest that
/// one request may hold up the others of its thread.
const INLINE_LIMIT: usize = 1 << 20;

/// What an exporter drops of one signal.
#[derive(Clone, Debug)]
pub struct Redactor {
    redaction: Arc<Redaction>,
    metrics: RedactMetrics,
}

impl Redactor {
    /// Drops what `redaction` says, and counts it.
    pub fn new(redaction: Redaction, metrics: RedactMetrics) -> Self {
        Redactor { redaction: Arc::new(redaction), metrics }
    }

    /// A request without it.
    ///
    /// # Errors
    /// Why nobody can say what the request holds: it must not be sent then.
    pub(super) async fn apply(&self, signal: Signal, body: Bytes) -> Result<Bytes, String> {
        let redacted = if body.len() <= INLINE_LIMIT {
            self.redaction.apply(signal, &body)
        } else {
            let redaction = Arc::clone(&self.redaction);
            let work = tokio::task::spawn_blocking(move || redaction.apply(signal, &body));
            // Only when the runtime shuts down, and then nothing is sent any more.
            work.await.map_err(|error| error.to_string())?
        };
        let Redacted { body, dropped } = redacted.map_err(|fault| fault.to_string())?;
        self.metrics.dropped(dropped);
        Ok(body)
    }
}
