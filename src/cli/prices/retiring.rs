//! `pricetag prices retiring`: models that will not be served much longer.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::words::{self, Which};
use crate::cli::layers::Layers;
use crate::pricing::when::Moment;
use crate::text::counted;

const DAY: i64 = 24 * 3600;

/// Lists models that their providers stop serving soon, the nearest date first.
#[derive(Debug, Args)]
pub(super) struct Retiring {
    /// How far to look ahead, in days or weeks
    #[arg(long, value_name = "DAYS", default_value = "90d", value_parser = days)]
    within: i64,
    #[command(flatten)]
    which: Which,
    /// Look from this day instead of today
    #[arg(long, value_name = "DATE", value_parser = words::moment)]
    at: Option<Moment>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layers: Layers,
}

/// Reads `90d`, `12w` or `90`.
fn days(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.strip_suffix('w') {
        Some(number) => (number, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let days = number.parse::<u16>().map_err(|_| "write days or weeks, as in 90d or 12w".to_owned())?;
    Ok(i64::from(days) * unit)
}

impl Retiring {
    pub(super) fn run(self) -> anyhow::Result<String> {
        let catalog = self.layers.catalog()?;
        let at = self.at.unwrap_or_else(words::now);
        // By the calendar: what ends tomorrow ends in a day, however late it is.
        let left = |day: Moment| day.unix().div_euclid(DAY) - at.unix().div_euclid(DAY);
        let dated = self.which.models(&catalog)?;
        let mut dated: Vec<_> = dated
            .into_iter()
            .filter_map(|(_, provider, model)| Some((model.retires()?, provider, model.id())))
            .collect();
        dated.sort_unstable();
        let gone = dated.iter().filter(|(day, ..)| *day <= at).count();
        let soon: Vec<_> = dated.iter().filter(|(day, ..)| *day > at && left(*day) <= self.within).collect();
        let wide = soon.iter().map(|(_, provider, _)| provider.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (day, provider, model) in &soon {
            if self.json {
                let line = json!({"provider": provider, "model": model, "retires": day.to_string(), "days": left(*day)});
                writeln!(text, "{line}")?;
            } else {
                let left = left(*day);
                let unit = if left == 1 { "day " } else { "days" };
                writeln!(text, "{day}  in {left:>3} {unit}  {} {model}", words::cell(provider, wide))?;
            }
        }
        if !self.json {
            let one = |count: usize, one, many| if count == 1 { one } else { many };
            writeln!(
                text,
                "{} of {} with a date {} within {}; {gone} {} past {}",
                soon.len(),
                counted(dated.len(), "model"),
                one(soon.len(), "retires", "retire"),
                counted(self.within, "day"),
                one(gone, "is", "are"),
                one(gone, "its date", "theirs"),
            )?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_and_weeks() {
        assert_eq!([days("90d"), days("12w"), days("7")], [Ok(90), Ok(84), Ok(7)]);
        for bad in ["", "d", "-1d", "3m", "1.5d"] {
            assert!(days(bad).is_err(), "{bad}");
        }
    }
}
