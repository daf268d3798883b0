//! What stands in the file, and what becomes of files that are none.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use tempfile::TempDir;

use crate::booking::{Booking, Entries};
use crate::ledger::Ledger;
use crate::ledger::query::Row;
use crate::ledger::series::Series;
use crate::ledger::store::{HOURLY, Limits, StoreError};
use crate::pricing::{Picodollars, Status};
use crate::time::hour_of;

const NANOS_PER_HOUR: u64 = 3_600_000_000_000;
/// An hour of today.
const NOW: u32 = 495_000;

fn open(file: &Path, limits: Limits) -> Result<Ledger, StoreError> {
    Ledger::open(Some(file), &["user"], &[], limits)
}

/// Books a settled call of this user in this hour.
fn book(ledger: &Ledger, user: &str, hour: u32, picodollars: i128) {
    let mut entries = Entries::default();
    entries.push_booking(&Booking {
        end_unix_nano: u64::from(hour) * NANOS_PER_HOUR,
        status: Status::Priced,
        money: Some(Picodollars::new(picodollars)),
        dimensions: [user.into()].into_iter().collect(),
        ..Booking::default()
    });
    ledger.apply(&entries.take());
}

/// Values and money of all users.
fn users(ledger: &Ledger, hours: std::ops::Range<u32>) -> Vec<(String, i128)> {
    let of = |row: Row| (row.value, row.settled.money.get());
    let mut rows: Vec<_> = ledger.rows("user", hours).unwrap().into_iter().map(of).collect();
    rows.sort();
    rows
}

fn pairs(rows: &[(&str, i128)]) -> Vec<(String, i128)> {
    rows.iter().map(|(value, money)| ((*value).to_owned(), *money)).collect()
}

/// Scenario: two processes after another, with sums beyond 64 bits of picodollars, and one that is written in two batches.
/// Guarantees: what was written is there again, to the picodollar; plain SQL sees the same.
#[test]
fn sums_outlive_the_process() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("deep/er/ledger.db");
    let large = i128::from(i64::MAX) * 5 + 3;
    {
        let ledger = open(&file, Limits::default()).unwrap();
        book(&ledger, "ann", NOW, large);
        ledger.write().unwrap();
        book(&ledger, "ann", NOW, 999_999_999_999);
        book(&ledger, "ben", NOW - 30, 7);
        ledger.write().unwrap();
    }
    let ledger = open(&file, Limits::default()).unwrap();
    assert_eq!(users(&ledger, 0..u32::MAX), pairs(&[("ann", large + 999_999_999_999), ("ben", 7)]));
    let plain = rusqlite::Connection::open(&file).unwrap();
    let sql =
        "SELECT sum(usd), sum(picodollars) FROM days JOIN dimensions ON id = dimension WHERE name = 'user'";
    let (usd, rest): (i64, i64) = plain.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(i128::from(usd) * 1_000_000_000_000 + i128::from(rest), large + 999_999_999_999 + 7);
    let cost: String = plain
        .query_row("SELECT cost FROM costs_by_hour WHERE dimension = 'user' AND value = 'ben'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(cost, "0.000000000007");
}

/// Scenario: more users in an hour than may be, in several batches and processes.
/// Guarantees: the first ones keep their rows, also for what comes later; the rest is `other`, in the hour that is full only, and counted.
#[test]
fn an_hour_tells_only_so_many_values_apart() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let limits = Limits { values: 2, ..Limits::default() };
    {
        let ledger = open(&file, limits).unwrap();
        for user in ["a", "b", "", "c", "other"] {
            book(&ledger, user, NOW, 1);
            ledger.write().unwrap();
        }
        assert_eq!(ledger.books().folded_values().find(|(name, _)| *name == "user"), Some(("user", 1)));
    }
    let ledger = open(&file, limits).unwrap();
    for (user, hour) in [("d", NOW), ("a", NOW), ("c", NOW + 1)] {
        book(&ledger, user, hour, 10);
    }
    ledger.write().unwrap();
    assert_eq!(users(&ledger, NOW..NOW + 1), pairs(&[("", 1), ("a", 11), ("b", 1), ("other", 12)]));
    assert_eq!(users(&ledger, NOW + 1..NOW + 2), pairs(&[("c", 10)]));
}

/// Scenario: sums of today, of two weeks ago and of years ago.
/// Guarantees: hourly rows go after two weeks, and the daily ones tell the same; those go after the days that are configured.
#[test]
fn what_is_old_goes() {
    let ledger = Ledger::open(None, &["user"], &[], Limits { days: 30, ..Limits::default() }).unwrap();
    let days = |days: u32| NOW - 24 * days;
    for (hour, money) in [(NOW, 1), (NOW - HOURLY - 1, 20), (days(20), 300), (days(31) - 24, 4_000)] {
        book(&ledger, "ann", hour, money);
    }
    ledger.write().unwrap();
    assert_eq!(users(&ledger, 0..u32::MAX), pairs(&[("ann", 4_321)]));
    ledger.store().expire(NOW).unwrap();
    assert_eq!(users(&ledger, 0..u32::MAX), pairs(&[("ann", 321)]));
    let hourly: i64 =
        ledger.store().db.query_row("SELECT count(DISTINCT hour) FROM hours", [], |row| row.get(0)).unwrap();
    assert_eq!(hourly, 1);
}

/// Scenario: rows of which only the daily ones are left, for nothing was booked for weeks; then the process starts again.
/// Guarantees: they are told.
#[test]
fn days_are_told_when_there_are_no_hours() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let now = hour_of(Timestamp::now());
    let then = now - HOURLY - 50;
    let ledger = open(&file, Limits::default()).unwrap();
    book(&ledger, "ann", then, 7);
    ledger.write().unwrap();
    // Day by day, as in as many hours.
    (0..20).for_each(|_| ledger.store().expire(now).unwrap());
    drop(ledger);
    let ledger = open(&file, Limits::default()).unwrap();
    let hourly: i64 =
        ledger.store().db.query_row("SELECT count(*) FROM hours", [], |row| row.get(0)).unwrap();
    assert_eq!(hourly, 0);
    for hours in [0..u32::MAX, then - 5..then + 5, then - 300..now + 1] {
        assert_eq!(users(&ledger, hours.clone()), pairs(&[("ann", 7)]), "{hours:?}");
        let top = ledger.top("user", hours.clone(), 1).unwrap();
        assert_eq!((top.rows.len(), top.rest), (1, None), "{hours:?}");
    }
}

/// Scenario: the clock leaps two years ahead for some hours, a call is booked meanwhile, and it is set right, and falls back to 1970 for a
/// moment; the process starts again.
/// Guarantees: of what is kept not more than some days go, and what is booked later is told by the hour.
#[test]
fn a_wrong_clock_does_not_delete_the_ledger() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let now = hour_of(Timestamp::now());
    let limits = Limits { days: 30, ..Limits::default() };
    let ledger = open(&file, limits).unwrap();
    let days = [0, 5, 20, 25].map(|days: u32| now - 24 * days);
    for hour in days {
        book(&ledger, "ann", hour, 1);
    }
    ledger.write().unwrap();
    ledger.store().expire(now).unwrap();
    let wrong = now + 2 * 365 * 24;
    book(&ledger, "ann", wrong, 1);
    ledger.write().unwrap();
    (0..3).for_each(|_| ledger.store().expire(wrong).unwrap());
    assert_eq!(users(&ledger, 0..now + 1), pairs(&[("ann", 4)]));
    // It is set right, and the process goes on; after another start it is as well.
    assert_eq!(ledger.answered(&(now - 3..now + 1)), now - 3..now + 1);
    assert_eq!(users(&ledger, now - 3..now + 1), pairs(&[("ann", 1)]));
    ledger.store().expire(now).unwrap();
    assert_eq!(users(&ledger, now - 3..now + 1), pairs(&[("ann", 1)]));
    ledger.store().expire(5).unwrap();
    drop(ledger);

    let ledger = open(&file, limits).unwrap();
    assert_eq!(users(&ledger, 0..now + 1), pairs(&[("ann", 4)]));
    book(&ledger, "ben", now, 1);
    ledger.write().unwrap();
    assert_eq!(ledger.answered(&(now - 3..now + 1)), now - 3..now + 1);
    (0..300).for_each(|_| ledger.store().expire(now + 20 * 24).unwrap());
    assert_eq!(users(&ledger, 0..now + 1), pairs(&[("ann", 2), ("ben", 1)]), "and in time it goes");
}

/// Scenario: a dimension is in the config no more.
/// Guarantees: its rows go like all others.
#[test]
fn what_nobody_asks_for_any_more_goes() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let limits = Limits { days: 30, ..Limits::default() };
    let ledger = open(&file, limits).unwrap();
    book(&ledger, "ann", NOW, 1);
    ledger.write().unwrap();
    drop(ledger);
    let ledger = Ledger::open(Some(&file), &["tenant"], &[], limits).unwrap();
    (0..100).for_each(|_| ledger.store().expire(NOW + 24 * 60).unwrap());
    for table in ["hours", "days"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let left: i64 = ledger.store().db.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

/// Scenario: amounts that can not be, of either sign, in one batch and in several.
/// Guarantees: a row has the most that it may have, and what is booked beside it is written.
#[test]
fn absurd_amounts_do_not_stop_the_store() {
    let ledger = Ledger::open(None, &["user"], &[], Limits::default()).unwrap();
    for (user, money) in [("rich", i128::MAX), ("poor", i128::MIN), ("ann", 5)] {
        for _ in 0..3 {
            book(&ledger, user, NOW, money);
            book(&ledger, user, NOW, money);
            ledger.write().unwrap();
        }
    }
    let most = 4_000_000_000_000_000_000_i128 * 1_000_000_000_000;
    let all = users(&ledger, 0..u32::MAX);
    assert_eq!(all[0], ("ann".to_owned(), 30));
    assert!((all[1].1 + most).abs() < 1_000_000_000_000, "{all:?}");
    assert!((all[2].1 - most).abs() < 1_000_000_000_000, "{all:?}");
}

/// Guarantees: a second writer, another program's file, one of a later version and a folder are refused, each with what to do.
#[test]
fn foreign_files_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let fault = |file: &Path| open(file, Limits::default()).unwrap_err().to_string();
    let first = open(&file, Limits::default()).unwrap();
    assert!(
        fault(&file).contains("another pricetag keeps its ledger here; give each its own file"),
        "{}",
        fault(&file)
    );
    drop(first);
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert!(fault(&file).contains("a ledger of version 7"), "{}", fault(&file));

    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(fault(&foreign).contains("this is no ledger of pricetag"), "{}", fault(&foreign));
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no database at all, but long enough to be taken for one").unwrap();
    assert!(fault(&text).contains("not a database"), "{}", fault(&text));
    assert!(fault(folder.path()).contains("can not be opened"), "{}", fault(folder.path()));
    let beside = |file: &Path| file.with_added_extension("lock").exists();
    assert!(!beside(&foreign) && !beside(&text) && !beside(folder.path()), "nothing is left beside them");
}

/// Scenario: a process books, writes, books more and dies; the next has the same labels, and one after it another.
/// Guarantees: series go on from what was written, with the same start and instance; with other labels there are none, and another start.
#[test]
fn metrics_go_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let ledger = |labels: &[usize]| Ledger::open(Some(&file), &["user"], labels, Limits::default()).unwrap();
    let sums = |ledger: &Ledger| -> Vec<(String, i128, u64)> {
        let books = ledger.books();
        let of = |series: &Series| {
            assert_eq!((series.settled, series.settled), (series.earlier, series.written));
            let user = series.labels.iter().last().unwrap().to_owned();
            (user, series.settled.counting.money.get(), series.settled.calls().map(|(_, calls)| calls).sum())
        };
        let mut sums: Vec<_> = books.series().iter().map(of).collect();
        sums.sort();
        sums
    };
    let first = ledger(&[0]);
    let origin = first.origin().clone();
    for (user, money) in [("ann", i128::from(i64::MAX) * 5 + 3), ("\"ben\"", -7), ("ann", 1)] {
        book(&first, user, NOW, money);
    }
    first.write().unwrap();
    book(&first, "ann", NOW, 100);
    drop(first);

    let second = ledger(&[0]);
    assert_eq!(*second.origin(), origin);
    assert_eq!(
        sums(&second),
        [("\"ben\"".to_owned(), -7, 1), ("ann".to_owned(), i128::from(i64::MAX) * 5 + 4, 2)]
    );
    assert_eq!(second.books().unwritten().series.len(), 0);
    drop(second);

    let third = ledger(&[]);
    assert!(third.books().series().is_empty());
    assert!(third.origin().start_unix_nano > origin.start_unix_nano);
    assert_eq!(third.origin().instance, origin.instance);
}

/// Scenario: more series than may be, of which some sort behind `other`; each process books one call more of each, and one names its labels in
/// another order.
/// Guarantees: each series is after any number of restarts what was booked in it, and `other` the rest.
#[test]
fn a_full_table_of_series_goes_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let limits = Limits { series: 3, ..Limits::default() };
    for round in 1..=4 {
        let labels = if round == 3 { [1, 0] } else { [0, 1] };
        let ledger = Ledger::open(Some(&file), &["user", "tier"], &labels, limits).unwrap();
        for user in ["zoe", "yan", "ann", "ben", "cleo"] {
            let mut entries = Entries::default();
            entries.push_booking(&Booking {
                status: Status::Priced,
                money: Some(Picodollars::new(1)),
                dimensions: [user.into(), "pro".into()].into_iter().collect(),
                ..Booking::default()
            });
            ledger.apply(&entries.take());
        }
        ledger.write().unwrap();
        let books = ledger.books();
        let sums = books.series().iter().map(|series| {
            let users = ["zoe", "yan", "ann", "other"];
            let user = users.into_iter().find(|user| series.labels.iter().any(|label| label == *user));
            (user.unwrap(), series.settled.counting.money.get())
        });
        let sums: BTreeMap<&str, i128> = sums.collect();
        let expected = [("ann", round), ("other", 2 * round), ("yan", round), ("zoe", round)];
        assert_eq!(sums, expected.into(), "round {round}");
        assert_eq!(books.folded(), 2);
    }
}

/// Scenario: the store refuses to be written, twice, while more is booked.
/// Guarantees: nothing is lost and nothing is counted twice, in what is asked meanwhile and in what is written later.
#[test]
fn what_could_not_be_written_is_written_later() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let ledger = open(&file, Limits::default()).unwrap();
    book(&ledger, "ann", NOW, 1);
    ledger.write().unwrap();
    let another = rusqlite::Connection::open(&file).unwrap();
    another
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON days BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .unwrap();
    for _ in 0..2 {
        book(&ledger, "ann", NOW, 10);
        book(&ledger, "ben", NOW, 100);
        assert!(ledger.write().unwrap_err().to_string().contains("disk full"));
    }
    let expected = pairs(&[("ann", 21), ("ben", 200)]);
    assert_eq!(users(&ledger, 0..u32::MAX), expected);
    another.execute_batch("DROP TRIGGER full").unwrap();
    ledger.write().unwrap();
    assert_eq!(users(&ledger, 0..u32::MAX), expected);
    assert_eq!(users(&ledger, NOW - 24 * 30..u32::MAX), expected, "by day");
}
