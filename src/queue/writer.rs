//! The thread that writes. What comes while it syncs is written and synced together: the more there is to do, the less often it
//! syncs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::log::{Log, Unwritten};
use super::positions::Positions;
use super::recovery::{Disk, lock};
use super::segments::{FULL, HEAD};
use super::storage::Blob;
use super::{Route, stored};
use crate::said::Failing;

/// How often it is written where the cursors are, and looked for files that nobody needs.
const KEEPING: Duration = Duration::from_millis(500);
/// How long to wait before it is tried again to write.
const AGAIN: Duration = Duration::from_millis(200);
/// Bytes that are written together, if there is more than one record of them.
const TOGETHER: usize = 8 << 20;
/// Bytes that are kept for the ledger alone: while its store can not be written, everything is. Beyond them a crash would cost sums, but a disk
/// that is full would cost requests.
const FOR_THE_LEDGER: u64 = 4 << 30;
/// Ends of the log that are remembered.
const MARKS: usize = 200;

struct Writer<'l> {
    log: &'l Log,
    disk: &'l Disk,
    dimensions: Vec<String>,
    /// What the readers are called, by their ids.
    readers: Vec<String>,
    /// The last segment, and where it began.
    segment: Option<(Arc<dyn Blob>, u64)>,
    /// Where the next record stands.
    at: u64,
    buffer: Vec<u8>,
    failing: Failing,
    kept: Option<Positions>,
    keeping: Failing,
}

/// Writes until the log is finished.
pub(super) fn run(log: &Log, dimensions: Vec<String>) {
    let Some(disk) = &log.inner.disk else { return };
    let at = disk.segments.end();
    let mut writer = Writer {
        log,
        disk,
        dimensions,
        readers: log.lock().cursors.iter().map(|cursor| cursor.name.clone()).collect(),
        segment: None,
        at,
        buffer: Vec::new(),
        failing: Failing::default(),
        kept: None,
        keeping: Failing::default(),
    };
    let mut keeping = Instant::now();
    loop {
        let mut state = log.lock();
        if state.unwritten.is_empty() && !state.finishing {
            let wait = KEEPING.saturating_sub(keeping.elapsed());
            state = log.inner.work.wait_timeout(state, wait).map_or_else(|it| it.into_inner().0, |it| it.0);
        }
        let batch = std::mem::take(&mut state.unwritten);
        let finishing = state.finishing;
        drop(state);
        let is_last = batch.is_empty() && finishing;
        writer.write(batch);
        if keeping.elapsed() >= KEEPING || is_last {
            keeping = Instant::now();
            writer.keep();
        }
        if is_last {
            return;
        }
    }
}

impl Writer<'_> {
    /// Writes records, and shows them to the readers.
    fn write(&mut self, batch: Vec<Unwritten>) {
        let mut group = Vec::new();
        for unwritten in batch {
            if self.segment.as_ref().is_none_or(|(_, base)| self.at + self.buffer.len() as u64 >= base + FULL)
                || self.buffer.len() >= TOGETHER
            {
                self.flush(&mut group);
                self.roll();
            }
            let position = self.at + self.buffer.len() as u64;
            let name = |(route, _): &(Route, usize)| (&*self.readers[route.to.0], route.part);
            let routes: SmallVec<[_; 4]> = unwritten.granted.iter().map(name).collect();
            stored::put(&mut self.buffer, position, &unwritten.record, &routes);
            group.push((unwritten, position, self.at + self.buffer.len() as u64));
        }
        self.flush(&mut group);
    }

    /// Writes the buffer, and shows what is in it.
    fn flush(&mut self, group: &mut Vec<(Unwritten, u64, u64)>) {
        if group.is_empty() {
            return;
        }
        let Some((blob, base)) = self.segment.clone() else { return };
        let (offset, buffer) = (self.at - base, std::mem::take(&mut self.buffer));
        let syncs = self.disk.syncs;
        let is_written = self.insist(|_| {
            blob.write(&buffer, offset)?;
            if syncs { blob.sync() } else { Ok(()) }
        });
        self.disk.writes.fetch_add(1, Ordering::Relaxed);
        self.at += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        if self.buffer.capacity() > TOGETHER {
            self.buffer = Vec::new();
        }
        if is_written.is_none() {
            // Nobody is told that it is safe, for it is not.
            group.clear();
            return;
        }
        self.disk.segments.written(self.at);
        let mut state = self.log.lock();
        for (unwritten, position, end) in group.drain(..) {
            state.unwritten_bytes -= unwritten.bytes();
            state.publish(unwritten, position, end, true);
        }
    }

    /// Begins a segment, if the last one is full or there is none.
    fn roll(&mut self) {
        if self.segment.as_ref().is_some_and(|(_, base)| self.at < base + FULL) {
            return;
        }
        let made = self.insist(|writer| {
            let (blob, first) = writer.disk.segments.create()?;
            let mut names = Vec::new();
            stored::put_dimensions(&mut names, first, &writer.dimensions);
            let base = first - HEAD;
            blob.write(&names, HEAD)?;
            let at = first + names.len() as u64;
            writer.disk.segments.written(at);
            Ok((blob, base, at))
        });
        if let Some((blob, base, at)) = made {
            self.segment = Some((blob, base));
            self.at = at;
        }
    }

    /// Does what has to be done for what has been accepted, as often as it takes: it may neither be lost, nor be accepted again,
    /// for its calls have been judged. Nothing else is accepted meanwhile. `None`: the log is finished, and it could not be done.
    fn insist<T>(&mut self, mut act: impl FnMut(&mut Self) -> io::Result<T>) -> Option<T> {
        loop {
            let done = act(self);
            if self.failing.is_news(&done) {
                match &done {
                    Ok(_) => tracing::info!("the queue on disk is written again"),
                    Err(error) => tracing::error!(
                        "the queue on disk can not be written: {error}; requests are refused until it can"
                    ),
                }
            }
            let mut state = self.log.lock();
            state.failing = done.as_ref().err().map(ToString::to_string);
            match done {
                Ok(done) => return Some(done),
                Err(_) if state.finishing => return None,
                Err(_) => {
                    drop(state);
                    // What readers are done with meanwhile makes room.
                    self.keep();
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    /// Writes where the cursors are, and removes files that nobody needs.
    fn keep(&mut self) {
        let (positions, needs, floor, end) = {
            let state = self.log.lock();
            let end = state.end;
            let positions = Positions::of(self.disk.segments.id, &state.cursors, end);
            let needs: Vec<_> = state.cursors.iter().map(|cursor| cursor.needs(end)).collect();
            let floor = state.floor.map(|floor| floor.max(end.saturating_sub(FOR_THE_LEDGER)));
            (positions, needs, floor, end)
        };
        {
            let mut marks = lock(&self.disk.marks);
            marks.push_back((Instant::now(), end));
            if marks.len() > MARKS {
                marks.pop_front();
            }
        }
        // First what makes room: without any, nothing can be written. A cursor that points to what is not there begins behind it.
        let swept = self.disk.segments.sweep(|first, last| {
            floor.is_some_and(|floor| floor < last) || needs.iter().any(|it| it.is_within(first, last))
        });
        let kept = match self.kept.as_ref() == Some(&positions) {
            true => Ok(()),
            false => positions.write(&*self.disk.storage).map(|()| self.kept = Some(positions)),
        };
        let kept = swept.and(kept);
        if self.keeping.is_news(&kept) {
            match kept {
                Ok(()) => tracing::info!("the queue's cursors are written again"),
                Err(error) => tracing::warn!(
                    "the queue's cursors can not be written: {error}; after a crash more would be delivered again"
                ),
            }
        }
    }
}
