//! The books: every booking is in one series and in one account of each dimension, pending or settled.

use smallvec::SmallVec;

use super::accounts::{Account, Accounts, Place};
use super::histograms::Histograms;
use super::open::Open;
use super::series::{AllSeries, Series};
use super::sums::{Amounts, Tally};
use crate::booking::{Booking, Change, Counted, Settlement};
use crate::otlp::view::Text;
use crate::pricing::Picodollars;

/// Dimensions that every booking has, behind the configured ones. The action is empty until the trace settles.
const OWN: [&str; 5] = ["action", "model_asked", "model_served", "service_tier", "catalog_version"];

/// The dimension without accounts: there is no end of new sessions. They stand on spans and in events.
const SESSION: &str = "session";

/// Places of a booking's values, in the order of [`Books::dimensions`].
type Places = SmallVec<[Place; 20]>;

/// The books.
#[derive(Debug)]
pub struct Books {
    series: AllSeries,
    histograms: Histograms,
    /// The configured dimensions, then [`OWN`].
    dimensions: Vec<Accounts>,
    configured: usize,
    open: Open,
}

/// A trace whose bookings have settled.
#[derive(Debug)]
pub struct Settled<'b> {
    /// The trace.
    pub trace: &'b [u8],
    /// Its root's span id; empty: not known.
    pub root: &'b [u8],
    /// The name of the action; empty: not known.
    pub action: Text<'b>,
    /// Sums of the calls that were pending, and count.
    pub tally: Tally,
    /// Where the values are that all of these have.
    agreed: Places,
    dimensions: &'b [Accounts],
}

impl Settled<'_> {
    /// The value of the n-th configured dimension that all calls have which were pending, and count; empty: there is none.
    pub fn value(&self, dimension: usize) -> &str {
        self.agreed.get(dimension).map_or("", |place| self.dimensions[dimension].value(*place))
    }
}

impl Books {
    /// Empty books for bookings with these dimensions, by name, that tell at most `max_series` series apart, and in each dimension
    /// at most `max_values` values.
    pub fn new<'n>(
        max_series: usize,
        max_values: usize,
        dimensions: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let limit = |name| if name == SESSION { 0 } else { max_values };
        let dimensions: Vec<Accounts> =
            dimensions.into_iter().chain(OWN).map(|name| Accounts::new(name, limit(name))).collect();
        let configured = dimensions.len() - OWN.len();
        Books {
            series: AllSeries::new(max_series, &[]),
            histograms: Histograms::default(),
            configured,
            open: Open::new(dimensions.len()),
            dimensions,
        }
    }

    /// Makes labels of these dimensions, by their position in the config. Nothing is booked yet.
    pub fn label_with(&mut self, dimensions: &[usize]) {
        self.series.label_with(dimensions);
    }

    /// Records in `histograms` what becomes final from now on.
    pub fn record_into(&mut self, histograms: Histograms) {
        self.histograms = histograms;
    }

    /// Enters a booking: pending while its trace is open, settled otherwise.
    pub fn book(&mut self, booking: &Booking<'_>) {
        let amounts = Amounts::of(booking);
        let tally = amounts.tally();
        let number = self.series.of(booking);
        let series = self.series.get_mut(number);
        let places: Places = self
            .dimensions
            .iter_mut()
            .zip(values(booking, self.configured))
            .map(|(dimension, value)| dimension.hold(value))
            .collect();
        match <[u8; 16]>::try_from(booking.trace) {
            Ok(trace) if booking.open => {
                series.pending.add(&amounts);
                each(&mut self.dimensions, &places, |account| account.pending.add(&tally));
                self.open.push(trace, booking.span.try_into().unwrap_or_default(), number, amounts, &places);
            }
            _ => {
                series.settled.add(&amounts);
                self.histograms.call(number, &series.labels, &amounts);
                each(&mut self.dimensions, &places, |account| account.settled.add(&tally));
                release(&mut self.dimensions, &places);
            }
        }
    }

    /// Makes a trace's bookings final, and shows them if there are any. One that is restated leaves its series and accounts, and
    /// what takes its place may enter others; one that has moved enters another account.
    pub fn settle(&mut self, settlement: &Settlement<'_>, show: impl FnOnce(&Settled<'_>)) {
        let Ok(trace) = <[u8; 16]>::try_from(settlement.trace) else { return };
        let Some(bookings) = self.open.take(&trace) else { return };
        let action = self.configured;
        // Sorted, for a trace may have a hundred thousand calls, and all of them changed.
        let mut changes: Vec<&Change<'_>> = settlement.changes.iter().collect();
        changes.sort_unstable_by_key(|change| change.span);

        let (mut tally, mut agreed) = (Tally::default(), Places::new());
        let mut chain = bookings;
        while let Some((pending, places)) = self.open.next(&mut chain) {
            let dimensions = &mut self.dimensions;
            self.series.get_mut(pending.series).pending.take(&pending.amounts);
            let before = pending.amounts.tally();
            each(dimensions, places, |account| account.pending.take(&before));

            let changed = changes.binary_search_by_key(&&pending.span[..], |change| change.span);
            if let Ok(change) = changed.map(|at| changes[at]) {
                if let Some(booking) = change.restated.as_deref() {
                    pending.amounts = Amounts::of(booking);
                    pending.series = self.series.of(booking);
                    let values = values(booking, action);
                    for ((dimension, place), value) in dimensions.iter_mut().zip(&mut *places).zip(values) {
                        dimension.exchange(place, value);
                    }
                }
                pending.amounts.verdict = change.verdict;
                for (index, value) in &change.moved {
                    let index = *index as usize;
                    let Some(place) = places[..action].get_mut(index) else { continue };
                    dimensions[index].exchange(place, *value);
                    pending.series = self.series.moved(pending.series, index, *value);
                }
            }
            dimensions[action].exchange(&mut places[action], settlement.action);

            let series = self.series.get_mut(pending.series);
            series.settled.add(&pending.amounts);
            self.histograms.call(pending.series, &series.labels, &pending.amounts);
            let after = pending.amounts.tally();
            each(dimensions, places, |account| account.settled.add(&after));
            if pending.amounts.verdict == Counted::Here {
                agree(&mut agreed, places);
                tally.add(&after);
            }
        }
        let Settlement { trace, root, action, .. } = *settlement;
        self.histograms.action(action.as_str(), &tally);
        show(&Settled { trace, root, action, tally, agreed, dimensions: &self.dimensions });

        chain = bookings;
        while let Some((_, places)) = self.open.next(&mut chain) {
            release(&mut self.dimensions, places);
        }
        self.open.give_back(bookings);
    }

    /// All series.
    pub fn series(&self) -> &[Series] {
        self.series.all()
    }

    /// The dimensions that have accounts: the configured ones but for the session, then the action, the models, the service tier
    /// and the catalog's version.
    pub fn dimensions(&self) -> impl Iterator<Item = &Accounts> {
        self.dimensions.iter().filter(|dimension| dimension.is_kept())
    }

    /// Settled and pending money of all series.
    pub fn total(&self) -> (Picodollars, Picodollars) {
        let (settled, pending) = self.tally();
        (settled.money, pending.money)
    }

    /// Settled and pending sums of all series.
    pub fn tally(&self) -> (Tally, Tally) {
        self.series().iter().fold(Default::default(), |(settled, pending): (Tally, Tally), series| {
            (settled.plus(&series.settled.counting), pending.plus(&series.pending.counting))
        })
    }

    /// Bookings that went into `other` because there were too many series.
    pub fn folded(&self) -> u64 {
        self.series.folded()
    }
}

/// The values of a booking's dimensions: as many as are configured, then those of [`OWN`].
fn values<'b>(booking: &'b Booking<'_>, configured: usize) -> impl Iterator<Item = Text<'b>> {
    let Booking { model_asked, model_served, service_tier, catalog_version, .. } = *booking;
    let own = [Text::default(), model_asked, model_served, service_tier, catalog_version];
    let unknown = std::iter::repeat(Text::default());
    booking.dimensions.iter().copied().chain(unknown).take(configured).chain(own)
}

/// Does something to all accounts of a booking.
#[inline]
fn each(dimensions: &mut [Accounts], places: &[Place], mut act: impl FnMut(&mut Account)) {
    for (dimension, place) in dimensions.iter_mut().zip(places) {
        act(dimension.account(*place));
    }
}

/// Says that a booking is not there any more.
fn release(dimensions: &mut [Accounts], places: &[Place]) {
    for (dimension, place) in dimensions.iter_mut().zip(places) {
        dimension.release(*place);
    }
}

/// Leaves of the agreed places those that are the same here; the first booking brings them all.
fn agree(agreed: &mut Places, places: &[Place]) {
    if agreed.is_empty() {
        agreed.extend_from_slice(places);
    }
    for (agreed, place) in agreed.iter_mut().zip(places) {
        if agreed != place {
            *agreed = Place::UNKNOWN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::OTHER;
    use crate::ledger::sums::Sums;
    use crate::pricing::Status;

    fn booking<'a>(span: &'a [u8; 8], money: i128, model: &'a str) -> Booking<'a> {
        Booking {
            trace: &[1; 16],
            span,
            open: true,
            status: Status::Priced,
            money: Some(Picodollars::new(money)),
            model_served: model.into(),
            input: 10,
            output: 5,
            ..Booking::default()
        }
    }

    /// Scenario: three calls of a trace; at the end one is a duplicate and one that was a duplicate counts.
    /// Guarantees: pending money is settled or voided, the sum is what counts, nothing stays pending.
    #[test]
    fn settlements_confirm_void_and_restore() {
        let mut books = Books::new(10, 10, ["user", "feature"]);
        books.book(&booking(&[1; 8], 100, "m"));
        books.book(&booking(&[2; 8], 30, "m"));
        books.book(&Booking { verdict: Counted::AsDuplicate, ..booking(&[3; 8], 40, "m") });
        assert_eq!(books.total(), (Picodollars::ZERO, Picodollars::new(130)));
        let change = |span, verdict| Change { span, verdict, ..Change::default() };
        let changes = vec![change(&[2; 8], Counted::AsDuplicate), change(&[3; 8], Counted::Here)];
        books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() }, |_| {});
        assert_eq!(books.total(), (Picodollars::new(140), Picodollars::ZERO));
        let series = &books.series()[0];
        assert_eq!(series.pending, Sums::default());
        let calls: Vec<_> = series.settled.calls().collect();
        assert_eq!(calls, [(Status::Priced, 2), (Status::Duplicate, 1)]);
        assert_eq!((series.settled.counting.input, series.settled.counting.output), (20, 10));
    }

    /// Scenario: a call without a model is booked, and its trace settles with another model and price.
    /// Guarantees: what was pending is gone, what is settled stands in the other series, and the span counts once.
    #[test]
    fn a_restated_booking_takes_the_place_of_the_old_one() {
        let mut books = Books::new(10, 10, ["user", "feature"]);
        books.book(&Booking { status: Status::UnknownModel, money: None, ..booking(&[1; 8], 0, "") });
        books.book(&booking(&[2; 8], 30, "m"));
        let restated = Some(Box::new(Booking { input: 7, ..booking(&[1; 8], 100, "m") }));
        let changes = vec![Change { span: &[1; 8], verdict: Counted::Here, restated, ..Change::default() }];
        books.settle(&Settlement { trace: &[1; 16], changes, ..Settlement::default() }, |_| {});
        assert_eq!(books.total(), (Picodollars::new(130), Picodollars::ZERO));
        let [nameless, named] = books.series() else { panic!("{:?}", books.series()) };
        assert_eq!((nameless.settled, nameless.pending), (Sums::default(), Sums::default()));
        assert_eq!(named.settled.calls().collect::<Vec<_>>(), [(Status::Priced, 2)]);
        assert_eq!((named.settled.counting.input, named.pending), (17, Sums::default()));
    }

    /// Scenario: ten thousand model names against a limit of ten series.
    /// Guarantees: the total is exact, the rest is in `other`, and counted.
    #[test]
    fn beyond_the_limit_everything_is_other() {
        let mut books = Books::new(10, 10, ["user", "feature"]);
        for n in 0..10_000 {
            let name = format!("model-{n}");
            books.book(&Booking { open: false, ..booking(&[1; 8], 1, &name) });
        }
        assert_eq!(books.total().0, Picodollars::new(10_000));
        assert_eq!((books.series().len(), books.folded()), (11, 9_990));
        assert_eq!(books.series()[10].labels.model(), OTHER);
    }
}
