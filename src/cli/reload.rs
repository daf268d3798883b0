//! A config that is read again while pricetag runs by it.

use std::path::PathBuf;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::check::configured_loops;
use super::run::Run;
use crate::admin::reload::{Ask, Reloaded, Reloads};
use crate::app::{self, App, Sockets};
use crate::config::Config;

/// A config, and what else is read only when a collector is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inputs {
    pub(super) config: Config,
    /// What stands in the dialects' files; `None`: one can not be read.
    dialects: Option<Vec<Vec<u8>>>,
}

impl Inputs {
    /// Reads what a config names. Blocks.
    pub(super) fn of(config: Config) -> Self {
        let files: &[PathBuf] = config.processor.as_ref().map_or(&[], |pricetag| &pricetag.dialects);
        let dialects = files.iter().map(|file| std::fs::read(file).ok()).collect();
        Inputs { config, dialects }
    }

    /// Reads the config again that `run` names; `None`: it is as it was. Blocks.
    ///
    /// # Errors
    /// What is wrong with it.
    fn again(&self, run: &Run) -> Result<Option<Self>, String> {
        let new = Inputs::of(run.load().map_err(|errors| errors.to_string())?);
        if new == *self {
            return Ok(None);
        }
        let loops = configured_loops(&new.config);
        if !loops.is_empty() {
            return Err(loops.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        app::check(&new.config).map_err(|error| error.to_string())?;
        Ok(Some(new))
    }
}

/// Reads everything again, and tells who asks for it what came of it. What comes back is in force from now on: another collector is to
/// be made of it.
pub(super) async fn reload(
    run: &Run,
    in_force: &Inputs,
    app: &App,
    sockets: &mut Sockets,
    reloads: &Reloads,
    asks: Option<Ask>,
) -> Option<Inputs> {
    let (run, before) = (run.clone(), in_force.clone());
    let read = tokio::task::spawn_blocking(move || before.again(&run)).await;
    let mut read = read.unwrap_or_else(|error| Err(error.to_string()));
    if let Ok(Some(new)) = &read
        && let Err(error) = app::prepare(&in_force.config, &new.config, sockets).await
    {
        read = Err(format!("{:#}", anyhow::Error::from(error)));
    }
    reloads.set_failed(read.is_err());
    match read {
        Err(why) => {
            why.lines().for_each(|line| error!("the config stays as it is: {line}"));
            answer(asks, Reloaded::Refused(why));
            // Who has taken a token away wants it gone, whatever else is wrong.
            tokio::spawn(app.reload());
            None
        }
        Ok(None) => {
            let files = app.reload();
            // It takes until the files are at rest, and signals must not wait so long.
            tokio::spawn(async move { answer(asks, Reloaded::Files(files.await)) });
            None
        }
        Ok(Some(new)) => {
            info!("the config has changed: going on with the new one");
            let (before, now) = (&in_force.config.telemetry, &new.config.telemetry);
            if (before.log_level, before.log_encoding) != (now.log_level, now.log_encoding) {
                warn!(
                    "service.telemetry.logs: how lines are written changes with the next start of the process"
                );
            }
            let notices = new.config.notices.iter().map(ToString::to_string).collect();
            answer(asks, Reloaded::Config { notices });
            Some(new)
        }
    }
}

fn answer(asks: Option<oneshot::Sender<Reloaded>>, reloaded: Reloaded) {
    if let Some(asks) = asks {
        // He may have gone away.
        let _ = asks.send(reloaded);
    }
}
