//! The console: each call as it is priced, and a running total.

use std::io::{self, IsTerminal as _, Write as _};

use jiff::Timestamp;

use crate::booking::{Booking, Counted, Entry, entries};
use crate::otlp::view::Text;
use crate::pricing::{Picodollars, Status};
use crate::queue::{Item, Reader};
use crate::text::escaped;

/// Columns: names, and widths where they are fixed. Numbers stand right.
const HEAD: &str = concat!(
    "UTC       provider   model                 ",
    "     in  cached     out          cost  user     feature    status"
);

/// Prints bookings as they come.
pub(super) struct Console {
    bookings: Reader,
    colour: bool,
    /// Lines, and those of them that count.
    calls: usize,
    counted: usize,
    total: Picodollars,
}

impl Console {
    pub(super) fn new(bookings: Reader) -> Self {
        Console {
            bookings,
            colour: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            calls: 0,
            counted: 0,
            total: Picodollars::ZERO,
        }
    }

    /// How many calls it has shown.
    pub(super) fn shown(&self) -> usize {
        self.calls
    }

    /// Starts a new table: what came before was the sample, what comes now is somebody's.
    pub(super) fn restart(&mut self) {
        (self.calls, self.counted, self.total) = (0, 0, Picodollars::ZERO);
        self.head();
    }

    /// Prints the head of the table.
    pub(super) fn head(&self) {
        say(&self.paint("1", HEAD));
    }

    /// Takes this many calls without printing them. Says what they cost together, and of how many that is not known.
    pub(super) async fn skip(&mut self, calls: usize) -> (Picodollars, usize) {
        let (mut left, mut total, mut unknown) = (calls, Picodollars::ZERO, 0);
        while left > 0 {
            let Some(read) = self.bookings.next().await else { break };
            if let Item::Entries(record) = &read.item {
                for entry in entries(record).flatten() {
                    if let Entry::Booking(booking) = entry {
                        left = left.saturating_sub(1);
                        match booking.money {
                            Some(money) => total = total.saturating_add(money),
                            None => unknown += 1,
                        }
                    }
                }
            }
            self.bookings.done(&read);
        }
        (total, unknown)
    }

    /// Prints the calls of the next record, and the total after it. Says how many calls it has shown in all.
    pub(super) async fn next(&mut self) -> usize {
        let Some(read) = self.bookings.next().await else {
            // Whoever waits for calls waits in vain, but must not spin.
            return std::future::pending().await;
        };
        let shown = self.calls;
        if let Item::Entries(record) = &read.item {
            for entry in entries(record).flatten() {
                if let Entry::Booking(booking) = entry {
                    self.line(&booking);
                }
            }
        }
        self.bookings.done(&read);
        if self.calls > shown {
            let total = format!("{:>81}  total of {} calls", format!("${}", self.total), self.counted);
            say(&self.paint("1", &total));
        }
        self.calls
    }

    fn line(&mut self, booking: &Booking<'_>) {
        self.calls += 1;
        let status = booking.verdict.status(booking.status);
        let counts = booking.verdict == Counted::Here;
        self.counted += usize::from(counts);
        let cost = match booking.money {
            Some(money) if counts => {
                self.total = self.total.saturating_add(money);
                format!("${money}")
            }
            _ => "-".to_owned(),
        };
        let model = if booking.model_served.is_empty() { booking.model_asked } else { booking.model_served };
        let dimension = |index: usize| booking.dimensions.get(index).copied().unwrap_or_default();
        let line = format!(
            "{}  {:<9}  {:<22} {:>7} {:>7} {:>7}  {:>12}  {:<7}  {:<9}  {}",
            time(booking.end_unix_nano),
            cut(booking.provider, 9),
            cut(model, 22),
            count(booking.input),
            count(booking.cache_read),
            count(booking.output),
            cost,
            cut(dimension(0), 7),
            cut(dimension(2), 9),
            status,
        );
        let colour = match status {
            Status::Priced | Status::Free | Status::Reported => "32",
            Status::Duplicate | Status::Aggregate | Status::Failed => "2",
            _ => "33",
        };
        say(&self.paint(colour, &line));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Prints a line. A reader that went away is no reason to stop the collector.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn time(unix_nano: u64) -> String {
    Timestamp::from_nanosecond(unix_nano.into())
        .map_or_else(|_| "--:--:--".to_owned(), |time| time.strftime("%H:%M:%S").to_string())
}

fn count(count: u64) -> String {
    if count == 0 { "-".to_owned() } else { count.to_string() }
}

fn cut(text: Text<'_>, width: usize) -> String {
    let text = &*text.to_str_lossy();
    let short = escaped(text, width);
    if text.chars().count() > width {
        let kept: String = short.chars().take(width - 1).collect();
        format!("{kept}…")
    } else {
        short
    }
}
