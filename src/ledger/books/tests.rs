//! What becomes of bookings that settle.

use super::*;
use crate::ledger::OTHER;
use crate::ledger::sums::Sums;
use crate::pricing::Status;

fn booking<'a>(span: &'a [u8; 8], money: i128, model: &'a str) -> Booking<'a> {
    Booking {
        trace: &[1; 16],
        span,
        open: true,
        status: Status::Priced,
        money: Some(Picodollars::new(money)),
        model_served: model.into(),
        input: 10,
        output: 5,
        ..Booking::default()
    }
}

/// Scenario: three calls of a trace; at the end one is a duplicate and one that was a duplicate counts.
/// Guarantees: pending money is settled or voided, the sum is what counts, nothing stays pending.
#[test]
fn settlements_confirm_void_and_restore() {
    let mut books = Books::new(&["user", "feature"], &[], 10);
    books.book(&booking(&[1; 8], 100, "m"));
    books.book(&booking(&[2; 8], 30, "m"));
    books.book(&Booking { verdict: Counted::AsDuplicate, ..booking(&[3; 8], 40, "m") });
    assert_eq!(books.total(), (Picodollars::ZERO, Picodollars::new(130)));
    let change = |span, verdict| Change { span, verdict, ..Change::default() };
    let changes = vec![change(&[2; 8], Counted::AsDuplicate), change(&[3; 8], Counted::Here)];
    books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() }, |_| {});
    assert_eq!(books.total(), (Picodollars::new(140), Picodollars::ZERO));
    let series = &books.series()[0];
    assert_eq!(series.pending, Sums::default());
    let calls: Vec<_> = series.settled.calls().collect();
    assert_eq!(calls, [(Status::Priced, 2), (Status::Duplicate, 1)]);
    assert_eq!((series.settled.counting.input, series.settled.counting.output), (20, 10));
}

/// Scenario: a call without a model is booked, and its trace settles with another model and price.
/// Guarantees: what was pending is gone, what is settled stands in the other series, and the span counts once.
#[test]
fn a_restated_booking_takes_the_place_of_the_old_one() {
    let mut books = Books::new(&["user", "feature"], &[], 10);
    books.book(&Booking { status: Status::UnknownModel, money: None, ..booking(&[1; 8], 0, "") });
    books.book(&booking(&[2; 8], 30, "m"));
    let restated = Some(Box::new(Booking { input: 7, ..booking(&[1; 8], 100, "m") }));
    let changes = vec![Change { span: &[1; 8], verdict: Counted::Here, restated, ..Change::default() }];
    books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() }, |_| {});
    assert_eq!(books.total(), (Picodollars::new(130), Picodollars::ZERO));
    let [nameless, named] = books.series() else { panic!("{:?}", books.series()) };
    assert_eq!((nameless.settled, nameless.pending), (Sums::default(), Sums::default()));
    assert_eq!(named.settled.calls().collect::<Vec<_>>(), [(Status::Priced, 2)]);
    assert_eq!((named.settled.counting.input, named.pending), (17, Sums::default()));
}

/// Scenario: ten thousand model names against a limit of ten series.
/// Guarantees: the total is exact, the rest is in `other`, and counted.
#[test]
fn beyond_the_limit_everything_is_other() {
    let mut books = Books::new(&["user", "feature"], &[], 10);
    for n in 0..10_000 {
        let name = format!("model-{n}");
        books.book(&Booking { open: false, ..booking(&[1; 8], 1, &name) });
    }
    assert_eq!(books.total().0, Picodollars::new(10_000));
    assert_eq!((books.series().len(), books.folded()), (11, 9_990));
    assert_eq!(books.series()[10].labels.model(), OTHER);
}
