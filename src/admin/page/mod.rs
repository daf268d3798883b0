//! `/`: what everything costs, as a page for people.
//!
//! The server writes all of it: it is whole in a text browser, loads nothing from elsewhere, and its few lines of script only
//! fetch it again. [`gather`] asks the ledger, the others make of its answers what is seen, [`view`] fills
//! `templates/page.html` with it.

mod chart;
mod gather;
mod margin;
mod spikes;
mod unpriced;
mod view;
mod words;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use jiff::{Timestamp, Zoned};
use tokio::sync::Mutex;
use tracing::error;

use super::Site;
use crate::ledger::Ledger;
use crate::ledger::query::Step;
use crate::ledger::spikes::Spikes;
use crate::margin::Margins;
use crate::processor::Shared;
use crate::time::{hour_of, until};

/// How long an answer holds at least: many viewers ask the ledger once a second for each window.
const HOLDS: Duration = Duration::from_secs(1);
/// It holds so many times as long as it took, so that a large ledger has time for other things.
const RESTS: u32 = 4;

const STYLE: &str = include_str!("../../../templates/page.css");
const SCRIPT: &str = include_str!("../../../templates/page.js");

/// Only the style and the script that stand in the page itself, by their hashes; it may fetch itself.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// What the page is made of, as in [`Site`].
#[derive(Clone, Debug)]
struct Sources {
    ledger: Ledger,
    shared: Option<Arc<Shared>>,
    margins: Option<Arc<Margins>>,
    spikes: Option<Spikes>,
    receiver: Option<SocketAddr>,
    receiver_tls: bool,
}

/// The page, written anew at most once a second for each window.
#[derive(Debug)]
pub(super) struct Page {
    sources: Sources,
    written: [Mutex<Option<Written>>; Window::ALL.len()],
}

#[derive(Debug)]
struct Written {
    until: Instant,
    html: Bytes,
}

impl Page {
    pub(super) fn new(site: &Site) -> Self {
        let sources = Sources {
            ledger: site.ledger.clone(),
            shared: site.shared.clone(),
            margins: site.margins.clone(),
            spikes: site.spikes.clone(),
            receiver: site.receiver,
            receiver_tls: site.receiver_tls,
        };
        Page { sources, written: Default::default() }
    }

    /// Answers a request for the page with this query.
    pub(super) async fn answer(self: Arc<Self>, query: &str) -> Response<Full<Bytes>> {
        let Some(window) = Window::asked(query) else {
            return plain(StatusCode::BAD_REQUEST, "since is one of 24h, 7d and 30d");
        };
        // A task of its own: who asks and goes away at once must not let another begin beside it.
        let html = tokio::spawn(async move { self.html(window).await }).await;
        match html.map_err(|error| error.to_string()).flatten() {
            Ok(html) => response(StatusCode::OK, "text/html; charset=utf-8", html),
            Err(problem) => {
                error!("the page can not be written: {problem}");
                plain(StatusCode::INTERNAL_SERVER_ERROR, &problem)
            }
        }
    }

    async fn html(&self, window: Window) -> Result<Bytes, String> {
        // Whoever comes while it is being written waits for it, and does not write it a second time.
        let mut written = self.written[window as usize].lock().await;
        if let Some(written) = written.as_ref().filter(|written| Instant::now() < written.until) {
            return Ok(written.html.clone());
        }
        let (sources, begun) = (self.sources.clone(), Instant::now());
        let work = move || {
            let now = Timestamp::now();
            let figures = gather::gather(&sources, window, now).map_err(|error| error.to_string())?;
            view::html(&figures, &sources, now).map_err(|error| error.to_string())
        };
        let html = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())??;
        let html = Bytes::from(html);
        let holds = HOLDS.max(RESTS * begun.elapsed());
        *written = Some(Written { until: Instant::now() + holds, html: html.clone() });
        Ok(html)
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, &POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)));
    response.headers_mut().extend(headers);
    response
}

/// The time that the page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Window {
    #[default]
    Day,
    Week,
    Month,
}

impl Window {
    const ALL: [Window; 3] = [Window::Day, Window::Week, Window::Month];

    /// The one that a query asks for; `None`: there is no such one.
    fn asked(query: &str) -> Option<Self> {
        let since = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "since");
        let Some((_, since)) = since else { return Some(Window::default()) };
        Window::ALL.into_iter().find(|window| window.key() == since)
    }

    /// As in `?since=24h`.
    fn key(self) -> &'static str {
        match self {
            Window::Day => "24h",
            Window::Week => "7d",
            Window::Month => "30d",
        }
    }

    /// For people.
    fn name(self) -> &'static str {
        match self {
            Window::Day => "24 hours",
            Window::Week => "7 days",
            Window::Month => "30 days",
        }
    }

    /// Its whole hours since 1970, as the API has them, and how long its bars are.
    fn hours(self, now: Timestamp) -> (Range<u32>, Step) {
        let (end, back) = (until(now), |hours: u32| hour_of(now).saturating_sub(hours));
        match self {
            Window::Day => (back(24)..end, Step::Hour),
            Window::Week => (back(7 * 24)..end, Step::Hour),
            // Of days that are long ago the hours are not kept.
            Window::Month => (back(30 * 24) / 24 * 24..end, Step::Day),
        }
    }

    /// What a bar is.
    fn step(self) -> &'static str {
        match self {
            Window::Day | Window::Week => "hour",
            Window::Month => "day",
        }
    }

    /// How a bar's time is worded.
    fn words(self) -> &'static str {
        match self {
            Window::Day | Window::Week => "%a %H:%M",
            Window::Month => "%a %-d %b",
        }
    }

    /// How a bar's time is worded below it.
    fn label(self) -> &'static str {
        match self {
            Window::Day => "%H:%M",
            Window::Week => "%a %-d",
            Window::Month => "%-d %b",
        }
    }

    /// Whether there is a word below a bar: so few that they fit a telephone.
    fn is_labelled(self, time: Zoned) -> bool {
        match self {
            Window::Day => time.hour() % 6 == 0,
            Window::Week => time.hour() == 12,
            Window::Month => time.day() % 7 == 1 && time.day() < 29,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::Limits;

    #[test]
    fn windows_are_whole_hours_and_days() {
        let now: Timestamp = "2026-11-23T12:34:56Z".parse().unwrap();
        let ledger = Ledger::open(None, &["user"], &[], Limits::default()).unwrap();
        let start = |window: Window| words::hour(window.hours(now).0.start, "%F %H");
        assert_eq!(Window::ALL.map(start), ["2026-11-22 12", "2026-11-16 12", "2026-10-24 00"]);
        for window in Window::ALL {
            let (hours, _) = window.hours(now);
            assert_eq!(words::hour(hours.end, "%F %H"), "2026-11-23 14");
            assert_eq!(ledger.answered(&hours), hours, "what is asked for is what is shown");
        }
    }

    #[test]
    fn a_query_names_a_window() {
        assert_eq!(Window::asked(""), Some(Window::Day));
        assert_eq!(Window::asked("a=b&since=7d"), Some(Window::Week));
        assert_eq!(Window::asked("since=1y"), None);
    }
}
