//! Lines to a webhook, as Slack takes them: `{"text": "..."}`. Mattermost, Rocket.Chat and Discord (`/slack`) take the same.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use reqwest::{Client, Url};
use serde_json::json;
use tokio::sync::mpsc::{Sender, channel};
use tracing::{info, warn};

use super::Change;
use super::pace::{Message, Paced};
use super::words::escaped;
use crate::config::Secret;
use crate::text::with_causes;

/// Messages that may wait.
const WAITING: usize = 1000;
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the second and the third attempt.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// What has become of messages, in the order of [`OUTCOMES`].
type Counts = Arc<[AtomicU64; 3]>;
const OUTCOMES: [&str; 3] = ["sent", "failed", "dropped"];
const SENT: usize = 0;
const FAILED: usize = 1;
const DROPPED: usize = 2;

/// Takes lines for a webhook, and never waits for it.
#[derive(Clone, Debug)]
pub struct Webhook {
    messages: Sender<Message>,
    counts: Counts,
}

/// Posts them.
pub struct Poster {
    messages: Paced,
    counts: Counts,
    client: Client,
    url: Secret,
    headers: HeaderMap,
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}

/// A webhook at this URL, and who posts to it with these headers.
///
/// # Errors
/// What is wrong, without the URL: the URL itself, a header, or the roots of TLS.
pub fn webhook(url: &Secret, headers: &[(HeaderName, Secret)]) -> Result<(Webhook, Poster), String> {
    let parsed = url.expose().parse::<Url>().map_err(|error| error.to_string())?;
    let mut builder = Client::builder()
        // A redirect turns POST into GET or carries secrets elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .timeout(TIMEOUT);
    if parsed.scheme() != "https" {
        // Otherwise the system's roots are loaded, and must exist, though nothing will use them.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|error| with_causes(&error.without_url()))?;
    let mut all = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| format!("the header {name}"))?;
        value.set_sensitive(true);
        all.insert(name.clone(), value);
    }
    let (sender, messages) = channel(WAITING);
    let counts = Counts::default();
    let webhook = Webhook { messages: sender, counts: Arc::clone(&counts) };
    Ok((webhook, Poster { messages: Paced::new(messages), counts, client, url: url.clone(), headers: all }))
}

impl Webhook {
    /// Sends a line about a change, soon; drops it where too many wait.
    pub(super) fn send(&self, change: &Change, line: String) {
        let is_firing = matches!(change, Change::Fired(_));
        if self.messages.try_send(Message { is_firing, line: escaped(&line) }).is_err() {
            self.counts[DROPPED].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Registers the self-metric of what has become of messages.
    pub fn register(&self, meter: &Meter) {
        let counts = Arc::clone(&self.counts);
        meter
            .u64_observable_counter("pricetag_spikes_webhook_messages")
            .with_description("Messages to the webhook of spikes, by what has become of them.")
            .with_callback(move |observer| {
                for (outcome, count) in OUTCOMES.iter().zip(counts.iter()) {
                    observer.observe(count.load(Ordering::Relaxed), &[KeyValue::new("outcome", *outcome)]);
                }
            })
            .build();
    }
}

impl Poster {
    /// Posts what comes, as long as its [`Webhook`] is there.
    pub async fn run(self) {
        let Poster { mut messages, counts, client, url, headers } = self;
        let mut is_failing = false;
        while let Some(text) = messages.next().await {
            let body = json!({ "text": text }).to_string();
            let request = || client.post(url.expose()).headers(headers.clone()).body(body.clone());
            let outcome = post(request).await;
            counts[if outcome.is_ok() { SENT } else { FAILED }].fetch_add(1, Ordering::Relaxed);
            match &outcome {
                // Once, until it works again.
                Err(why) if !is_failing => warn!("spikes can not be told to the webhook: {why}"),
                Ok(()) if is_failing => info!("spikes are told to the webhook again"),
                _ => {}
            }
            is_failing = outcome.is_err();
        }
    }
}

/// Tries three times. What went wrong is told without the URL, which is a password.
async fn post(request: impl Fn() -> reqwest::RequestBuilder) -> Result<(), String> {
    let mut waits = WAITS.iter();
    loop {
        let (why, may_pass) = match request().send().await {
            Ok(reply) if reply.status().is_success() => return Ok(()),
            Ok(reply) => {
                let status = reply.status();
                (
                    format!("it answered {status}"),
                    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                )
            }
            Err(error) => (with_causes(&error.without_url()), true),
        };
        match waits.next().filter(|_| may_pass) {
            Some(wait) => tokio::time::sleep(*wait).await,
            None => return Err(why),
        }
    }
}
