//! An exporter at work: reads the queue, delivers, tries again, and counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::Client;
use super::redact::Redactor;
use super::retry::{RetrySettings, Settled, settle};
use crate::queue::{Item, Reader};
use crate::telemetry::ExporterMetrics;

/// What an exporter needs to work.
#[derive(Debug)]
pub struct Worker {
    /// Its id in the config, such as `otlp/jaeger`.
    pub id: String,
    /// Its destination.
    pub client: Client,
    /// How it tries again.
    pub retry: RetrySettings,
    /// What it drops, by signal.
    pub redactors: [Option<Redactor>; 3],
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

    async fn deliver(&self, item: &Item) {
        let Item::Request { signal, body, items } = item else { return };
        let (signal, id) = (*signal, self.id.as_str());
        let body = match &self.redactors[signal as usize] {
            None => body.clone(),
            Some(redactor) => match redactor.apply(signal, body.clone()).await {
                Ok(body) => body,
                Err(why) => {
                    self.metrics.failed(signal, *items);
                    error!(exporter = id, %signal, "can not see what is to be dropped from a request, {items} {} lost: {why}", signal.items());
                    return;
                }
            },
        };
        let mut tries = 0;
        let attempt = || self.client.deliver(signal, body.clone());
        let on_retry = |why: &str, wait: Duration| {
            tries += 1;
            // The first failure is news; the next ones are the same news.
            if tries == 1 {
                warn!(exporter = id, %signal, "cannot deliver, trying again in {wait:.1?}: {why}");
            }
        };
        match settle(&self.retry, attempt, on_retry).await {
            Settled::Delivered { rejected: None } => {
                self.metrics.sent(signal, *items);
                if tries > 0 {
                    info!(exporter = id, %signal, "delivered again after {tries} retries");
                }
            }
            Settled::Delivered { rejected: Some(partial) } => {
                let rejected = u64::try_from(partial.items).unwrap_or(0).min(*items);
                self.metrics.sent(signal, items - rejected);
                self.metrics.failed(signal, rejected);
                warn!(exporter = id, %signal, "the backend rejected {rejected} of {items}: {}", partial.message);
            }
            Settled::Refused { why } => {
                self.metrics.failed(signal, *items);
                error!(exporter = id, %signal, "the backend refuses a request, {items} {} lost: {why}", signal.items());
            }
            Settled::GaveUp { why } => {
                self.metrics.failed(signal, *items);
                error!(exporter = id, %signal, "gave up on a request, {items} {} lost: {why}", signal.items());
            }
        }
    }
}
