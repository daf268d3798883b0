//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rand::Rng as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt as _;

use super::Speaks;
use super::pulse::{Heard, Pulse};
use crate::config::Connections;

/// How long a connection that is to end may take to say so, or to send the last of an answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long somebody who has just come may take to say what for, before he is told that it ends: both protocols close a connection
/// without a word when it ends before its first request, and clients take that for an error.
const WELCOME: Duration = Duration::from_millis(250);

/// What all connections of a listener have in common.
pub struct Host {
    builder: Builder<TokioExecutor>,
    grants: Connections,
    router: Router,
}

impl Host {
    /// One that speaks so, grants so much, and has requests answered by this router.
    pub fn new(speaks: Speaks, grants: Connections, router: Router) -> Self {
        Host { builder: speaks.builder(&grants), grants, router }
    }

    /// Serves a connection until it ends, which it is told to when `end` is, when it keeps us waiting, or when it is old.
    pub async fn serve<S>(&self, stream: S, peer: SocketAddr, mut end: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = Arc::new(Pulse::new());
        let (of_requests, router) = (Arc::clone(&pulse), self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let busy = of_requests.begin();
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
        let io = TokioIo::new(Heard { stream, pulse: Arc::clone(&pulse) });
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let mut life = Life::new(&self.grants);
        let mut wake = pin!(sleep_until(Instant::now() + self.grants.headers));
        loop {
            let is_told = tokio::select! {
                // What a peer did wrong is between the library and him.
                _ = connection.as_mut() => return,
                () = told(&mut end), if life.told_at.is_none() => true,
                () = wake.as_mut() => false,
            };
            if is_told {
                life.told_at = Some(Instant::now());
            }
            match life.look(pulse.due(&self.grants), pulse.has_asked()) {
                Next::Look(when) => wake.as_mut().reset(when),
                Next::End(when) => {
                    connection.as_mut().graceful_shutdown();
                    wake.as_mut().reset(when);
                }
                Next::Drop => return,
            }
        }
    }
}

async fn told(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}

/// What becomes of a connection.
struct Life<'g> {
    grants: &'g Connections,
    old_at: Option<Instant>,
    /// When somebody said that it is to end.
    told_at: Option<Instant>,
    /// Since it was told to end: until when its requests may go on.
    ending: Option<Option<Instant>>,
}

/// What to do with it.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Look again then.
    Look(Instant),
    /// Tell it to end, and look again then.
    End(Instant),
    /// It has had its time.
    Drop,
}

impl<'g> Life<'g> {
    fn new(grants: &'g Connections) -> Self {
        // Connections that came together must not go together.
        let old_at = grants.age.map(|age| Instant::now() + age.mul_f64(rand::rng().random_range(0.9..1.1)));
        Life { grants, old_at, told_at: None, ending: None }
    }

    /// Looks at a connection whose peer is awaited until `due`, if he is, and who has asked for something or not.
    fn look(&mut self, due: Option<Instant>, has_asked: bool) -> Next {
        let now = Instant::now();
        let is_told = self.told_at.is_some_and(|told_at| has_asked || told_at + WELCOME <= now);
        let is_late = due.is_some_and(|due| due <= now);
        let is_old = self.old_at.is_some_and(|old_at| old_at <= now);
        match self.ending {
            None if is_told || is_late || is_old => {
                let until = self.grants.age_grace.filter(|_| is_old).map(|grace| now + grace);
                self.ending = Some(until);
                Next::End(until.map_or(now + FAREWELL, |until| until.min(now + FAREWELL)))
            }
            None => {
                // Before then it may begin something that is due sooner.
                let soon = now + self.told_at.map_or(self.grants.headers, |_| WELCOME / 25);
                Next::Look([due, self.old_at].into_iter().flatten().fold(soon, Instant::min))
            }
            // Nobody is at work for it, and it had time to go.
            Some(_) if due.is_some() => Next::Drop,
            Some(Some(until)) if until <= now => Next::Drop,
            Some(until) => Next::Look(until.map_or(now + FAREWELL, |until| until.min(now + FAREWELL))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Scenario: a connection with a request under way, that is told to end; one that has just come; one that is late; one that is old,
    /// with and without an end.
    /// Guarantees: a request goes on until it is done, or until the grace is over; who is late is told, and dropped soon after.
    #[tokio::test(start_paused = true)]
    async fn connections_end_as_they_should() {
        let later = async |time| tokio::time::sleep(time).await;
        let grants = Connections::OF_RECEIVERS;
        let mut life = Life::new(&grants);
        assert_eq!(life.look(None, true), Next::Look(Instant::now() + grants.headers));
        life.told_at = Some(Instant::now());
        assert_eq!(life.look(None, true), Next::End(Instant::now() + FAREWELL));
        for _ in 0..100 {
            later(FAREWELL).await;
            assert_eq!(life.look(None, true), Next::Look(Instant::now() + FAREWELL));
        }
        assert_eq!(life.look(Some(Instant::now() + SECOND), true), Next::Drop);

        // Who has just come is heard, if he does not take long.
        for asks in [true, false] {
            let mut life = Life::new(&grants);
            life.told_at = Some(Instant::now());
            let due = Some(Instant::now() + grants.headers);
            assert!(matches!(life.look(due, false), Next::Look(soon) if soon < Instant::now() + WELCOME));
            later(if asks { WELCOME / 2 } else { WELCOME }).await;
            assert_eq!(life.look(due.filter(|_| !asks), asks), Next::End(Instant::now() + FAREWELL));
        }

        let mut life = Life::new(&grants);
        let due = Instant::now() + SECOND;
        assert_eq!(life.look(Some(due), true), Next::Look(due));
        later(SECOND).await;
        assert!(matches!(life.look(Some(due), true), Next::End(_)));
        assert_eq!(life.look(Some(due), true), Next::Drop);

        let grants = Connections { age: Some(60 * SECOND), age_grace: Some(5 * SECOND), ..grants };
        let mut life = Life::new(&grants);
        later(67 * SECOND).await;
        assert_eq!(life.look(None, true), Next::End(Instant::now() + FAREWELL));
        later(4 * SECOND).await;
        assert_eq!(life.look(None, true), Next::Look(Instant::now() + SECOND));
        later(SECOND).await;
        assert_eq!(life.look(None, true), Next::Drop);
    }
}
