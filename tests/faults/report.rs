//! The table that a scenario prints: what was measured, what was wanted, and whether it is.

use std::fmt::Display;
use std::time::Instant;

use crate::options::Options;

/// A scenario's figures.
#[derive(Debug)]
pub(crate) struct Report {
    scenario: &'static str,
    began: Instant,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    /// And whether it was reached; `None`: nothing was wanted.
    wanted: Option<(String, bool)>,
}

impl Report {
    pub(crate) fn new(scenario: &'static str) -> Self {
        Report { scenario, began: Instant::now(), rows: Vec::new() }
    }

    /// A figure for information.
    pub(crate) fn tell(&mut self, what: &str, measured: impl Display) {
        self.rows.push(Row { what: what.to_owned(), measured: measured.to_string(), wanted: None });
    }

    /// A figure that is wanted.
    pub(crate) fn check(
        &mut self,
        what: &str,
        measured: impl Display,
        wanted: impl Display,
        is_reached: bool,
    ) {
        self.rows.push(Row {
            what: what.to_owned(),
            measured: measured.to_string(),
            wanted: Some((wanted.to_string(), is_reached)),
        });
    }

    /// A figure that depends on how fast the machine is, and on what else it does: it is wanted in the full form, and told in the short
    /// one, which runs beside other tests.
    pub(crate) fn timed(
        &mut self,
        options: &Options,
        what: &str,
        measured: impl Display,
        wanted: impl Display,
        is_reached: bool,
    ) {
        match options.full {
            true => self.check(what, measured, wanted, is_reached),
            false => self.tell(what, format!("{measured} (aim: {wanted})")),
        }
    }

    /// A figure that must be this.
    pub(crate) fn exactly<T: Display + PartialEq>(&mut self, what: &str, measured: T, wanted: T) {
        let is_reached = measured == wanted;
        self.check(what, measured, wanted, is_reached);
    }

    /// Takes another's figures.
    pub(crate) fn append(&mut self, other: Report) {
        self.rows.extend(other.rows);
    }

    /// Prints it; says whether all that was wanted was reached.
    pub(crate) fn print(&self) -> bool {
        let missed = self.rows.iter().filter(|row| matches!(row.wanted, Some((_, false)))).count();
        let verdict = if missed == 0 { "passed".to_owned() } else { format!("FAILED, {missed} missed") };
        let mut out =
            format!("\n{}: {verdict}, {:.1} s\n", self.scenario, self.began.elapsed().as_secs_f64());
        for row in &self.rows {
            let wanted = match &row.wanted {
                None => String::new(),
                Some((wanted, true)) => format!("wanted {wanted}"),
                Some((wanted, false)) => format!("wanted {wanted}  <-- MISSED"),
            };
            out.push_str(format!("  {:<44} {:>16}  {wanted}", row.what, row.measured).trim_end());
            out.push('\n');
        }
        print!("{out}");
        missed == 0
    }
}

/// Bytes as people read them.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Seconds.
pub(crate) fn seconds(time: std::time::Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
