//! Holds requests back until the spans above their calls have come, which tend to come later, and lets them go with what those say.
//!
//! It is a reader of the queue like an exporter, and puts what it lets go into the queue again: so what it holds has been acknowledged,
//! survives as everything there does, and takes no memory beyond that. Its calls were judged and booked when they came; here they are only
//! written anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{BLOCKING_BYTES, Intake, Refusal, offload};
use crate::queue::{Committed, Item, Read, Reader, Request, Route};
use crate::time::unix_nano;

/// What it is called among the readers of the queue.
pub const NAME: &str = "hold";

/// How often it is looked whether there is room again, or too little left.
const LOOK: Duration = Duration::from_millis(100);

/// Holds requests back.
#[derive(Debug)]
pub struct Hold {
    /// What is held.
    pub reader: Reader,
    /// Writes it anew.
    pub intake: Arc<Intake>,
    /// Where it goes then.
    pub routes: Arc<[Route]>,
    /// For how long.
    pub time: Duration,
    /// So many bytes at most: beyond, the oldest go earlier.
    pub most: usize,
    /// Counts those.
    pub early: Arc<AtomicU64>,
}

/// What is on its way into the queue again. Until it is safe there it takes room here.
#[derive(Debug, Default)]
struct Leaving {
    tasks: JoinSet<usize>,
    bytes: usize,
}

impl Leaving {
    fn forget_who_has_left(&mut self) {
        while let Some(left) = self.tasks.try_join_next() {
            self.bytes = self.bytes.saturating_sub(left.unwrap_or(0));
        }
    }
}

/// When the one before came, and when it was due.
type Before = Option<(u64, Instant)>;

impl Hold {
    /// Holds until the queue is closed, or `stop` is turned: then what survives the process stays for the next one, and all else goes at
    /// once.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if self.routes.is_empty() {
            // It waits for a config that has somebody for it.
            return;
        }
        let (mut leaving, mut before) = (Leaving::default(), None);
        while let Some(read) = self.next(&mut stop).await {
            let Item::Held(request) = &read.item else { continue };
            let due = self.due(request.arrived, before);
            before = Some((request.arrived, due));
            self.intake.holds(Some(request.arrived));
            if !self.wait(due, &mut leaving, &mut stop).await {
                break;
            }
            let Some(committed) = self.let_go(request, &mut stop).await else { break };
            let (reader, bytes) = (self.reader.clone(), request.raw.len());
            leaving.bytes += bytes;
            leaving.tasks.spawn(async move {
                if committed.safe().await.is_ok() {
                    reader.done(&read);
                }
                bytes
            });
        }
        while leaving.tasks.join_next().await.is_some() {}
    }

    async fn next(&self, stop: &mut watch::Receiver<bool>) -> Option<Read> {
        if self.reader.waiting() == 0 {
            // What comes from now on is in traces that are not idle for long.
            self.intake.holds(None);
        }
        tokio::select! {
            read = self.reader.next() => read,
            () = stopped(stop), if self.reader.is_kept() => None,
        }
    }

    /// When a request is to go. Clocks may have been set since it came, so that the time since the one before is looked at, too.
    fn due(&self, arrived: u64, before: Before) -> Instant {
        let nanoseconds = |later: u64, earlier: u64| Duration::from_nanos(later.saturating_sub(earlier));
        let due = Instant::now() + self.time.saturating_sub(nanoseconds(unix_nano(), arrived));
        before.map_or(due, |(then, due_then)| due.min(due_then + nanoseconds(arrived, then)))
    }

    /// Waits until then, or less if it has to be; `false`: the next process will.
    async fn wait(&self, due: Instant, leaving: &mut Leaving, stop: &mut watch::Receiver<bool>) -> bool {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if *stop.borrow() {
                return !self.reader.is_kept();
            }
            if left.is_zero() {
                return true;
            }
            leaving.forget_who_has_left();
            if self.reader.bytes().saturating_sub(leaving.bytes) > self.most {
                self.early.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            let _ = timeout(left.min(LOOK), stopped(stop)).await;
        }
    }

    /// Lets a request go as soon as there is room for it; `None`: the next process will.
    async fn let_go(&self, request: &Request, stop: &mut watch::Receiver<bool>) -> Option<Committed> {
        loop {
            if *stop.borrow() {
                if self.reader.is_kept() {
                    return None;
                }
                // Nobody finds room any more, and nothing else comes.
                self.intake.let_go_at_last(request, &self.routes);
                return Some(Committed::NOTHING);
            }
            match self.written_anew(request).await {
                Ok(committed) => return Some(committed),
                // Its exporters are full: here it is as safe as there.
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    async fn written_anew(&self, request: &Request) -> Result<Committed, Refusal> {
        if request.raw.len() <= BLOCKING_BYTES {
            return self.intake.let_go(request, &self.routes);
        }
        let (intake, request, routes) = (Arc::clone(&self.intake), request.clone(), Arc::clone(&self.routes));
        offload(move || intake.let_go(&request, &routes)).await
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Whoever could is gone, and the process with him.
        std::future::pending().await
    }
}
