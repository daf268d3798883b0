//! Margins, asked for: the ledger's sums, the customers of the lookups in force, and the calendar.

pub mod gauges;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use jiff::Timestamp;
use tracing::warn;

use crate::attribution::Lookups;
use crate::attribution::margin::customers::Counts;
use crate::attribution::margin::statement::Sources;
use crate::attribution::margin::{By, Customers, Each, Months, Per, Period, Revenue, Rules, Statement, Used};
use crate::ledger::Ledger;
use crate::ledger::query::{QueryError, Row, Step, TOTAL};
use crate::processor::Shared;
use crate::time::start;
use crate::yaml::error::did_you_mean;

/// Answers what margins are.
#[derive(Debug)]
pub struct Margins {
    shared: Arc<Shared>,
    ledger: Ledger,
    /// The customers of each tier, and the tables that they were counted in: there may be two million.
    counted: Mutex<Option<(Arc<Lookups>, Arc<ByTier>)>>,
}

type ByTier = HashMap<String, Counts>;

impl Margins {
    /// Margins of what processors share and a ledger has booked; `None` where no revenue is configured.
    pub fn new(shared: &Arc<Shared>, ledger: &Ledger) -> Option<Self> {
        let has_revenue = !shared.attribution().margin.revenue.is_empty();
        has_revenue.then(|| Margins {
            shared: Arc::clone(shared),
            ledger: ledger.clone(),
            counted: Mutex::default(),
        })
    }

    /// What customers pay.
    pub fn rules(&self) -> &Rules {
        &self.shared.attribution().margin
    }

    /// The month in which a time lies, until this time.
    pub fn month_to(&self, now: Timestamp) -> Period {
        Period::month(now, &self.rules().zone).map_or(Period::new(now, now), |month| month.so_far(now))
    }

    /// The statement by something, of at most `top` lines, and the period that it is about: the part of the one asked for since the
    /// first booking of the ledger, for of the time before it nobody knows what calls cost. Pending calls are no part of it. Blocks.
    ///
    /// # Errors
    /// [`QueryError::Store`]
    pub fn statement(&self, by: By, asked: Period, top: usize) -> Result<(Period, Statement), QueryError> {
        let period = self.since_the_first_booking(asked)?;
        let rows = self.ledger.rows(by.as_str(), self.known(period.hours()))?;
        let (attribution, lookups) = (self.shared.attribution(), self.shared.lookups());
        let customers = Customers::new(attribution, &lookups);
        let by_tier = self.by_tier(&customers, &lookups);
        let months = Months::of(period, &attribution.margin.zone);
        let used = rows.into_iter().map(|row| (row.value.clone(), used(&row))).collect();
        let sources =
            Sources { rules: &attribution.margin, customers: &customers, by_tier: &by_tier, months, used };
        Ok((period, Statement::new(by, sources, top)))
    }

    fn by_tier(&self, customers: &Customers<'_>, lookups: &Arc<Lookups>) -> Arc<ByTier> {
        let counted = |known: &(Arc<Lookups>, Arc<ByTier>)| {
            Arc::ptr_eq(&known.0, lookups).then(|| Arc::clone(&known.1))
        };
        // Whoever asks meanwhile waits, and finds them counted.
        let mut known = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(counted).unwrap_or_else(|| {
            let by_tier = Arc::new(customers.by_tier());
            for mistake in unpaid(self.rules(), &by_tier) {
                warn!("{mistake}");
            }
            *known = Some((Arc::clone(lookups), Arc::clone(&by_tier)));
            by_tier
        })
    }

    /// The hours that the ledger has sums for, nearest to these. Where it has those of days alone it would take the one before, though a
    /// month of a zone may begin an hour before a day.
    fn known(&self, hours: Range<u32>) -> Range<u32> {
        let nearest = |hour: u32| hour.saturating_add(12) / 24 * 24;
        let is_kept = |hours: Range<u32>| self.ledger.answered(&hours).start == hours.start;
        let start = if is_kept(hours.clone()) { hours.start } else { nearest(hours.start) };
        let end =
            if is_kept(hours.end..hours.end.saturating_add(1)) { hours.end } else { nearest(hours.end) };
        start..end
    }

    fn since_the_first_booking(&self, asked: Period) -> Result<Period, QueryError> {
        let first = |hours, step| -> Result<Option<u32>, QueryError> {
            Ok(self.ledger.timeline(TOTAL, hours, step)?.first().map(|point| point.start))
        };
        let hours = asked.hours();
        let Some(day) = first(0..hours.end, Step::Day)? else {
            return Ok(Period { from: asked.until, ..asked });
        };
        if day < hours.start {
            return Ok(asked);
        }
        // Its hours may be gone.
        let hour = first(day..hours.end.min(day.saturating_add(24)), Step::Hour)?.unwrap_or(day);
        // By a clock that is ahead it may not have come.
        Ok(Period { from: asked.from.max(start(hour).as_second()).min(asked.until), ..asked })
    }
}

/// Tiers that are to pay by the month and of which nobody is: mostly they are misspelt, and their revenue would be missing without a word.
fn unpaid(rules: &Rules, by_tier: &ByTier) -> Vec<String> {
    let paid = |tier: &str, each| {
        let counts = by_tier.get(tier).copied().unwrap_or_default();
        match each {
            Each::Tenant => counts.tenants > 0,
            Each::User => counts.users > 0,
            Each::Total => true,
        }
    };
    let mistake = |line: &Revenue| match (line.tier.as_deref(), line.per) {
        (Some(tier), Per::Month(each)) if !paid(tier, each) => Some(format!(
            "processors.pricetag.margin.revenue: nobody in the lookups is of tier {tier:?}, so nobody pays its amount; {}",
            did_you_mean(tier, by_tier.keys().map(String::as_str))
        )),
        _ => None,
    };
    rules.revenue.iter().filter_map(mistake).collect()
}

fn used(row: &Row) -> Used {
    let settled = &row.settled;
    Used {
        cost: settled.money,
        revenue: settled.revenue,
        calls: settled.calls,
        unpriced: settled.unpriced,
        actions: settled.actions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Picodollars;

    /// Guarantees: a tier that nobody is of is told, with the name that it was meant to be; who pays by use, or all together, is not.
    #[test]
    fn tiers_that_nobody_is_of_are_told() {
        let line =
            |tier: &str, per| Revenue { tier: Some(tier.to_owned()), amount: Picodollars::new(1), per };
        let revenue = vec![
            line("por", Per::Month(Each::Tenant)),
            line("pro", Per::Month(Each::Tenant)),
            line("pro", Per::Month(Each::User)),
            line("all", Per::Month(Each::Total)),
            line("use", Per::Action),
        ];
        let by_tier = ByTier::from_iter([("pro".to_owned(), Counts { tenants: 3, users: 0 })]);
        let told = unpaid(&Rules { revenue, ..Rules::default() }, &by_tier);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("of tier \"por\"") && told[0].contains("did you mean \"pro\"?"), "{told:?}");
        assert!(told[1].contains("of tier \"pro\""), "who pays are users, and there are none: {told:?}");
    }
}
