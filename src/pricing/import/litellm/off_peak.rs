//! `off_peak_pricing`: rates for hours of the day. They replace whatever else would hold.

use serde_json::{Map, Value, json};

use super::keys::{Key, When};
use super::price::{Rates, object, rate};

/// Minutes of a day.
const DAY: u64 = 24 * 60;

/// Monday is 1 in their words.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The conditions of the windows. Their hours are UTC, their days those of a zone.
///
/// A window that passes midnight is refused: none does today, and what its days would mean is not written anywhere.
pub(super) fn read(entry: &Map<String, Value>) -> Result<Vec<Value>, String> {
    let Some(off_peak) = entry.get("off_peak_pricing").and_then(Value::as_object) else {
        return Ok(Vec::new());
    };
    let mut rates = Rates::new();
    for (key, value) in off_peak {
        if let Key::Rate(bucket, when) = Key::parse(key)
            && when == When::default()
        {
            rates.insert(bucket, Some(rate(bucket, value).ok_or_else(|| format!("`{key}` is no rate"))?));
        }
    }
    let shift = match off_peak.get("weekday_timezone").and_then(Value::as_str) {
        None | Some("UTC") => 0,
        // No summer time there.
        Some("Asia/Shanghai") => 8,
        Some(zone) => return Err(format!("`off_peak_pricing` with the days of {zone}")),
    };
    let mut whens = Vec::new();
    let daily = off_peak.get("hours_utc").map(|hours| (hours, &Value::Null));
    let windows = off_peak.get("windows").and_then(Value::as_array).into_iter().flatten();
    for (hours, days) in
        daily.into_iter().chain(windows.map(|window| (&window["hours_utc"], &window["weekdays"])))
    {
        let hours: Vec<_> = match hours {
            Value::String(one) => vec![one.as_str()],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => return Err("a window of `off_peak_pricing` has no hours".to_owned()),
        };
        let hours = hours.into_iter().map(minutes).collect::<Option<Vec<_>>>();
        let hours = hours.ok_or("a window of `off_peak_pricing` is none such as 01:00-04:00")?;
        let Value::Array(days) = days else {
            whens.push(condition(None, &hours, &rates));
            continue;
        };
        let days = days.iter().map(|day| day.as_u64()?.checked_sub(1).filter(|day| *day < 7));
        let days = days.collect::<Option<Vec<_>>>().ok_or("a weekday is none of 1 to 7")?;
        // East of us the next day has begun when our evening has: what is left of our day there belongs to the day before.
        let midnight = DAY - shift * 60;
        let part = |from: u64, until: u64| -> Vec<_> {
            let cut = hours.iter().map(|(start, end)| ((*start).max(from), (*end).min(until)));
            cut.filter(|(start, end)| start < end).collect()
        };
        for (hours, days_before) in [(part(0, midnight), 0), (part(midnight, DAY), 1)] {
            if !hours.is_empty() {
                let days: Vec<_> = days.iter().map(|day| (day + 7 - days_before) % 7).collect();
                whens.push(condition(Some(days), &hours, &rates));
            }
        }
    }
    Ok(whens)
}

/// `10:00-00:00` as minutes of the day; none passes midnight.
fn minutes(window: &str) -> Option<(u64, u64)> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        Some(hour.parse::<u64>().ok()? * 60 + minute.parse::<u64>().ok()?).filter(|minute| *minute <= DAY)
    };
    let (start, end) = window.split_once('-')?;
    let (start, end) = (minute(start)?, minute(end)?);
    let end = if end == 0 { DAY } else { end };
    (start < end).then_some((start, end))
}

fn condition(days: Option<Vec<u64>>, hours: &[(u64, u64)], rates: &Rates) -> Value {
    let mut condition = Map::new();
    if let Some(mut days) = days {
        days.sort_unstable();
        let days: Vec<_> = days.into_iter().filter_map(|day| DAYS.get(day as usize)).collect();
        condition.insert("days".to_owned(), json!(days));
    }
    if hours != [(0, DAY)] {
        let clock = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let hours: Vec<_> =
            hours.iter().map(|(start, end)| format!("{}-{}", clock(*start), clock(*end))).collect();
        condition.insert("hours".to_owned(), json!(hours));
    }
    condition.insert("rates".to_owned(), object(rates));
    Value::Object(condition)
}
