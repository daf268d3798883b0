//! Readers, budgets and the end.

mod disk;
mod sectors;

use std::sync::Arc;

use super::*;
use crate::otlp::Signal;
use crate::queue::storage::Storage as _;

fn budget(requests: usize, on_full: OnFull) -> Budget {
    Budget { requests, bytes: 1000, on_full }
}

fn record(body: &'static [u8], entries: &'static [u8]) -> Record {
    let raw = Bytes::from_static(body);
    Record { entries: Bytes::from_static(entries), ..Request::new(Signal::Traces, raw, 1).into() }
}

fn route(reader: &Reader) -> Route {
    Route { to: reader.id(), part: Part::Priced }
}

/// Scenario: one exporter is full and refuses.
/// Guarantees: nobody gets the request; when there is room again, everybody does.
#[tokio::test]
async fn room_is_reserved_in_all_or_in_none() {
    let log = Log::default();
    let ledger = log.reader("ledger", budget(9, OnFull::Refuse), Keeps::Nothing);
    let (a, b) = (
        log.reader("a", budget(1, OnFull::Refuse), Keeps::Nothing),
        log.reader("b", budget(9, OnFull::Refuse), Keeps::Nothing),
    );
    let money = Route { to: ledger.id(), part: Part::Entries };
    let routes = [money, route(&a), route(&b)];
    log.reserve(&routes, 4).unwrap().commit(record(b"body", b"money"));
    assert_eq!(log.reserve(&routes, 4).unwrap_err(), Full::Reader("a".into()));
    assert_eq!((ledger.left(), a.left(), b.left()), (1, 1, 1));
    let read = a.next().await.unwrap();
    assert!(log.reserve(&routes, 4).is_err(), "in flight counts");
    a.done(&read);
    drop(log.reserve(&routes, 4).unwrap());
    assert_eq!((ledger.left(), a.left(), b.left()), (1, 0, 1), "a dropped permit gives room back");
    assert!(matches!(ledger.next().await.unwrap().item, Item::Entries(entries) if entries == "money"));
}

/// Scenario: one exporter is full and drops.
/// Guarantees: the others get the request, the drop is counted.
#[tokio::test]
async fn a_reader_that_drops_holds_up_nobody() {
    let log = Log::default();
    let (a, b) = (
        log.reader("a", budget(1, OnFull::Drop), Keeps::Nothing),
        log.reader("b", budget(9, OnFull::Refuse), Keeps::Nothing),
    );
    for _ in 0..3 {
        log.reserve(&[route(&a), route(&b)], 4).unwrap().commit(record(b"body", b""));
    }
    assert_eq!((a.left(), b.left()), (1, 3));
    assert_eq!(log.levels()[0].dropped, 2);
}

/// Scenario: several consumers, the log closes.
/// Guarantees: every item is read once, every consumer ends.
#[tokio::test]
async fn consumers_share_and_end() {
    let log = Log::default();
    let reader =
        log.reader("a", Budget { requests: 1000, bytes: 1 << 20, on_full: OnFull::Refuse }, Keeps::Nothing);
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let reader = reader.clone();
            tokio::spawn(async move {
                let mut read = 0;
                while let Some(item) = reader.next().await {
                    reader.done(&item);
                    read += 1;
                    tokio::task::yield_now().await;
                }
                read
            })
        })
        .collect();
    for _ in 0..100 {
        log.reserve(&[route(&reader)], 4).unwrap().commit(record(b"body", b""));
    }
    tokio::task::yield_now().await;
    log.close();
    let mut read = 0;
    for consumer in consumers {
        read += consumer.await.unwrap();
    }
    assert_eq!((read, reader.left()), (100, 0));
}
