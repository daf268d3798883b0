//! What may be taken, and when.

use std::cell::Cell;

use super::*;

const MIB: usize = 1 << 20;

thread_local! {
    /// What a process of a test has. Tests run in threads of their own.
    static USED: Cell<Option<u64>> = const { Cell::new(Some(0)) };
}

fn uses(mib: u64) {
    USED.set(Some(mib << 20));
}

/// A limit of 100 MiB, and nothing new above 80 MiB.
fn memory(every: Duration) -> Arc<Memory> {
    Arc::new(Memory::with(100 << 20, 20 << 20, every, || USED.get()))
}

/// Waits until a look is old.
fn later() {
    std::thread::sleep(AGAIN);
}

/// Scenario: a process that uses more and more, and then less.
/// Guarantees: above the soft limit nothing new is taken beside others; again only when five percent of the limit have become free.
#[test]
fn nothing_is_taken_above_the_soft_limit() {
    let memory = memory(Duration::ZERO);
    let mut other = memory.admit().unwrap();
    other.more(1).unwrap();
    for (used, is_taken) in
        [(10, true), (80, true), (81, false), (79, false), (76, false), (75, true), (80, true)]
    {
        uses(used);
        later();
        let admitted = memory.admit();
        assert_eq!(admitted.is_ok(), is_taken, "{used} MiB: {admitted:?}");
        if let Err(short) = admitted {
            let words = format!("{used} MiB are in use, and the limit is 100 MiB");
            assert!(short.to_string().contains(&words), "{short}");
        }
    }
}

/// Scenario: a process that stays above the soft limit though nothing is being taken in.
/// Guarantees: one request at a time is taken, and none once half of what is kept for spikes is gone.
#[test]
fn one_at_a_time_is_taken_above_the_soft_limit() {
    let memory = memory(Duration::ZERO);
    for (used, left) in [(85, Some(5)), (89, Some(1)), (90, None), (120, None)] {
        uses(used);
        later();
        let admitted = memory.admit();
        assert_eq!(admitted.is_ok(), left.is_some(), "{used} MiB: {admitted:?}");
        let (Ok(mut one), Some(left)) = (admitted, left) else { continue };
        one.more(left * MIB).unwrap();
        later();
        assert!(one.more(1).is_err() && memory.admit().is_err());
    }
}

/// Scenario: requests that take what there is, at one look; they end, and the process still has what they took, or not any more.
/// Guarantees: together no more than what was free; who finds no room holds what it held; what is given back counts when it is seen to be free.
#[test]
fn no_more_is_taken_than_is_free() {
    let memory = memory(Duration::from_secs(3600));
    uses(40);
    later();
    memory.look(Duration::ZERO);
    let (mut one, mut other) = (memory.admit().unwrap(), memory.admit().unwrap());
    one.more(40 * MIB).unwrap();
    other.more(20 * MIB).unwrap();
    assert!(one.more(1).is_err() && other.more(1).is_err());
    assert_eq!((one.bytes, other.bytes), (40 << 20, 20 << 20));
    // Into a queue.
    uses(80);
    drop(one);
    later();
    assert!(other.more(1).is_err(), "20 MiB are held, and the process has 80");
    uses(50);
    later();
    other.more(30 * MIB).unwrap();
    drop(other);
    assert_eq!(memory.held.load(Ordering::Relaxed), 0);
}

/// Guarantees: where the system says nothing, what is held counts.
#[test]
fn without_a_look_what_is_held_counts() {
    let memory = memory(Duration::from_secs(3600));
    USED.set(None);
    let mut one = memory.admit().unwrap();
    one.more(100 * MIB).unwrap();
    let mut other = memory.admit().unwrap();
    later();
    assert!(other.more(MIB).is_err());
    drop(one);
    later();
    other.more(100 * MIB).unwrap();
}
