//! Prices anew what the settlement of a trace has changed: residues of agents' sums, and calls whose model another span
//! names.

use std::sync::Arc;

use super::{Now, Outcome, Reported, Shared, booking, money};
use crate::booking::{Booking, Entries};
use crate::genai::call::{Call, Cloud};
use crate::otlp::view::Text;
use crate::pricing::{Catalog, Resolver};
use crate::settlement::{Change, Judged, Settled};

/// Prices with the catalog that is in force when traces settle.
#[derive(Debug)]
pub struct Restater {
    catalog: Arc<Catalog>,
    resolver: Resolver,
    reported: Reported,
    now: Now,
}

impl Restater {
    /// One for the settlements of a moment.
    pub fn new(shared: &Shared, now: Now) -> Self {
        let (catalog, reported) = (shared.catalog(), shared.reported);
        Restater { catalog, resolver: Resolver::default(), reported, now }
    }

    /// The catalog in force.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Prices a [restated](crate::settlement::Restated::call) call.
    pub fn price<'a>(&mut self, call: &Call<'a>) -> Outcome<'a> {
        let mut outcome = Outcome::new();
        // The cloud of its resource is in the call.
        let cloud = Cloud::default();
        let resolver = &mut self.resolver;
        money::price(&mut outcome, call, cloud, &self.catalog, resolver, self.reported, self.now);
        outcome
    }

    /// Appends a settlement to the entries of a record.
    pub fn push(&mut self, settled: &Settled, entries: &mut Entries) {
        entries.push_settlement(&settled.trace, Text::default(), &[], |changes| {
            for Change { span, verdict, restated } in &settled.changes {
                let Some(restated) = restated else {
                    changes.push(span, (*verdict).into(), None, []);
                    continue;
                };
                let call = restated.call();
                let outcome = self.price(&call);
                let judged = Judged { verdict: *verdict, ..Judged::ALONE };
                let dimensions = restated.told.dimensions().collect();
                let booking = booking(&call, &outcome, judged, dimensions, &self.catalog, self.now);
                let booking = Booking { trace: &settled.trace, span, ..booking };
                changes.push(span, (*verdict).into(), Some(&booking), []);
            }
        });
    }
}
