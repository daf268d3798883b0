//! Lines to a webhook, as Slack takes them: `{"text": "..."}`. Mattermost, Rocket.Chat and Discord (`/slack`) take the same, and
//! leave alone what they do not know beside it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use reqwest::{Client, Url};
use serde_json::json;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use super::Change;
use super::pace::{Message, Paced, Post};
use crate::config::Secret;
use crate::said::Failing;
use crate::text::{counted, with_causes};

/// Messages that may wait.
const WAITING: usize = 1000;
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the second and the third attempt.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// How long at most if it is asked for with `Retry-After`: what comes meanwhile waits, and finds room.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

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
    waiting: Arc<AtomicUsize>,
}

/// Posts them.
pub struct Poster {
    messages: Paced,
    counts: Counts,
    /// Messages that were taken and have not been posted, nor failed.
    waiting: Arc<AtomicUsize>,
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
    let (counts, waiting) = (Counts::default(), Arc::default());
    let webhook = Webhook { messages: sender, counts: Arc::clone(&counts), waiting: Arc::clone(&waiting) };
    let messages = Paced::new(messages);
    Ok((webhook, Poster { messages, counts, waiting, client, url: url.clone(), headers: all }))
}

impl Webhook {
    /// Sends a line about a change, soon; drops it where too many wait.
    pub(super) fn send(&self, change: &Change, line: String) {
        let is_firing = matches!(change, Change::Fired(_));
        // Counted before it can be posted.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.messages.try_send(Message { is_firing, line }).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
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
    /// Posts in a task what comes, as long as its [`Webhook`] is there.
    pub fn start(self) -> Posting {
        let (counts, waiting) = (Arc::clone(&self.counts), Arc::clone(&self.waiting));
        let mut task = JoinSet::new();
        task.spawn(self.run());
        Posting { task, counts, waiting }
    }

    async fn run(self) {
        let Poster { mut messages, counts, waiting, client, url, headers } = self;
        let mut failing = Failing::default();
        while let Some(Post { text, messages: told }) = messages.next().await {
            let body = body(&text);
            let request = || client.post(url.expose()).headers(headers.clone()).body(body.clone());
            let outcome = post(request).await;
            counts[if outcome.is_ok() { SENT } else { FAILED }].fetch_add(1, Ordering::Relaxed);
            waiting.fetch_sub(told, Ordering::Relaxed);
            let is_news = failing.is_news(&outcome);
            match outcome {
                // The last one is not tried again, and stands for all that waited.
                Err(why) if is_news || messages.is_closed() => {
                    warn!("spikes can not be told to the webhook: {why}; {} lost", counted(told, "message"));
                }
                Ok(()) if is_news => info!("spikes are told to the webhook again"),
                _ => {}
            }
        }
    }
}

/// A task that posts.
#[derive(Debug)]
pub struct Posting {
    task: JoinSet<()>,
    counts: Counts,
    waiting: Arc<AtomicUsize>,
}

impl Posting {
    /// Waits until what was sent is posted, which ends when the [`Webhook`] is gone; what is left at this time is dropped, and said.
    pub async fn finish(mut self, until: Instant) {
        // A task that broke off has posted nothing of what waits.
        if let Ok(None | Some(Ok(()))) = timeout_at(until, self.task.join_next()).await {
            return;
        }
        self.task.shutdown().await;
        let left = self.waiting.load(Ordering::Relaxed);
        self.counts[DROPPED].fetch_add(left as u64, Ordering::Relaxed);
        error!(
            "shutdown: {} about spikes could not be told to the webhook in time, and is lost",
            counted(left, "message")
        );
    }
}

/// Links are not to be shown in full, nor is anybody to be called: for chats that ask before they do.
fn body(text: &str) -> String {
    json!({
        "text": text,
        "unfurl_links": false,
        "unfurl_media": false,
        "allowed_mentions": {"parse": []},
    })
    .to_string()
}

/// Tries three times. What went wrong is told without the URL, which is a password.
async fn post(request: impl Fn() -> reqwest::RequestBuilder) -> Result<(), String> {
    let mut waits = WAITS.iter();
    loop {
        let (why, may_pass, asked) = match request().send().await {
            Ok(reply) if reply.status().is_success() => return Ok(()),
            Ok(reply) => {
                let status = reply.status();
                let may_pass = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                (format!("it answered {status}"), may_pass, retry_after(reply.headers()))
            }
            Err(error) => (with_causes(&error.without_url()), true, None),
        };
        match waits.next().filter(|_| may_pass) {
            Some(wait) => tokio::time::sleep(asked.unwrap_or_default().clamp(*wait, LONGEST_WAIT)).await,
            None => return Err(why),
        }
    }
}

/// The seconds that a server asks to wait; some say fractions. Dates are of clocks that may differ, and chats send none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
