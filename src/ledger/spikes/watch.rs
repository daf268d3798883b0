//! Asks the ledger every few seconds, and tells what has changed.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::state::{Change, Spike, State};
use super::webhook::Webhook;
use super::words::{line, message};
use super::{Spikes, event};
use crate::ledger::Ledger;
use crate::ledger::log_events::LogEvents;
use crate::ledger::query::QueryError;
use crate::said::Failing;
use crate::time::unix_nano;

/// How often the ledger is asked.
const INTERVAL: Duration = Duration::from_secs(5);

/// Who watches.
#[derive(Debug)]
pub struct Watch {
    ledger: Ledger,
    spikes: Spikes,
    events: LogEvents,
    webhook: Option<Webhook>,
    /// Something is wrong, and has been said.
    blind: Failing,
    broken: Failing,
    is_full: bool,
}

impl Watch {
    /// Watches `ledger`, shows what it finds in `spikes`, and sends `events`, and lines to the `webhook` if there is one.
    pub fn new(ledger: Ledger, spikes: Spikes, events: LogEvents, webhook: Option<Webhook>) -> Self {
        let (blind, broken) = Default::default();
        Watch { ledger, spikes, events, webhook, blind, broken, is_full: false }
    }

    /// Watches for ever.
    pub async fn run(mut self) {
        let mut state = State::new(self.spikes.watched().rule);
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let (ledger, by) = (self.ledger.clone(), self.spikes.watched().by.clone());
            let looking =
                move |state: &mut State, changes: &mut Vec<Change>| look(state, &ledger, &by, changes);
            state = self.step(state, looking).await;
        }
    }

    /// Looks once, and tells. A look that panics takes what is known with it: spikes that there are begin anew.
    pub(super) async fn step(
        &mut self,
        mut state: State,
        look: impl FnOnce(&mut State, &mut Vec<Change>) -> Result<(), QueryError> + Send + 'static,
    ) -> State {
        // The ledger's store is read from disk.
        let looked = spawn_blocking(move || {
            let mut changes = Vec::new();
            let seen = look(&mut state, &mut changes);
            (state, changes, seen)
        });
        let looked = looked.await;
        let is_news = self.broken.is_news(&looked);
        match looked {
            Ok((state, changes, seen)) => {
                if is_news {
                    info!("spikes are looked for again");
                }
                self.tell(state.active().cloned().collect(), &changes);
                self.complain(&state, seen);
                state
            }
            Err(fault) => {
                if is_news {
                    error!("looking for spikes has failed, a fault of pricetag: {fault}; it begins anew");
                }
                // Those that are shown are of a time that is over.
                self.tell(Vec::new(), &[]);
                State::new(self.spikes.watched().rule)
            }
        }
    }

    /// Tells what has changed, and shows the spikes that there are.
    pub(super) fn tell(&mut self, active: Vec<Spike>, changes: &[Change]) {
        self.spikes.set(active, changes);
        let watched = self.spikes.watched();
        if let [first, rest @ ..] = changes {
            // One line, for there may be a thousand.
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            warn!("spike of cost, {}: {}{more}", first.state(), line(watched, first));
        }
        if let Some(webhook) = &self.webhook {
            changes.iter().for_each(|change| webhook.send(change, message(watched, change)));
        }
        if !changes.is_empty() && !self.events.is_idle() {
            self.events.send(changes.iter().map(|change| event::record(watched, change)).collect());
        }
    }

    /// Says once what keeps spikes from being seen, and that it no longer does.
    fn complain(&mut self, state: &State, seen: Result<(), QueryError>) {
        if self.blind.is_news(&seen) {
            match seen {
                Err(error) => warn!("spikes can not be looked for: {error}"),
                Ok(()) => info!("spikes can be looked for again"),
            }
        }
        if state.is_full() && !self.is_full {
            warn!("more spikes than are kept: raise processors.pricetag.spikes.above");
        }
        self.is_full = state.is_full();
    }
}

fn look(state: &mut State, ledger: &Ledger, by: &str, changes: &mut Vec<Change>) -> Result<(), QueryError> {
    let now = unix_nano() / 1_000_000_000;
    let costs = |hour: u32| {
        let rows = ledger.rows(by, hour..hour.saturating_add(1))?.into_iter();
        // Pending money too: a spike does not wait for traces to settle.
        Ok(rows.map(|it| (it.value, it.settled.money.saturating_add(it.pending.money))).collect())
    };
    let history = |value: &str, hours| ledger.history(by, value, hours);
    state.look(now, costs, history, changes)
}
