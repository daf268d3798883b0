//! Sectors that a disk can not read any more.

use std::time::Duration;

use super::disk::{Queue, number};
use super::*;
use crate::queue::storage::fake::FakeDisk;

const FIRST: &str = "00000000000000000000.log";

async fn all(queue: &Queue, reader: usize) -> Vec<u32> {
    let mut got = Vec::new();
    while let Some(read) = queue.take(reader).await {
        got.push(number(&read));
        queue.readers[reader].done(&read);
    }
    got
}

fn damaged(disk: &FakeDisk) -> usize {
    disk.list().unwrap().iter().filter(|name| name.starts_with("damaged-")).count()
}

/// Scenario: a sector in the middle is lost, later the head of the file and the cursors as well; each time a process begins.
/// Guarantees: it begins; all records that are not in a lost page are delivered, the others put aside and counted; it goes on.
#[tokio::test]
async fn a_start_goes_on_behind_them() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..100 {
        queue.commit(number, 1000).safe().await.unwrap();
    }
    queue.log.finish();
    let id = queue.log.identity();

    disk.lose(FIRST, 50..51);
    let queue = Queue::open(&disk);
    let got = all(&queue, 0).await;
    assert!(got.is_sorted() && (93..97).contains(&got.len()), "{got:?}");
    assert_eq!((queue.log.files().unwrap().damaged, damaged(&disk)), (1, 1));
    queue.commit(100, 1000).safe().await.unwrap();
    assert_eq!(all(&queue, 0).await, [100]);
    queue.log.finish();

    disk.lose(FIRST, 0..1);
    let queue = Queue::open(&disk);
    assert_eq!(queue.log.identity().map(|it| it.0), id.map(|it| it.0), "the cursors say which log it is");
    assert_eq!(all(&queue, 0).await, [] as [u32; 0]);
    assert_eq!(all(&queue, 1).await.last(), Some(&100));
    queue.log.finish();

    disk.lose("cursors.json", 0..1);
    let queue = Queue::open(&disk);
    assert_eq!(all(&queue, 0).await, [100], "what is still there is delivered again");
    queue.log.finish();
}

/// Scenario: a reader does not keep up; a record that only the file has is lost, a MiB of it.
/// Guarantees: it gets all others, without a restart, and drains.
#[tokio::test]
async fn a_reader_goes_on_behind_them() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..14 {
        queue.commit(number, 1 << 20).safe().await.unwrap();
    }
    let sectors = |mib: usize| mib * 2048 + 100;
    disk.lose(FIRST, sectors(11)..sectors(12));
    let mut got = Vec::new();
    while queue.readers[0].left() > 0 {
        let read = tokio::time::timeout(Duration::from_secs(5), queue.readers[0].next());
        let Ok(Some(read)) = read.await else { panic!("after {got:?}") };
        got.push(number(&read));
        queue.readers[0].done(&read);
    }
    let expected: Vec<u32> = (0..14).filter(|number| ![11, 12].contains(number)).collect();
    assert_eq!(got, expected);
    queue.log.finish();
}

/// Scenario: nothing of the file can be read, and nothing be written: the disk is gone for a while.
/// Guarantees: nothing is given up; when it is back everything is delivered.
#[tokio::test]
async fn a_disk_that_is_gone_is_no_lost_sector() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..14 {
        queue.commit(number, 1 << 20).safe().await.unwrap();
    }
    disk.lose(FIRST, 0..1 << 20);
    disk.set_room(Some(0));
    let reader = queue.readers[0].clone();
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        while reader.left() > 0 {
            let Some(read) = reader.next().await else { break };
            got.push(number(&read));
            reader.done(&read);
        }
        got
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!reading.is_finished());
    assert_eq!((queue.log.files().unwrap().damaged, damaged(&disk)), (0, 0));
    disk.heal(FIRST);
    disk.set_room(None);
    let got = tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap().unwrap();
    assert_eq!(got, (0..14).collect::<Vec<u32>>());
    queue.log.finish();
}

/// Scenario: the disk is back after a piece of a file could not be read, and before it is put aside.
/// Guarantees: it is read again, and nothing is damaged.
#[tokio::test]
async fn a_disk_that_comes_back_meanwhile_has_lost_nothing() {
    let disk = FakeDisk::default();
    let queue = Queue::open(&disk);
    for number in 0..100 {
        queue.commit(number, 1000).safe().await.unwrap();
    }
    queue.log.finish();
    disk.lose(FIRST, 50..90);
    disk.heal_later(FIRST);
    let queue = Queue::open(&disk);
    assert_eq!(all(&queue, 0).await, (0..100).collect::<Vec<u32>>());
    assert_eq!((queue.log.files().unwrap().damaged, damaged(&disk)), (0, 0));
    queue.log.finish();
}
