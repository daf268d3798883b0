//! Entries, written and read.

use super::*;

#[test]
fn entries_survive_the_wire() {
    let bytes;
    let booking = Booking {
        trace: &[1; 16],
        span: &[2; 8],
        end_unix_nano: 1_795_380_558_533_402_858,
        open: true,
        verdict: Counted::AsDuplicate,
        status: Status::Partial,
        money: Some(Picodollars::new(-5_000_000_000_000_000_000_000)),
        reported: Some(Reported { cost: Picodollars::new(1), difference: Picodollars::new(-2) }),
        provider: "anthropic".into(),
        model_asked: "claude-sonnet-4-5".into(),
        model_served: "claude-sonnet-4-5-20250929".into(),
        operation: "chat".into(),
        input: 1500,
        output: 350,
        cache_read: 1024,
        cache_write: 300,
        reasoning: 200,
        dimensions: smallvec::smallvec!["ann".into(), "".into(), "search".into()],
    };
    let unknown = Booking { status: Status::UnknownModel, ..Booking::default() };
    let mut written = Entries::default();
    written.push_booking(&booking);
    written.push_booking(&unknown);
    written.push_settlement(&[3; 16], |changes| {
        changes.push(&[4; 8], Counted::AsAggregate, None);
        changes.push(&[5; 8], Counted::Here, Some(&booking));
    });
    bytes = written.take();
    let read: Vec<_> = entries(&bytes).collect::<Result<_, _>>().unwrap();
    let changes = vec![
        Change { span: &[4; 8], verdict: Counted::AsAggregate, restated: None },
        Change { span: &[5; 8], verdict: Counted::Here, restated: Some(Box::new(booking.clone())) },
    ];
    let settlement = Settlement { trace: &[3; 16], changes };
    assert_eq!(read, [Entry::Booking(booking), Entry::Booking(unknown), Entry::Settlement(settlement)]);
    assert!(written.take().is_empty());
}
