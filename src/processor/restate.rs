//! Prices anew what the settlement of a trace has changed: residues of agents' sums, and calls whose model another span
//! names.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Now, Outcome, Reported, Shared, Values, book, money};
use crate::attribution::Lookups;
use crate::booking::{Booking, Entries};
use crate::genai::call::{Call, Cloud};
use crate::pricing::{Catalog, Resolver};
use crate::settlement::{self, Change, Judged, Settled};

/// Prices with the catalog that is in force when traces settle.
#[derive(Debug)]
pub struct Restater<'s> {
    shared: &'s Shared,
    catalog: Arc<Catalog>,
    lookups: Arc<Lookups>,
    resolver: Resolver,
    reported: Reported,
    now: Now,
}

impl<'s> Restater<'s> {
    /// One for the settlements of a moment.
    pub fn new(shared: &'s Shared, now: Now) -> Self {
        let (catalog, lookups, reported) = (shared.catalog(), shared.lookups(), shared.reported);
        Restater { shared, catalog, lookups, resolver: Resolver::default(), reported, now }
    }

    /// The name of an action from what its root is called.
    pub fn action<'a>(&'a self, called: &'a [u8]) -> Cow<'a, str> {
        self.shared.whose.action(called)
    }

    /// What is known of a call's dimensions, with lookups, in the config's order.
    pub fn values<'a>(&'a self, known: &'a settlement::Values) -> Values<'a> {
        let mut values = Values::new();
        self.shared.whose.known(&mut values, known, &self.lookups);
        values
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
        let resolution = money::resolve(call, &self.catalog, &mut self.resolver);
        money::price(&mut outcome, call, cloud, &self.catalog, &resolution, self.reported, self.now);
        outcome
    }

    /// Appends a settlement to the entries of a record.
    pub fn push(&mut self, settled: &Settled, entries: &mut Entries) {
        let action = self.shared.whose.action(&settled.action);
        let root = if settled.root == [0; 8] { &[][..] } else { &settled.root };
        entries.push_settlement(&settled.trace, (&*action).into(), root, |changes| {
            if settled.again {
                changes.again();
            }
            for Change { span, verdict, restated, values } in &settled.changes {
                let Some(restated) = restated else {
                    let values = values.as_ref().map(|known| self.values(known)).unwrap_or_default();
                    changes.push(span, (*verdict).into(), None, (0..).zip(values));
                    continue;
                };
                let call = restated.call();
                let outcome = self.price(&call);
                let judged = Judged { verdict: *verdict, ..Judged::ALONE };
                let dimensions = values.as_ref().map(|known| self.values(known)).unwrap_or_default();
                let max_age = self.shared.max_age;
                let mut booking = Booking { dimensions, ..Booking::default() };
                book(&mut booking, &call, &outcome, judged, &self.catalog, self.now, max_age);
                let booking = Booking { trace: &settled.trace, span, ..booking };
                changes.push(span, (*verdict).into(), Some(&booking), []);
            }
        });
    }
}
