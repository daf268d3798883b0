//! The books: every booking is in one series and in one cell of each dimension, pending or settled.

mod queue;

use smallvec::SmallVec;

use super::cells::{Cell, Cells, Place};
use super::histograms::Histograms;
use super::open::Open;
use super::query::TOTAL;
use super::series::{AllSeries, Series};
use super::store::{Batch, Delta, Kept};
use super::sums::{Amounts, Tally};
use crate::attribution::margin::UseRevenue;
use crate::booking::{Booking, Change, Counted, Settlement};
use crate::otlp::view::Text;
use crate::pricing::Picodollars;

/// Dimensions that every booking has, behind the configured ones. The action is empty until the trace settles.
const OWN: [&str; 8] = [
    "action",
    "provider",
    "model_asked",
    "model_served",
    "operation",
    "service_tier",
    "catalog_version",
    TOTAL,
];

/// The dimension that is not written: there is no end of new sessions. They stand on spans and in events.
const SESSION: &str = "session";

const NANOS_PER_HOUR: u64 = 3_600_000_000_000;

/// Places of a booking's values, in the order of [`Books::dimensions`].
type Places = SmallVec<[Place; 20]>;

/// The books.
#[derive(Debug)]
pub struct Books {
    series: AllSeries,
    histograms: Histograms,
    /// The configured dimensions, then [`OWN`].
    dimensions: Vec<Cells>,
    configured: usize,
    open: Open,
    /// Records of the queue that have been booked.
    records: u64,
    /// Where the record stands that is booked, or where the last one ended.
    position: u64,
    /// What customers pay by use, and the place of the tier that it depends on; unknown where there is no such dimension.
    by_use: ByUse,
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
    dimensions: &'b [Cells],
}

impl Settled<'_> {
    /// The value of the n-th configured dimension that all calls have which were pending, and count; empty: there is none.
    pub fn value(&self, dimension: usize) -> &str {
        self.agreed.get(dimension).map_or("", |place| &self.dimensions[dimension].get(*place).value)
    }
}

impl Books {
    /// Empty books for bookings with these dimensions, by name, of which some are labels of series, by position; they tell at most
    /// `max_series` series apart.
    pub fn new(dimensions: &[&str], labels: &[usize], max_series: usize) -> Self {
        let cells = |name: &str| Cells::new(name, name != SESSION);
        let dimensions: Vec<Cells> = dimensions.iter().copied().chain(OWN).map(cells).collect();
        let configured = dimensions.len() - OWN.len();
        Books {
            series: AllSeries::new(max_series, labels),
            histograms: Histograms::default(),
            configured,
            open: Open::new(dimensions.len()),
            records: 0,
            position: 0,
            dimensions,
            by_use: None,
        }
    }

    /// Goes on with the series of earlier processes. Nothing is booked yet.
    pub(super) fn resume(&mut self, kept: Vec<Kept>) {
        self.series.resume(kept);
    }

    /// Records in `histograms` what becomes final from now on.
    pub(super) fn set_histograms(&mut self, histograms: Histograms) {
        self.histograms = histograms;
    }

    /// Books from now on what customers pay by use, too.
    pub(super) fn set_revenue(&mut self, by_use: UseRevenue) {
        self.by_use = Some((self.position("tier"), by_use));
    }

    /// Enters a booking: pending while its trace is open, settled otherwise.
    pub fn book(&mut self, booking: &Booking<'_>) {
        let amounts = Amounts::of(booking);
        let tally = amounts.tally();
        let hour = (booking.end_unix_nano / NANOS_PER_HOUR) as u32;
        let number = self.series.of(booking);
        let series = self.series.get_mut(number);
        let places: Places = self
            .dimensions
            .iter_mut()
            .zip(values(booking, self.configured))
            .map(|(dimension, value)| dimension.hold(hour, value))
            .collect();
        match <[u8; 16]>::try_from(booking.trace) {
            Ok(trace) if booking.open => {
                series.pending.add(&amounts);
                each(&mut self.dimensions, &places, |cell| cell.pending.add(&tally));
                self.open.push(
                    self.position,
                    trace,
                    booking.span.try_into().unwrap_or_default(),
                    number,
                    amounts,
                    &places,
                );
            }
            _ => {
                series.settled.add(&amounts);
                self.histograms.call(number, &series.labels, &amounts);
                let tally = paid(tally, &self.by_use, &self.dimensions, &places);
                each(&mut self.dimensions, &places, |cell| cell.settled.add(&tally));
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
            each(dimensions, places, |cell| cell.pending.take(&before));

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
            let after = paid(pending.amounts.tally(), &self.by_use, dimensions, places);
            each(dimensions, places, |cell| cell.settled.add(&after));
            if pending.amounts.verdict == Counted::Here {
                agree(dimensions, &mut agreed, places);
                tally.add(&after);
            }
        }
        if tally.calls > 0 && !settlement.again {
            count_action(&mut self.dimensions, &agreed, &self.by_use);
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

    /// The names of the dimensions that can be asked for: the configured ones but for the session, then [`OWN`].
    pub fn dimensions(&self) -> impl Iterator<Item = &str> {
        self.dimensions.iter().filter(|dimension| dimension.is_kept()).map(Cells::name)
    }

    /// Names of all dimensions.
    pub(super) fn names(&self) -> Vec<String> {
        self.dimensions.iter().map(|dimension| dimension.name().to_owned()).collect()
    }

    /// The place of a dimension that can be asked for.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.dimensions.iter().position(|dimension| dimension.is_kept() && dimension.name() == name)
    }

    /// What a dimension has in memory: what is pending, and what is not written yet.
    pub(super) fn cells(&self, dimension: usize) -> impl Iterator<Item = &Cell> {
        self.dimensions[dimension].iter().map(|(_, cell)| cell)
    }

    /// What one of its values has in memory in an hour.
    pub(super) fn cell(&self, dimension: usize, hour: u32, value: &str) -> Option<&Cell> {
        self.dimensions[dimension].find(hour, value)
    }

    /// Cells made since the last batch was written.
    pub fn new_cells(&self) -> usize {
        self.dimensions.iter().map(Cells::new_ones).sum()
    }

    /// What is to be written.
    pub(super) fn unwritten(&self) -> Batch {
        let mut batch = Batch { records: self.records, ..Batch::default() };
        for (number, series) in (0..).zip(self.series.all()) {
            if series.settled != series.written {
                batch.series.push((number, series.labels.clone(), series.settled));
            }
        }
        for (dimension, cells) in self.dimensions.iter().enumerate().filter(|(_, cells)| cells.is_kept()) {
            for (place, cell) in cells.iter().filter(|(_, cell)| cell.settled != Tally::default()) {
                let Cell { hour, value, settled: sums, .. } = cell;
                let (hour, value, sums) = (*hour, value.clone(), *sums);
                batch.deltas.push(Delta { dimension, place, hour, value, sums, folded: false });
            }
        }
        batch
    }

    /// Says that a batch has been written.
    pub(super) fn written(&mut self, batch: &Batch) {
        for delta in &batch.deltas {
            let folded = if delta.folded { delta.sums.calls } else { 0 };
            self.dimensions[delta.dimension].written(delta.place, &delta.sums, folded);
        }
        for (number, _, sums) in &batch.series {
            self.series.get_mut(*number).written = *sums;
        }
        for dimension in &mut self.dimensions {
            dimension.tidy();
        }
    }

    /// Calls that went into `other` because a dimension had too many values, by its name.
    pub fn folded_values(&self) -> impl Iterator<Item = (&str, u64)> {
        let kept = self.dimensions.iter().filter(|dimension| dimension.is_kept());
        kept.map(|dimension| (dimension.name(), dimension.folded()))
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
    let Booking { provider, model_asked, model_served, operation, service_tier, catalog_version, .. } =
        *booking;
    let nothing = Text::default();
    let own =
        [nothing, provider, model_asked, model_served, operation, service_tier, catalog_version, nothing];
    booking.dimensions.iter().copied().chain(std::iter::repeat(nothing)).take(configured).chain(own)
}

/// Does something to all cells of a booking.
#[inline]
fn each(dimensions: &mut [Cells], places: &[Place], mut act: impl FnMut(&mut Cell)) {
    for (dimension, place) in dimensions.iter_mut().zip(places) {
        act(dimension.get_mut(*place));
    }
}

/// Says that a booking is not there any more.
fn release(dimensions: &mut [Cells], places: &[Place]) {
    for (dimension, place) in dimensions.iter_mut().zip(places) {
        dimension.release(*place);
    }
}

/// Leaves of the agreed places those with the same value here, in the later hour; the first booking brings them all.
fn agree(dimensions: &[Cells], agreed: &mut Places, places: &[Place]) {
    if agreed.is_empty() {
        agreed.extend_from_slice(places);
    }
    for ((dimension, agreed), place) in dimensions.iter().zip(agreed).zip(places) {
        if agreed != place && *agreed != Place::NONE {
            let (one, other) = (dimension.get(*agreed), dimension.get(*place));
            match one.value == other.value {
                true if one.hour < other.hour => *agreed = *place,
                true => {}
                false => *agreed = Place::NONE,
            }
        }
    }
}

type ByUse = Option<(Option<usize>, UseRevenue)>;

/// With what is paid for a call that counts.
fn paid(tally: Tally, by_use: &ByUse, dimensions: &[Cells], places: &[Place]) -> Tally {
    let Some((tier, by_use)) = by_use.as_ref().filter(|_| tally.calls > 0) else { return tally };
    let tier = tier.map_or("", |tier| &dimensions[tier].get(places[tier]).value);
    Tally { revenue: by_use.of_call(tier, tally.input.saturating_add(tally.output)), ..tally }
}

/// Counts an action where its calls agree, in the hour of its last call; where they do not, it is of no known value.
fn count_action(dimensions: &mut [Cells], agreed: &[Place], by_use: &ByUse) {
    let revenue = by_use.as_ref().map_or(Picodollars::ZERO, |(tier, by_use)| {
        by_use.of_action(tier.map_or("", |tier| &dimensions[tier].get(agreed[tier]).value))
    });
    let one = Tally { actions: 1, revenue, ..Tally::default() };
    // All calls agree on the total.
    let Some((total, last)) = dimensions.last().zip(agreed.last()) else { return };
    let hour = total.get(*last).hour;
    for (dimension, place) in dimensions.iter_mut().zip(agreed) {
        if dimension.get(*place).hour == hour {
            dimension.get_mut(*place).settled.add(&one);
        } else {
            let place = dimension.hold(hour, Text::default());
            dimension.get_mut(place).settled.add(&one);
            dimension.release(place);
        }
    }
}

#[cfg(test)]
mod tests;
