//! Producers: what they were told OK of is an obligation, all else they send again as it was, like an OTel SDK.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinHandle;

use crate::client::{Answer, Client};
use crate::content::{Author, Mix, Shipment, Trace};
use crate::options::Options;
use crate::rig::Rig;
use crate::seal::Key;

/// What is to be sent, and how.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    /// Half of them by gRPC, half by HTTP.
    pub(crate) producers: u32,
    /// The number of the first; no two of one run may have the same.
    pub(crate) first: u32,
    pub(crate) mix: Mix,
    /// Bytes of prompt in each call.
    pub(crate) prompt: usize,
    /// Calls of a request, all of one trace; 0: traces of all kinds.
    pub(crate) batch: usize,
    /// Requests of one producer in a second at most.
    pub(crate) pace: Option<f64>,
    pub(crate) manner: Manner,
    pub(crate) seed: u64,
}

impl Load {
    /// Traces of all kinds, two hundred requests a second.
    pub(crate) fn usual(rig: &Rig, manner: Manner, options: &Options) -> Self {
        Load {
            grpc: rig.grpc,
            http: rig.http,
            producers: 8,
            first: 1,
            mix: Mix::All,
            prompt: 300,
            batch: 0,
            pace: Some(25.0),
            manner,
            seed: options.seed,
        }
    }
}

/// How producers go about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They wait for answers, and send again what was not acknowledged.
    Patient,
    /// One attempt in thirty is given up within milliseconds, so that many requests are taken of which nobody hears; these, too, are sent
    /// again.
    Hasty,
    /// One attempt a request: an offer that does not wait for better times.
    Once,
}

/// Money and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Picodollars.
    pub(crate) cost: i128,
    pub(crate) calls: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, other: Sum) {
        self.cost += other.cost;
        self.calls += other.calls;
    }
}

/// What one producer, or all, may claim in the end.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// Spans that must arrive, and how.
    pub(crate) owed: HashMap<Key, u64>,
    /// What acknowledged traces cost, by user.
    pub(crate) due: BTreeMap<String, Sum>,
    /// Traces, of one request each, that may or may not have been taken.
    pub(crate) unsure: Vec<Trace>,
    pub(crate) acknowledged: u64,
    /// Attempts that were answered with "later".
    pub(crate) refused: u64,
    /// Of these, the ones that said how long to wait.
    pub(crate) with_wait: u64,
    /// Attempts that nobody answered.
    pub(crate) unanswered: u64,
    /// What a client drops; the last reason.
    pub(crate) rejected: u64,
    pub(crate) why: String,
    /// The longest from a request's first attempt to its acknowledgement.
    pub(crate) slowest: Duration,
}

impl Accounts {
    /// Takes another producer's.
    pub(crate) fn add(&mut self, other: Accounts) {
        self.owed.extend(other.owed);
        for (user, sum) in other.due {
            self.due.entry(user).or_default().add(sum);
        }
        self.unsure.extend(other.unsure);
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.with_wait += other.with_wait;
        self.unanswered += other.unanswered;
        self.rejected += other.rejected;
        if !other.why.is_empty() {
            self.why = other.why;
        }
        self.slowest = self.slowest.max(other.slowest);
    }

    fn owe(&mut self, shipment: &Shipment) {
        self.acknowledged += 1;
        self.owed.extend(shipment.stamps.iter().map(|stamp| (stamp.key, stamp.checksum)));
    }

    pub(crate) fn book(&mut self, trace: &Trace) {
        let sum = Sum { cost: trace.cost, calls: trace.calls };
        self.due.entry(trace.user.clone()).or_default().add(sum);
    }
}

const GOING: u8 = 0;
/// What has begun is brought to an end.
const FINISH: u8 = 1;
/// What is not acknowledged yet stays so.
const ABANDON: u8 = 2;

/// What producers have done so far, while they run.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Bytes of acknowledged requests.
    pub(crate) bytes: AtomicU64,
    stop: AtomicU8,
}

impl Progress {
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Producers at work.
pub(crate) struct Producers {
    pub(crate) progress: Arc<Progress>,
    tasks: Vec<JoinHandle<Accounts>>,
}

impl Producers {
    pub(crate) fn start(load: &Load) -> Self {
        let progress = Arc::<Progress>::default();
        let task = |n| tokio::spawn(produce(load.clone(), load.first + n, Arc::clone(&progress)));
        let tasks = (0..load.producers).map(task).collect();
        Producers { progress, tasks }
    }

    /// Ends them once all that they have begun is acknowledged.
    pub(crate) async fn finish(self) -> Accounts {
        self.end(FINISH).await
    }

    /// Ends them after the attempt that is under way.
    pub(crate) async fn abandon(self) -> Accounts {
        self.end(ABANDON).await
    }

    async fn end(self, how: u8) -> Accounts {
        self.progress.stop.store(how, Ordering::Relaxed);
        let mut all = Accounts::default();
        for task in self.tasks {
            all.add(task.await.unwrap());
        }
        all
    }
}

async fn produce(load: Load, number: u32, progress: Arc<Progress>) -> Accounts {
    let mut random = StdRng::seed_from_u64(load.seed.wrapping_add(u64::from(number)));
    let mut client = Client::new(load.grpc, load.http, number.is_multiple_of(2));
    let mut author = Author::new(number, load.mix, load.prompt, StdRng::from_rng(&mut random));
    let mut accounts = Accounts::default();
    let began = Instant::now();
    for sent in 0_u32.. {
        if let Some(pace) = load.pace {
            let due = Duration::from_secs_f64((f64::from(sent) + random.random::<f64>()) / pace);
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        }
        if progress.stop.load(Ordering::Relaxed) != GOING {
            break;
        }
        let trace = if load.batch > 0 { author.batch(load.batch) } else { author.trace() };
        let mut is_complete = true;
        for shipment in &trace.shipments {
            is_complete &= ship(&mut client, shipment, &load, &progress, &mut accounts, &mut random).await;
        }
        if is_complete {
            accounts.book(&trace);
        } else if trace.shipments.len() == 1 {
            accounts.unsure.push(trace);
        } else {
            // What a part of a trace costs is another question than this suite's, and what is rejected has failed anyway.
            assert!(accounts.rejected > 0, "only traces of one request may be left undone");
        }
    }
    accounts
}

/// Sends a request until it is acknowledged, if that is wanted; says whether it was.
async fn ship(
    client: &mut Client,
    shipment: &Shipment,
    load: &Load,
    progress: &Progress,
    accounts: &mut Accounts,
    random: &mut StdRng,
) -> bool {
    let (began, mut backoff) = (Instant::now(), Duration::from_millis(5));
    loop {
        let mut wait = None;
        let timeout = match load.manner {
            Manner::Hasty if random.random_range(0..30) == 0 => {
                Duration::from_micros(random.random_range(200..10_000))
            }
            Manner::Hasty => Duration::from_secs(2),
            // What an SDK has.
            Manner::Patient | Manner::Once => Duration::from_secs(10),
        };
        match client.send(shipment.body.clone(), timeout).await {
            Answer::Acknowledged => {
                accounts.slowest = accounts.slowest.max(began.elapsed());
                accounts.owe(shipment);
                progress.acknowledged.fetch_add(1, Ordering::Relaxed);
                progress.bytes.fetch_add(shipment.body.len() as u64, Ordering::Relaxed);
                return true;
            }
            Answer::Later(asked) => {
                accounts.refused += 1;
                accounts.with_wait += u64::from(asked.is_some());
                progress.refused.fetch_add(1, Ordering::Relaxed);
                wait = asked;
            }
            Answer::Nothing => accounts.unanswered += 1,
            Answer::Rejected(why) => {
                accounts.rejected += 1;
                accounts.why = why;
                return false;
            }
        }
        if load.manner == Manner::Once || progress.stop.load(Ordering::Relaxed) == ABANDON {
            return false;
        }
        // An impatient client is the harder one: it comes again while the first attempt is just being replayed.
        let longest = Duration::from_millis(150);
        let pause = wait.unwrap_or(backoff).min(longest).mul_f64(random.random_range(0.5..1.0));
        backoff = backoff.saturating_mul(2).min(longest);
        tokio::time::sleep(pause).await;
    }
}
