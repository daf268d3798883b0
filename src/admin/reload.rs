//! `POST /-/reload`, as Prometheus has it: the config and its files are read again, for who has logged in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

const PATH: &str = "/-/reload";
/// What is said where nobody has to log in.
const NO_AUTH: &str =
    "who asks for a reload has to log in: set service.telemetry.metrics.auth, or send the process a SIGHUP";
/// What browsers say of pages that make them ask.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Someone asks for a reload, and waits for what comes of it.
pub type Ask = oneshot::Sender<Reloaded>;

/// What came of a reload.
#[derive(Clone, Debug)]
pub enum Reloaded {
    /// The config is as it was; its files were read again.
    Files(Vec<OfFiles>),
    /// The config is another one, and right: pricetag goes on with it.
    Config {
        /// What there is to know of it.
        notices: Vec<String>,
    },
    /// The config is wrong: the one before stays in force.
    Refused(String),
}

/// What came of the files of one kind.
#[derive(Clone, Debug)]
pub struct OfFiles {
    /// What they are called: `price files`.
    pub what: &'static str,
    /// What came of them.
    pub outcome: Outcome,
}

/// What came of files that were read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are as they were.
    Unchanged,
    /// What they say now is in force, and has changed in this.
    Changed(String),
    /// Why what was in force stays.
    Refused(String),
}

impl Reloaded {
    fn status(&self) -> StatusCode {
        let is_refused = |it: &OfFiles| matches!(it.outcome, Outcome::Refused(_));
        match self {
            // It is about to begin.
            Reloaded::Config { .. } => StatusCode::ACCEPTED,
            Reloaded::Files(all) if !all.iter().any(is_refused) => StatusCode::OK,
            Reloaded::Files(_) | Reloaded::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn json(&self) -> Value {
        let outcome = |it: &OfFiles| match &it.outcome {
            Outcome::Unchanged => json!({"files": it.what, "outcome": "unchanged"}),
            Outcome::Changed(how) => json!({"files": it.what, "outcome": "changed", "changes": how}),
            Outcome::Refused(why) => json!({"files": it.what, "outcome": "refused", "error": why}),
        };
        match self {
            Reloaded::Files(all) => {
                json!({"config": "unchanged", "files": all.iter().map(outcome).collect::<Vec<_>>()})
            }
            Reloaded::Config { notices } => json!({"config": "changed", "notices": notices}),
            Reloaded::Refused(why) => json!({"config": "refused", "error": why}),
        }
    }
}

/// Where reloads are asked for, and whether the last one went well. Clones are the same.
#[derive(Clone, Debug)]
pub struct Reloads {
    asks: mpsc::Sender<Ask>,
    has_failed: Arc<AtomicBool>,
}

impl Reloads {
    /// What comes second is told of each that is asked for.
    pub fn new() -> (Self, mpsc::Receiver<Ask>) {
        // Who comes while somebody waits to be heard is told to come again.
        let (asks, asked) = mpsc::channel(1);
        (Reloads { asks, has_failed: Arc::default() }, asked)
    }

    /// Says how a config was taken.
    pub fn set_failed(&self, has_failed: bool) {
        self.has_failed.store(has_failed, Ordering::Relaxed);
    }

    /// Whether the config that was read last is not in force, for something was wrong with it.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    async fn ask(&self) -> Result<Reloaded, &'static str> {
        let (answer, answered) = oneshot::channel();
        self.asks.try_send(answer).map_err(|_| "a reload is under way; ask again later")?;
        answered.await.map_err(|_| "pricetag is shutting down")
    }
}

/// Answers who asks for a reload; `is_guarded`: only who has logged in comes here.
pub(super) fn router(reloads: Option<Reloads>, is_guarded: bool) -> Router {
    let Some(reloads) = reloads else { return Router::new() };
    let reload = async move |request: Request| match refusal(request.headers(), is_guarded) {
        Some(why) => answer(StatusCode::FORBIDDEN, &json!({"error": why})),
        None => match reloads.ask().await {
            Ok(reloaded) => answer(reloaded.status(), &reloaded.json()),
            Err(why) => answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": why})),
        },
    };
    let wrong_method = async || {
        let mut response =
            answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "a reload is asked for by POST"}));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        response
    };
    Router::new().route(PATH, post(reload).fallback(wrong_method))
}

/// Why somebody may not ask.
fn refusal(headers: &HeaderMap, is_guarded: bool) -> Option<&'static str> {
    if !is_guarded {
        return Some(NO_AUTH);
    }
    // A browser sends a password along with what a stranger's page makes it ask.
    let is_strange = |site: &HeaderValue| site != "same-origin" && site != "none";
    headers.get(SEC_FETCH_SITE).is_some_and(is_strange).then_some("a page of another site asks for this")
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
