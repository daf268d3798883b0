//! Work that blocks: not on the threads that serve requests, and so much at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long somebody waits for others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does so much at once; who comes meanwhile waits.
#[derive(Clone, Debug)]
pub(super) struct Blocking(Arc<Semaphore>);

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Undone {
    /// Others took too long.
    Busy,
    /// It broke off.
    Broken(String),
}

impl Blocking {
    pub(super) fn new(at_once: usize) -> Self {
        Blocking(Arc::new(Semaphore::new(at_once)))
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Undone`]
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let permit = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let permit = permit.map_err(|_| Undone::Busy)?.map_err(|_| Undone::Busy)?;
        // The work itself holds the permit: it goes on when who asked goes away, and must not let more begin beside it.
        let work = move || {
            let _permit = permit;
            work()
        };
        spawn_blocking(work).await.map_err(|error| Undone::Broken(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    /// Scenario: somebody asks and goes away at once, again and again, as a page does that is loaded anew.
    /// Guarantees: no more is done at once than may be.
    #[tokio::test]
    async fn who_goes_away_does_not_make_room() {
        let (blocking, running) = (Blocking::new(2), Arc::new(AtomicUsize::new(0)));
        let (end, ends) = channel::<()>();
        let ends = Arc::new(std::sync::Mutex::new(ends));
        let ask = || {
            let (blocking, running, ends) = (blocking.clone(), Arc::clone(&running), Arc::clone(&ends));
            tokio::spawn(async move {
                let work = move || {
                    running.fetch_add(1, Ordering::SeqCst);
                    let _ = ends.lock().map(|ends| ends.recv());
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                blocking.run(work).await
            })
        };
        let begun = Instant::now();
        let mut more = 3;
        while more > 0 {
            let asked = ask();
            tokio::time::sleep(Duration::from_millis(20)).await;
            asked.abort();
            more -= i32::from(running.load(Ordering::SeqCst) >= 2);
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
        assert_eq!(running.load(Ordering::SeqCst), 2);
        let last = ask();
        drop(end);
        assert!(last.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_breaks_off_is_told_and_makes_room() {
        let blocking = Blocking::new(1);
        let broken = blocking.run(|| panic!("on purpose")).await;
        assert!(matches!(broken, Err::<(), _>(Undone::Broken(_))));
        assert_eq!(blocking.run(|| 1).await.ok(), Some(1));
    }
}
