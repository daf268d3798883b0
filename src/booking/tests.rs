//! Entries, written and read.

use super::*;

#[test]
fn entries_survive_the_wire() {
    let bytes;
    let booking = Booking {
        trace: &[1; 16],
        span: &[2; 8],
        end_unix_nano: 1_795_380_558_533_402_858,
        misdated: true,
        open: true,
        verdict: Counted::AsDuplicate,
        status: Status::Partial,
        money: Some(Picodollars::new(-5_000_000_000_000_000_000_000)),
        reported: Some(Reported { cost: Picodollars::new(1), difference: Picodollars::new(-2) }),
        saved: Picodollars::new(1 << 70),
        weight: Weight::new(1 << 56, 3).unwrap(),
        provider: "anthropic".into(),
        model_asked: "claude-sonnet-4-5".into(),
        model_served: "claude-sonnet-4-5-20250929".into(),
        operation: "chat".into(),
        catalog_version: "genai-prices 0.2.3".into(),
        service_tier: "flex".into(),
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
    written.push_settlement(&[3; 16], "GET /ask".into(), &[6; 8], |changes| {
        changes.again();
        changes.push(&[4; 8], Counted::AsAggregate, None, [(0, "ben".into()), (300, "".into())]);
        changes.push(&[5; 8], Counted::Here, Some(&booking), [(2, "chat".into())]);
    });
    written.push_settlement(&[7; 16], Text::default(), &[], |_| {});
    bytes = written.take();
    let read: Vec<_> = entries(&bytes).collect::<Result<_, _>>().unwrap();
    let changes = vec![
        Change {
            span: &[4; 8],
            verdict: Counted::AsAggregate,
            restated: None,
            moved: vec![(0, "ben".into()), (300, "".into())],
        },
        Change {
            span: &[5; 8],
            verdict: Counted::Here,
            restated: Some(Box::new(booking.clone())),
            moved: vec![(2, "chat".into())],
        },
    ];
    let settlement =
        Settlement { trace: &[3; 16], action: "GET /ask".into(), root: &[6; 8], again: true, changes };
    let nameless = Settlement { trace: &[7; 16], ..Settlement::default() };
    let settlements = [settlement, nameless].map(Entry::Settlement);
    let bookings = [booking, unknown].map(Entry::Booking);
    assert_eq!(read, bookings.into_iter().chain(settlements).collect::<Vec<_>>());
    assert!(written.take().is_empty());
}
