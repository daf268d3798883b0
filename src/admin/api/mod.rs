//! `/api/v1/`: questions to the ledger, and their answers as JSON or CSV.
//!
//! A [`Question`] is an answer's type, its path and parameters, and a function. What it is described as in [`openapi`], how it is routed
//! and what it is told about a wrong question all come from there.

mod actions;
mod calls;
mod costs;
mod dimensions;
mod margin;
mod openapi;
mod query;
mod reply;
mod spikes;
mod sums;
mod time;
mod timeseries;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{any, get};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use super::blocking::{Blocking, Undone};
use crate::ledger::Ledger;
use crate::ledger::spikes::Spikes;
use crate::margin::Margins;
use crate::processor::Shared;
use crate::yaml::error::did_you_mean;
use query::{Parameter, Query};
use reply::{Format, Refusal};

/// So many questions are looked up at once; others wait.
const AT_ONCE: usize = 4;

/// Where answers come from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) ledger: Ledger,
    /// What processors share; none where nothing is priced.
    pub(super) shared: Option<Arc<Shared>>,
    /// What is earned; none where no revenue is configured.
    pub(super) margins: Option<Arc<Margins>>,
    /// Who costs much more than usual; none where no rule says what that is.
    pub(super) spikes: Option<Spikes>,
}

/// What can be asked.
trait Question: Answer {
    /// Where.
    const PATH: &'static str;
    /// What it is, in a line.
    const SUMMARY: &'static str;
    /// The parameters it takes.
    const PARAMETERS: &'static [Parameter];

    /// The answer. It may read the ledger's file, and is called where that may take its time.
    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal>;
}

/// An answer: rows, and what holds for all of them.
trait Answer: Serialize + JsonSchema + Sized + Send + 'static {
    /// A row of the table that CSV is.
    type Row: Serialize + JsonSchema;
    /// The rows.
    fn rows(&self) -> impl Iterator<Item = &Self::Row>;
}

/// A question, without its type.
struct Endpoint {
    path: &'static str,
    route: fn(&Arc<Api>) -> Router,
    describe: fn(&mut SchemaGenerator) -> serde_json::Value,
}

const fn endpoint<Q: Question>() -> Endpoint {
    Endpoint { path: Q::PATH, route: route::<Q>, describe: openapi::describe::<Q> }
}

/// All that can be asked.
const ENDPOINTS: &[Endpoint] = &[
    endpoint::<costs::Costs>(),
    endpoint::<timeseries::Timeseries>(),
    endpoint::<actions::Actions>(),
    endpoint::<calls::Calls>(),
    endpoint::<margin::Margin>(),
    endpoint::<spikes::ActiveSpikes>(),
    endpoint::<dimensions::Dimensions>(),
];

#[derive(Debug)]
struct Api {
    sources: Sources,
    blocking: Blocking,
}

/// Answers everything under `/api/`.
pub(super) fn router(sources: Sources) -> Router {
    let api = Arc::new(Api { sources, blocking: Blocking::new(AT_ONCE) });
    let description = get(async || described()).fallback(async || wrong_method());
    let router = Router::new().route(openapi::PATH, description);
    let router = ENDPOINTS.iter().fold(router, |router, endpoint| router.merge((endpoint.route)(&api)));
    router.route("/api/{*path}", any(async |request: Request| nothing_there(request.uri().path())))
}

fn route<Q: Question>(api: &Arc<Api>) -> Router {
    let api = Arc::clone(api);
    let answer = async move |request: Request| match Arc::clone(&api).answer::<Q>(request).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(),
    };
    Router::new().route(Q::PATH, get(answer).fallback(async || wrong_method()))
}

impl Api {
    async fn answer<Q: Question>(self: Arc<Self>, request: Request) -> Result<Response<String>, Refusal> {
        let format = Format::accepted(request.headers())?;
        let (api, asked) = (Arc::clone(&self), request.uri().query().unwrap_or_default().to_owned());
        let answer = self.blocking.run(move || {
            let query = Query::read(&asked, Q::PARAMETERS)?;
            format.write(&Q::answer(&query, &api.sources)?)
        });
        answer.await.unwrap_or_else(|undone| Err(undone.into()))
    }
}

impl From<Undone> for Refusal {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Busy => Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: format!("{AT_ONCE} questions are being answered, and take long: ask again later"),
            },
            Undone::Broken(error) => Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, error },
        }
    }
}

/// A parameter is missing that has no default.
fn missing(parameter: &str, there_is: &[String]) -> Refusal {
    Refusal::from(format!("say {parameter}=..., one of {}", there_is.join(", ")))
}

fn described() -> Response<String> {
    let mut response = Response::new(openapi::description());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn nothing_there(path: &str) -> Response<String> {
    // What all begin with would make all of them alike.
    let name = |path| -> &str { str::strip_prefix(path, "/api/v1/").unwrap_or(path) };
    let names = ENDPOINTS.iter().map(|endpoint| endpoint.path).chain([openapi::PATH]).map(name);
    let error = format!("there is no {path:?}; below /api/v1/: {}", did_you_mean(name(path), names));
    Refusal { status: StatusCode::NOT_FOUND, error }.response()
}

fn wrong_method() -> Response<String> {
    let error = "questions are asked with GET".to_owned();
    let mut response = Refusal { status: StatusCode::METHOD_NOT_ALLOWED, error }.response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
