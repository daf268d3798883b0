//! Asks the ledger every few seconds, and tells what has changed.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::state::{Change, Spike, State};
use super::webhook::Webhook;
use super::words::line;
use super::{Spikes, event};
use crate::ledger::Ledger;
use crate::ledger::log_events::LogEvents;
use crate::ledger::query::QueryError;
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
    /// Something was wrong, and has been said.
    is_blind: bool,
    is_full: bool,
}

impl Watch {
    /// Watches `ledger`, shows what it finds in `spikes`, and sends `events`, and lines to the `webhook` if there is one.
    pub fn new(ledger: Ledger, spikes: Spikes, events: LogEvents, webhook: Option<Webhook>) -> Self {
        Watch { ledger, spikes, events, webhook, is_blind: false, is_full: false }
    }

    /// Watches for ever.
    pub async fn run(mut self) {
        let mut state = State::new(self.spikes.watched().rule);
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let (ledger, by) = (self.ledger.clone(), self.spikes.watched().by.clone());
            // The ledger's store is read from disk.
            let look = tokio::task::spawn_blocking(move || {
                let (mut state, mut changes) = (state, Vec::new());
                let seen = look(&mut state, &ledger, &by, &mut changes);
                (state, changes, seen)
            });
            let Ok((after, changes, seen)) = look.await else { return };
            state = after;
            self.tell(state.active().cloned().collect(), &changes);
            self.complain(&state, seen);
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
            changes.iter().for_each(|change| webhook.send(change, line(watched, change)));
        }
        if !changes.is_empty() && !self.events.is_idle() {
            self.events.send(changes.iter().map(|change| event::record(watched, change)).collect());
        }
    }

    /// Says once what keeps spikes from being seen.
    fn complain(&mut self, state: &State, seen: Result<(), QueryError>) {
        if let Err(error) = &seen
            && !self.is_blind
        {
            warn!("spikes can not be looked for: {error}");
        }
        if state.is_full() && !self.is_full {
            warn!("more spikes than are kept: raise processors.pricetag.spikes.above");
        }
        (self.is_blind, self.is_full) = (seen.is_err(), state.is_full());
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
