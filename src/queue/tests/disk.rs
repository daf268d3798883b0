//! The log on disk: processes that end, power that is cut, bytes that are damaged, room that is not there.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::queue::storage::fake::FakeDisk;

const MANY: Budget = Budget { requests: 1_000_000, bytes: 1 << 30, on_full: OnFull::Refuse };

fn body(number: u32, length: usize) -> Bytes {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(length.max(4), number as u8);
    body.into()
}

pub(super) fn number(read: &Read) -> u32 {
    let Item::Request { body, .. } = &read.item else { panic!("{read:?}") };
    u32::from_le_bytes(body[..4].try_into().unwrap())
}

/// A log with two readers that are kept.
pub(super) struct Queue {
    pub(super) log: Log,
    pub(super) readers: [Reader; 2],
}

impl Queue {
    pub(super) fn open(disk: &FakeDisk) -> Self {
        let log = Log::open(Arc::new(disk.clone()), true).unwrap();
        let readers = ["a", "b"].map(|name| log.reader(name, MANY, Keeps::Cursor));
        log.recover(&[], |_| {}).unwrap();
        Queue { log, readers }
    }

    pub(super) fn commit(&self, number: u32, length: usize) -> Committed {
        let record = Record::from(Request::new(Signal::Traces, body(number, length), 1));
        let routes = [route(&self.readers[0]), Route { to: self.readers[1].id(), part: Part::Raw }];
        self.log.reserve(&routes, length).unwrap().commit(record)
    }

    /// Takes what is there, for a reader.
    pub(super) async fn take(&self, reader: usize) -> Option<Read> {
        {
            let cursor = &self.log.lock().cursors[reader];
            if cursor.requests() == cursor.taken.len() {
                return None;
            }
        }
        let patience = std::time::Duration::from_secs(5);
        tokio::time::timeout(patience, self.readers[reader].next()).await.unwrap()
    }
}

/// Scenario: records of all sizes, some larger than what cursors hold; one reader takes, the other one does not.
/// Guarantees: both get all, in order; a later process' readers go on where they were; what nobody needs any more is gone.
#[tokio::test]
async fn a_reader_that_does_not_keep_up_reads_the_files() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..300 {
        queue.commit(number, 1 + number as usize * 500).safe().await.unwrap();
        let read = queue.take(0).await.unwrap();
        assert_eq!(super::disk::number(&read), number);
        queue.readers[0].done(&read);
    }
    for number in 0..200 {
        let read = queue.take(1).await.unwrap();
        assert_eq!(super::disk::number(&read), number);
        if number != 7 {
            queue.readers[1].done(&read);
        }
    }
    queue.log.finish();
    assert_eq!(queue.log.files().unwrap().damaged, 0, "nothing is damaged");

    let queue = Queue::open(&disk);
    assert_eq!((queue.readers[0].left(), queue.readers[1].left()), (0, 101));
    for number in std::iter::once(7).chain(200..300) {
        let read = queue.take(1).await.unwrap();
        assert_eq!(super::disk::number(&read), number);
        queue.readers[1].done(&read);
    }
    queue.commit(0, 1).safe().await.unwrap();
    for reader in 0..2 {
        let read = queue.take(reader).await.unwrap();
        queue.readers[reader].done(&read);
    }
    queue.log.finish();
    assert!(queue.log.files().unwrap().bytes < 1000, "{:?}", queue.log.files());
}

/// Scenario: seeded histories of commits, deliveries and power cuts, of which some tear what was being written.
/// Guarantees: every reader gets every record that was safe, unless it is done with it; nothing that nobody committed.
#[test]
fn power_cuts_lose_nothing_that_was_safe() {
    let seeds: u64 = std::env::var("PRICETAG_SEEDS").map_or(1000, |seeds| seeds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in 0..seeds {
        runtime.block_on(history(seed));
    }
}

async fn history(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut disk = FakeDisk::default();
    let mut next = 0;
    let mut committed: BTreeSet<u32> = BTreeSet::new();
    let mut owed: [BTreeSet<u32>; 2] = Default::default();
    for life in 0..4 {
        let queue = Queue::open(&disk);
        let steps = if life == 3 { 0 } else { random.random_range(0..30) };
        for _ in 0..steps {
            if random.random_bool(0.6) {
                let many = random.random_range(1..4);
                let numbers: Vec<u32> = (next..next + many).collect();
                next += many;
                let length = |random: &mut StdRng| match random.random_range(0..10) {
                    0 => random.random_range(1..200_000),
                    _ => random.random_range(1..2_000),
                };
                let on_their_way: Vec<Committed> =
                    numbers.iter().map(|number| queue.commit(*number, length(&mut random))).collect();
                committed.extend(&numbers);
                if random.random_bool(0.1) {
                    break;
                }
                for (number, committed) in numbers.iter().zip(on_their_way) {
                    committed.safe().await.unwrap();
                    owed.iter_mut().for_each(|owed| _ = owed.insert(*number));
                }
            } else {
                let reader = random.random_range(0..2);
                if let Some(read) = queue.take(reader).await {
                    assert!(committed.contains(&number(&read)), "seed {seed}");
                    // Some are taken and never done.
                    if random.random_bool(0.8) {
                        owed[reader].remove(&number(&read));
                        queue.readers[reader].done(&read);
                    }
                }
            }
        }
        if life < 3 {
            disk.cut();
            queue.log.finish();
            disk = disk.after(seed * 10 + life);
            continue;
        }
        for (reader, owed) in owed.iter_mut().enumerate() {
            while let Some(read) = queue.take(reader).await {
                assert!(committed.contains(&number(&read)), "seed {seed}");
                owed.remove(&number(&read));
                queue.readers[reader].done(&read);
            }
            assert!(owed.is_empty(), "seed {seed}: reader {reader} never gets {owed:?}");
        }
        queue.log.finish();
    }
}

/// Scenario: a queue with a hundred records, of which bytes are changed or cut off.
/// Guarantees: it opens, delivers all that is whole, in order, and puts the rest aside; the process goes on.
#[test]
fn damage_costs_what_is_damaged() {
    let mutations: u64 = std::env::var("PRICETAG_MUTATIONS").map_or(1000, |it| it.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pristine = FakeDisk::default();
    runtime.block_on(async {
        let queue = Queue::open(&pristine);
        for number in 0..100 {
            queue.commit(number, 50 + number as usize % 7).safe().await.unwrap();
        }
        queue.log.finish();
    });
    let segment = pristine.list().unwrap().into_iter().find(|name| name.ends_with(".log")).unwrap();
    for seed in 0..mutations {
        let mut random = StdRng::seed_from_u64(seed);
        let disk = pristine.after(1);
        let damages = random.random_range(1..4);
        for _ in 0..damages {
            match random.random_range(0..5) {
                0 => disk.truncate(&segment, random.random_range(1..1_000_000)),
                _ => disk.damage(&segment, random.random_range(0..1_000_000), random.random_range(1..=255)),
            }
        }
        let truncated = disk.open(&segment).unwrap().length().unwrap()
            < pristine.open(&segment).unwrap().length().unwrap();
        runtime.block_on(async {
            let queue = Queue::open(&disk);
            let mut got = Vec::new();
            while let Some(read) = queue.take(0).await {
                got.push((number(&read), read.item.bytes()));
                queue.readers[0].done(&read);
            }
            assert!(got.is_sorted(), "seed {seed}");
            assert!(got.iter().all(|(number, length)| *length == 50 + *number as usize % 7), "seed {seed}");
            assert!(truncated || got.len() >= 100 - damages, "seed {seed}: {} of 100", got.len());
            queue.commit(7, 10).safe().await.unwrap();
            queue.log.finish();
        });
    }
}

/// Scenario: the disk is full for a while.
/// Guarantees: what is on its way is neither acknowledged nor lost; nothing else is taken; it goes on by itself.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    queue.commit(0, 100).safe().await.unwrap();
    disk.set_room(Some(50));
    let stuck = queue.commit(1, 100).safe();
    tokio::pin!(stuck);
    let patience = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, &mut stuck).await.is_err());
    let refused = queue.log.reserve(&[route(&queue.readers[0])], 1).unwrap_err();
    assert!(matches!(refused, Full::Disk(_)), "{refused}");
    disk.set_room(None);
    stuck.await.unwrap();
    queue.commit(2, 100).safe().await.unwrap();
    let mut got = BTreeMap::new();
    while let Some(read) = queue.take(0).await {
        *got.entry(number(&read)).or_insert(0) += 1;
        queue.readers[0].done(&read);
    }
    assert_eq!(got, BTreeMap::from([(0, 1), (1, 1), (2, 1)]));
    queue.log.finish();
}

/// Scenario: the queue itself has filled the disk; then its readers get on.
/// Guarantees: what they are done with makes room for what is stuck, without anybody's help.
#[tokio::test]
async fn a_disk_that_the_queue_has_filled_recovers() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..4 {
        queue.commit(number, 6 << 20).safe().await.unwrap();
    }
    disk.set_room(Some(0));
    let stuck = queue.commit(4, 1000).safe();
    tokio::pin!(stuck);
    let patience = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, &mut stuck).await.is_err());
    for reader in [0, 1] {
        for expected in 0..4 {
            let read = queue.readers[reader].next().await.unwrap();
            assert_eq!(number(&read), expected);
            queue.readers[reader].done(&read);
        }
    }
    tokio::time::timeout(std::time::Duration::from_secs(20), stuck).await.unwrap().unwrap();
    queue.log.finish();
}

/// Scenario: every head of a segment is damaged.
/// Guarantees: it is the same log all the same, for the cursors say which it is: money is not booked twice.
#[test]
fn a_log_without_heads_is_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let disk = FakeDisk::default();
    runtime.block_on(async {
        let queue = Queue::open(&disk);
        queue.commit(0, 10).safe().await.unwrap();
        queue.log.finish();
        let id = queue.log.identity().unwrap().0;
        disk.damage("00000000000000000000.log", 15, 1);
        let queue = Queue::open(&disk);
        assert_eq!(queue.log.identity().unwrap().0, id);
        assert_eq!(queue.take(0).await.map(|read| number(&read)), Some(0));
        queue.log.finish();
    });
}

/// Scenario: a segment of a newer version.
/// Guarantees: it is refused by name, and left as it is.
#[test]
fn a_newer_version_is_refused() {
    let disk = FakeDisk::default();
    let mut head = b"ptqueue\n".to_vec();
    head.extend_from_slice(&2u32.to_le_bytes());
    head.extend_from_slice(&[0; 24]);
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    disk.create("00000000000000000000.log").unwrap().write(&head, 0).unwrap();
    let refused = Log::open(Arc::new(disk.clone()), true).unwrap_err().to_string();
    assert!(refused.contains("00000000000000000000.log is of version 2"), "{refused}");
    assert_eq!(disk.list().unwrap().len(), 1);
}

/// Scenario: an exporter of two is gone when the next processes begin, one after the other; much comes for the other one. Then it is back.
/// Guarantees: what waited for it is there, nothing else pins the files meanwhile; nothing is kept for one for whom nothing waited.
#[tokio::test]
async fn an_exporter_that_is_gone_finds_what_waited() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..10 {
        queue.commit(number, 100).safe().await.unwrap();
    }
    for number in 0..5 {
        let read = queue.take(1).await.unwrap();
        if number != 2 {
            queue.readers[1].done(&read);
        }
    }
    queue.log.finish();
    for life in 0..2 {
        let log = Log::open(Arc::new(disk.clone()), true).unwrap();
        let alone = log.reader("a", MANY, Keeps::Cursor);
        let left = log.recover(&[], |_| {}).unwrap();
        assert_eq!((left.requests, left.absent), (if life == 0 { 10 } else { 0 }, vec![("b".to_owned(), 6)]));
        for number in 0..40 {
            let record = Record::from(Request::new(Signal::Traces, body(number, 1 << 20), 1));
            log.reserve(&[route(&alone)], 1 << 20).unwrap().commit(record).safe().await.unwrap();
        }
        while alone.left() > 0 {
            let read = alone.next().await.unwrap();
            alone.done(&read);
        }
        log.finish();
        let bytes = log.files().unwrap().bytes;
        assert!(bytes < 18 << 20, "one of its segments, and the last: {bytes}");
    }
    let waits = crate::queue::recovery::waiting(Arc::new(disk.clone())).unwrap();
    assert_eq!(waits, [("a".to_owned(), 0), ("b".to_owned(), 6)]);
    let queue = Queue::open(&disk);
    for number in [2, 5, 6, 7, 8, 9] {
        let read = queue.take(1).await.unwrap();
        assert_eq!(super::disk::number(&read), number);
        queue.readers[1].done(&read);
    }
    queue.log.finish();
    let log = Log::open(Arc::new(disk.clone()), true).unwrap();
    log.reader("a", MANY, Keeps::Cursor);
    assert_eq!(log.recover(&[], |_| {}).unwrap().absent, []);
    log.finish();
    assert_eq!(crate::queue::recovery::waiting(Arc::new(disk)).unwrap(), [("a".to_owned(), 0)]);
}
