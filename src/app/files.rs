//! Files in force: read again when they change.
//!
//! What is watched are the folders: editors put a new file in an old one's place, and Kubernetes turns a link around. What
//! was read before is compared, so that nothing happens for nothing. Once a minute the files are read anyway: not every
//! file system tells of its changes.

mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::admin::reload::{OfFiles, Outcome};
use crate::yaml::Mistakes;

use watch::Watch;

/// The time between two readings that must agree before they count, and how many there are at most.
const SETTLE: Duration = Duration::from_millis(200);
const PATIENCE: usize = 25;
/// The least time between two attempts that nobody asked for: whoever writes all the time must not make us read all the time.
const PAUSE: Duration = Duration::from_secs(1);
/// How often files are read without being told, unless their kind says otherwise.
const TICK: Duration = Duration::from_secs(60);

/// A kind of files, and how they are put in force.
pub(super) trait Kind: Send + Sync + 'static {
    /// Their contents.
    type Files: Send + 'static;
    /// What they make, for log lines: `prices`.
    const WHAT: &'static str;
    /// What they are called there: `price files`.
    const FILES: &'static str;
    /// Counts how often they were read.
    const METRIC: &'static str;

    /// Where they are.
    fn paths(&self) -> Vec<PathBuf>;

    /// How often they are read without being told.
    fn tick(&self) -> Duration {
        TICK
    }

    /// Reads them. Blocks.
    ///
    /// # Errors
    /// One of them can not be read.
    fn read(&self) -> Result<Self::Files, Mistakes>;

    /// What stands in them, file by file.
    fn contents(files: &Self::Files) -> impl Iterator<Item = &[u8]>;

    /// Puts in force what they make, and says what has changed. Blocks.
    ///
    /// # Errors
    /// Something is wrong with them; what was in force stays.
    fn put(&self, files: Self::Files) -> Result<String, Mistakes>;

    /// What is in force, in a few words.
    fn in_force(&self) -> String;
}

/// Asks for the files of one kind to be read again.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    what: &'static str,
    asked: mpsc::Sender<oneshot::Sender<Outcome>>,
}

impl Bell {
    /// Asks, and waits for what comes of it.
    pub(super) async fn ring(&self) -> OfFiles {
        let (answer, answered) = oneshot::channel();
        let outcome = match self.asked.send(answer).await {
            Ok(()) => answered.await,
            Err(_) => {
                return OfFiles {
                    what: self.what,
                    outcome: Outcome::Refused("pricetag is shutting down".to_owned()),
                };
            }
        };
        let outcome =
            outcome.unwrap_or_else(|_| Outcome::Refused("they could not be read to their end".to_owned()));
        OfFiles { what: self.what, outcome }
    }
}

/// Tells contents apart: they may be too large to keep.
type State = Result<[u8; 32], Mistakes>;

fn state<K: Kind>(read: &Result<K::Files, Mistakes>) -> State {
    let files = read.as_ref().map_err(Clone::clone)?;
    let mut hash = Context::new(&SHA256);
    for content in K::contents(files) {
        hash.update(&(content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let mut state = [0; 32];
    state.copy_from_slice(hash.finish().as_ref());
    Ok(state)
}

/// Keeps files of one kind in force.
pub(super) struct Keeper<K> {
    kind: Arc<K>,
    /// What was read last, and what was wrong with it.
    last: (State, Option<Mistakes>),
    reloads: Counter<u64>,
    /// `None` while the files are read.
    watch: Option<Watch>,
    /// Who asks wants an answer; what has changed by itself is said in the log.
    asked: mpsc::Receiver<oneshot::Sender<Outcome>>,
    changed: Arc<Notify>,
}

impl<K: Kind> Keeper<K> {
    /// Keeps up to date what `files` made when they were put in force, in a task. What comes back asks to read them again.
    pub(super) fn keep(kind: K, files: K::Files, meter: &Meter, tasks: &mut JoinSet<()>) -> Bell {
        let (bell, asked) = mpsc::channel(1);
        let changed = Arc::new(Notify::new());
        let keeper = Keeper {
            last: (state::<K>(&Ok(files)), None),
            reloads: meter
                .u64_counter(K::METRIC)
                .with_description(format!("Times that changed {} were read, by outcome.", K::FILES))
                .build(),
            watch: Some(Watch::new(kind.paths(), K::FILES, Arc::clone(&changed))),
            kind: Arc::new(kind),
            asked,
            changed,
        };
        tasks.spawn(keeper.run());
        Bell { what: K::FILES, asked: bell }
    }

    async fn run(mut self) {
        let mut tick = interval(self.kind.tick());
        let mut rested = Instant::now();
        loop {
            let changed = async {
                sleep_until(rested).await;
                self.changed.notified().await;
            };
            let asked = tokio::select! {
                Some(answer) = self.asked.recv() => Some(answer),
                () = changed => None,
                _ = tick.tick() => None,
            };
            // Off the workers: reading a large list takes tens of milliseconds, a large table seconds. If something there
            // panics, which nothing does, what is in force stays.
            if let Some(outcome) = self.read_again(asked.is_some()).await
                && let Some(answer) = asked
            {
                // Who asked may have gone away.
                let _ = answer.send(outcome);
            }
            rested = Instant::now() + PAUSE;
        }
    }

    /// Reads the files as they are. Their folders are watched before, so that no change falls in between.
    async fn read(&mut self) -> Option<(Result<K::Files, Mistakes>, State)> {
        let mut watch = self.watch.take()?;
        let kind = Arc::clone(&self.kind);
        let read = tokio::task::spawn_blocking(move || {
            watch.follow();
            let read = kind.read();
            let state = state::<K>(&read);
            (watch, read, state)
        });
        let (watch, read, state) = read.await.ok()?;
        self.watch = Some(watch);
        Some((read, state))
    }

    /// What two readings agree on, for someone may be writing; `None` if that takes too long.
    async fn settled(&mut self) -> Option<(Result<K::Files, Mistakes>, State)> {
        let (mut read, mut state) = self.read().await?;
        if state == self.last.0 {
            return Some((read, state));
        }
        for _ in 0..PATIENCE {
            // Large files are not held twice.
            drop(read);
            sleep(SETTLE).await;
            let again;
            (read, again) = self.read().await?;
            if again == state {
                return Some((read, state));
            }
            state = again;
        }
        None
    }

    /// Puts in force what is new in the files; what came of it, unless reading them has panicked. That they are as they were, right or
    /// wrong, is said only where somebody `asked`.
    async fn read_again(&mut self, asked: bool) -> Option<Outcome> {
        let Some((read, state)) = self.settled().await else {
            let why = format!(
                "the {} do not come to rest; put a finished file in the old one's place instead of writing to it",
                K::FILES
            );
            warn!(in_force = self.kind.in_force(), "the {} stay as they are: {why}", K::WHAT);
            self.count("failed");
            return Some(Outcome::Refused(why));
        };
        if state == self.last.0 {
            return Some(match &self.last.1 {
                Some(mistakes) => self.failed(mistakes, asked),
                None if asked => {
                    info!(in_force = self.kind.in_force(), "the {} have not changed", K::FILES);
                    self.count("unchanged");
                    Outcome::Unchanged
                }
                None => Outcome::Unchanged,
            });
        }
        let kind = Arc::clone(&self.kind);
        let put = tokio::task::spawn_blocking(move || kind.put(read?)).await.ok()?;
        let outcome = match &put {
            Ok(changes) => {
                info!(in_force = self.kind.in_force(), "{} reloaded: {changes}", K::WHAT);
                self.count("changed");
                Outcome::Changed(changes.clone())
            }
            Err(mistakes) => self.failed(mistakes, true),
        };
        self.last = (state, put.err());
        Some(outcome)
    }

    fn failed(&self, mistakes: &Mistakes, is_news: bool) -> Outcome {
        if is_news {
            for mistake in &mistakes.0 {
                error!(in_force = self.kind.in_force(), "the {} stay as they are: {mistake}", K::WHAT);
            }
            self.count("failed");
        }
        Outcome::Refused(mistakes.to_string())
    }

    fn count(&self, outcome: &'static str) {
        self.reloads.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
