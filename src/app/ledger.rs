//! Opens the ledger where the config says.

use tracing::{info, warn};

use crate::attribution::Dimension;
use crate::attribution::margin::UseRevenue;
use crate::config::{self, LedgerFile, Pricetag};
use crate::ledger::Ledger;
use crate::ledger::store::{Limits, StoreError, default_file};

/// The dimensions that are labels of metrics, by their place.
pub(super) fn labels(processor: Option<&Pricetag>, dimensions: &[Dimension]) -> Vec<usize> {
    let labels = processor.map_or(&[][..], |pricetag| &pricetag.metric_labels);
    let place = |label: &String| dimensions.iter().position(|dimension| dimension.name == *label);
    labels.iter().filter_map(place).collect()
}

/// The ledger of this processor; one in memory where nothing is priced. These dimensions are labels of metrics.
pub(super) fn open(
    processor: Option<&Pricetag>,
    dimensions: &[Dimension],
    labels: &[usize],
) -> Result<Ledger, StoreError> {
    let names: Vec<&str> = dimensions.iter().map(|dimension| &*dimension.name).collect();
    let ledger = kept(processor, &names, labels)?;
    if let Some(pricetag) = processor.filter(|pricetag| !pricetag.margin.revenue.is_empty()) {
        ledger.set_revenue(UseRevenue::new(&pricetag.margin.revenue));
    }
    Ok(ledger)
}

fn kept(processor: Option<&Pricetag>, dimensions: &[&str], labels: &[usize]) -> Result<Ledger, StoreError> {
    let limits = processor.map_or(Limits::default(), |processor| processor.ledger.limits);
    let in_memory = || Ledger::open(None, dimensions, labels, limits);
    let Some(config::Ledger { file, .. }) = processor.map(|processor| &processor.ledger) else {
        return in_memory();
    };
    let file = match file {
        LedgerFile::Memory => return in_memory(),
        LedgerFile::At(file) => file.clone(),
        LedgerFile::Default => match default_file(|name| std::env::var_os(name)) {
            Some(file) => file,
            None => {
                warn!(
                    "the ledger is kept in memory, for there is no state folder; name a file with processors.pricetag.ledger.file"
                );
                return in_memory();
            }
        },
    };
    match Ledger::open(Some(&file), dimensions, labels, limits) {
        Ok(ledger) => {
            info!("the ledger is kept in {}", file.display());
            Ok(ledger)
        }
        // Nobody asked for this file: pricetag runs without it. Whoever did wants to know.
        Err(error) if processor.is_some_and(|it| it.ledger.file == LedgerFile::Default) => {
            warn!("the ledger is kept in memory, and gone when pricetag ends: {error}");
            let ledger = in_memory()?;
            ledger.stand_in();
            Ok(ledger)
        }
        Err(error) => Err(error),
    }
}
