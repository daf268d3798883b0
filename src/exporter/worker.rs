//! An exporter at work: reads the queue, divides what is too large, delivers, tries again, and counts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Client;
use super::ceiling::Ceiling;
use super::dead_letters::DeadLetters;
use super::redact::Redactor;
use super::retry::{RetrySettings, Settled, settle};
use crate::otlp::Signal;
use crate::otlp::split::{Limit, Part, split};
use crate::queue::{Item, Reader};
use crate::telemetry::ExporterMetrics;

/// Bodies above this many bytes are divided on the blocking pool: they are looked through and copied, which must not hold up others for long.
const INLINE_LIMIT: usize = 1 << 20;

/// What an exporter needs to work.
#[derive(Debug)]
pub struct Worker {
    /// Its id in the config, such as `otlp/jaeger`.
    pub id: String,
    /// Its destination, which is made anew when its certificates change.
    pub client: Arc<ArcSwap<Client>>,
    /// How it tries again.
    pub retry: RetrySettings,
    /// How large its requests may be.
    pub ceiling: Ceiling,
    /// What it drops, by signal.
    pub redactors: [Option<Redactor>; 3],
    /// Where what can not be delivered goes; without a folder for it, it is lost.
    pub dead_letters: Option<DeadLetters>,
    /// Its place in the queue.
    pub reader: Reader,
    /// Its self-metrics.
    pub metrics: ExporterMetrics,
}

impl Worker {
    /// Starts `consumers` tasks that deliver until the queue is closed and read to its end.
    pub fn spawn(self, consumers: usize, tasks: &mut JoinSet<()>) {
        let worker = Arc::new(self);
        for _ in 0..consumers {
            tasks.spawn(Arc::clone(&worker).run());
        }
    }

    async fn run(self: Arc<Self>) {
        while let Some(read) = self.reader.next().await {
            self.deliver(&read.item).await;
            self.reader.done(&read);
        }
    }

    /// Delivers a request, in parts where it is too large. Each part is settled for itself: what one of them meets is nothing to the others,
    /// and none that was delivered is sent again.
    async fn deliver(&self, item: &Item) {
        let Item::Request { signal, body, items } = item else { return };
        let (signal, items) = (*signal, *items);
        let Some(body) = self.redacted(signal, body, items).await else { return };
        let limit = self.ceiling.limit(Instant::now());
        let mut parts: VecDeque<Part> = divided(signal, Part { body, items }, limit).await.into();
        while let Some(part) = parts.pop_front() {
            let Some(why) = self.send(signal, &part).await else { continue };
            let smaller = match self.ceiling.refused(part.body.len(), Instant::now()) {
                Some(lowered) => {
                    if lowered.is_news {
                        let bytes = part.body.len();
                        info!(exporter = self.id, %signal, "too large for the backend: {bytes} bytes; such requests are sent in parts: {why}");
                    }
                    divided(signal, part.clone(), lowered.limit).await
                }
                None => Vec::new(),
            };
            if smaller.len() > 1 {
                smaller.into_iter().rev().for_each(|part| parts.push_front(part));
            } else {
                self.lose(signal, &part, "the backend refuses a request that can not be divided", &why).await;
            }
        }
    }

    /// The request without what this exporter must not send.
    async fn redacted(&self, signal: Signal, body: &Bytes, items: u64) -> Option<Bytes> {
        let Some(redactor) = &self.redactors[signal as usize] else { return Some(body.clone()) };
        match redactor.apply(signal, body.clone()).await {
            Ok(body) => Some(body),
            Err(why) => {
                // No dead letter either: it would hold what is to be dropped.
                self.metrics.failed(signal, items);
                error!(exporter = self.id, %signal, "can not see what is to be dropped from a request, {items} {} lost: {why}", signal.items());
                None
            }
        }
    }

    /// Delivers a part, or gives it up. What is left to do: it is too large, and the backend says why.
    async fn send(&self, signal: Signal, part: &Part) -> Option<String> {
        let (id, items) = (self.id.as_str(), part.items);
        let mut tries = 0;
        let attempt = || {
            let (client, body) = (self.client.load_full(), part.body.clone());
            async move { client.deliver(signal, body).await }
        };
        let on_retry = |why: &str, wait: Duration| {
            tries += 1;
            // The first failure is news; the next ones are the same news.
            if tries == 1 {
                warn!(exporter = id, %signal, "cannot deliver, trying again in {wait:.1?}: {why}");
            }
        };
        match settle(&self.retry, attempt, on_retry).await {
            Settled::Delivered { rejected: None } => {
                self.metrics.sent(signal, items);
                if tries > 0 {
                    info!(exporter = id, %signal, "delivered again after {tries} retries");
                }
            }
            Settled::Delivered { rejected: Some(partial) } => {
                let rejected = u64::try_from(partial.items).unwrap_or(0).min(items);
                self.metrics.sent(signal, items - rejected);
                self.metrics.failed(signal, rejected);
                warn!(exporter = id, %signal, "the backend rejected {rejected} of {items}: {}", partial.message);
            }
            Settled::TooLarge { why } => return Some(why),
            Settled::Refused { why } => self.lose(signal, part, "the backend refuses a request", &why).await,
            Settled::GaveUp { why } => self.lose(signal, part, "gave up on a request", &why).await,
        }
        None
    }

    /// A part will never be delivered.
    async fn lose(&self, signal: Signal, part: &Part, what: &str, why: &str) {
        let (id, items) = (self.id.as_str(), part.items);
        self.metrics.failed(signal, items);
        let file = match &self.dead_letters {
            Some(letters) => letters.keep(signal, part, why).await,
            None => None,
        };
        match file {
            Some(file) => {
                error!(exporter = id, %signal, "{what}, {items} {} kept in {}: {why}", signal.items(), file.display());
            }
            None => error!(exporter = id, %signal, "{what}, {items} {} lost: {why}", signal.items()),
        }
    }
}

/// A request in parts within the limit, where it can be divided.
async fn divided(signal: Signal, whole: Part, limit: Limit) -> Vec<Part> {
    if limit.allows(whole.body.len(), whole.items) {
        return vec![whole];
    }
    let body = whole.body.clone();
    let parts = if body.len() <= INLINE_LIMIT {
        split(signal, &body, limit).ok()
    } else {
        let work = tokio::task::spawn_blocking(move || split(signal, &body, limit).ok());
        // An error only when the runtime shuts down, and then nothing is sent any more.
        work.await.ok().flatten()
    };
    // What came in was well-formed. If it is not any more, the backend may say what is wrong.
    parts.unwrap_or_else(|| vec![whole])
}
