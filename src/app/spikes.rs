//! The watch for spikes of cost, from the config.

use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;

use super::StartError;
use crate::attribution::Dimension;
use crate::config;
use crate::ledger::Ledger;
use crate::ledger::log_events::LogEvents;
use crate::ledger::spikes::watch::Watch;
use crate::ledger::spikes::webhook::{Posting, webhook};
use crate::ledger::spikes::{Spikes, Watched};

/// Starts to watch, in tasks. What there is stands in what comes back, with who posts to the webhook: that ends after the others.
///
/// # Errors
/// A webhook that can not be posted to.
pub(super) fn watch(
    said: &config::Spikes,
    dimensions: &[Dimension],
    ledger: &Ledger,
    events: LogEvents,
    (costs, own): (&[Meter], &Meter),
    tasks: &mut JoinSet<()>,
) -> Result<(Spikes, Option<Posting>), StartError> {
    let spikes = Spikes::new(Watched::new(&said.by, dimensions, said.rule));
    costs.iter().for_each(|meter| spikes.register(meter));
    let (mut messages, mut posting) = (None, None);
    if let Some(config::Webhook { url, headers }) = &said.webhook {
        let (webhook, poster) = webhook(url, headers).map_err(StartError::Webhook)?;
        webhook.register(own);
        (messages, posting) = (Some(webhook), Some(poster.start()));
    }
    tasks.spawn(Watch::new(ledger.clone(), spikes.clone(), events, messages).run());
    Ok((spikes, posting))
}
