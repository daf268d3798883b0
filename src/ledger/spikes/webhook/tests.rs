//! Waiting for a webhook, and for its end.

use std::sync::Mutex;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::post;

use super::*;
use crate::ledger::spikes::{Spike, Usual};
use crate::pricing::Picodollars;

/// What a server got, and when.
type Got = Arc<Mutex<Vec<(Instant, String)>>>;

/// A server that answers 429 first, with what it asks for, and then takes all; `slow`: it takes so long for each.
async fn server(retry_after: Option<&'static str>, slow: Duration) -> (Secret, Got) {
    let got = Got::default();
    let kept = Arc::clone(&got);
    let take = async move |body: String| {
        let count = {
            let mut got = kept.lock().unwrap();
            got.push((Instant::now(), body));
            got.len()
        };
        tokio::time::sleep(slow).await;
        match retry_after {
            Some(seconds) if count == 1 => {
                (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)]).into_response()
            }
            _ => StatusCode::OK.into_response(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hunter2", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hunter2", post(take))).await });
    (Secret::new(url), got)
}

fn fired() -> Change {
    let usual = Usual::of([(1, Picodollars::new(1))]).unwrap();
    Change::Fired(Spike { value: "ann".to_owned(), began: 2, hour: 2, cost: Picodollars::new(9), usual })
}

fn counts(counts: &Counts) -> [u64; 3] {
    std::array::from_fn(|outcome| counts[outcome].load(Ordering::Relaxed))
}

/// Scenario: a webhook that asks for two seconds.
/// Guarantees: it gets them, which are more than would be waited otherwise; the message is there then, once, and calls nobody.
#[tokio::test]
async fn a_webhook_gets_the_time_that_it_asks_for() {
    let (url, got) = server(Some("2"), Duration::ZERO).await;
    let (webhook, poster) = webhook(&url, &[]).unwrap();
    let posting = poster.start();
    webhook.send(&fired(), "ann".to_owned());
    let all = Arc::clone(&webhook.counts);
    drop(webhook);
    posting.finish(Instant::now() + Duration::from_secs(60)).await;
    let got = got.lock().unwrap();
    let [(first, _), (second, body)] = &got[..] else { panic!("{got:?}") };
    assert!(second.duration_since(*first) >= Duration::from_secs(2));
    assert_eq!(counts(&all), [1, 0, 0]);
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = json!({"text": "ann", "unfurl_links": false, "unfurl_media": false, "allowed_mentions": {"parse": []}});
    assert_eq!(body, expected);
}

#[test]
fn only_seconds_are_waited_for() {
    let asked = |value: &'static str| {
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]))
    };
    assert_eq!(asked("2"), Some(Duration::from_secs(2)));
    assert_eq!(asked("0.5"), Some(Duration::from_millis(500)));
    for odd in ["-1", "NaN", "inf", "Wed, 21 Oct 2026 07:28:00 GMT", ""] {
        assert_eq!(asked(odd), None, "{odd}");
    }
}

/// Scenario: five hundred messages, of which the first is on its way when the end comes; at a webhook that takes them, and at one that
/// does not answer.
/// Guarantees: the one gets all of them, in two or three messages; of the other what is lost is counted when the time is over.
#[tokio::test]
async fn at_the_end_what_waits_is_posted_or_counted() {
    for (slow, within) in [(Duration::from_millis(50), 60_000), (Duration::from_secs(60), 300)] {
        let (url, got) = server(None, slow).await;
        let (webhook, poster) = webhook(&url, &[]).unwrap();
        let posting = poster.start();
        webhook.send(&fired(), "line 0".to_owned());
        while got.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for n in 1..500 {
            webhook.send(&fired(), format!("line {n}"));
        }
        let all = Arc::clone(&webhook.counts);
        drop(webhook);
        posting.finish(Instant::now() + Duration::from_millis(within)).await;
        let posted = got.lock().unwrap().len() as u64;
        if slow < TIMEOUT {
            assert!((2..=3).contains(&posted), "{posted}");
            assert_eq!(counts(&all), [posted, 0, 0]);
        } else {
            assert_eq!((posted, counts(&all)), (1, [0, 0, 500]));
        }
    }
}
