//! A catalog as text: the format, written. One model a line, so that a change of prices reads as one in a diff.
//!
//! The same catalog gives the same text, and the text reads back as the same catalog.

use serde_json::{Map, Value, json};

use super::decimal::Decimal;
use super::format::{AdjustEntry, CatalogFile, GpuEntry, ModelEntry, ProviderEntry, Rates, WhenEntry};
use super::when::Day;

/// The catalog as JSON, in the order in which it was read or built.
pub fn to_json(file: &CatalogFile) -> String {
    let CatalogFile {
        currency,
        usd_per_unit,
        source,
        version,
        date,
        notes,
        providers,
        aliases,
        adjust,
        text: _,
    } = file;
    let mut text = String::from("{\n");
    let head = [
        ("currency", currency.as_ref().map(|currency| json!(currency))),
        ("usd_per_unit", usd_per_unit.map(|rate| number(rate.decimal()))),
        ("source", source.as_ref().map(|source| json!(source))),
        ("version", version.as_ref().map(|version| json!(version))),
        ("date", date.map(|date| json!(date.to_string()))),
        ("notes", (!notes.is_empty()).then(|| json!(notes))),
        (
            "aliases",
            (!aliases.0.is_empty()).then(|| members(aliases.0.iter().map(|(of, to)| (of, json!(to))))),
        ),
        ("adjust", (!adjust.is_empty()).then(|| adjust.iter().map(adjustment).collect())),
    ];
    for (key, value) in head {
        if let Some(value) = value {
            line(&mut text, 1, key, &value);
        }
    }
    text.push_str("  \"providers\": {\n");
    for (id, entry) in &providers.0 {
        provider(&mut text, id, entry);
    }
    close(&mut text, "  }\n}\n");
    text
}

fn members<'a>(members: impl Iterator<Item = (&'a String, Value)>) -> Value {
    members.map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>().into()
}

/// An object of what is said.
fn said<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let said = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    said.collect::<Map<_, _>>().into()
}

fn adjustment(entry: &AdjustEntry) -> Value {
    let AdjustEntry { provider, model, x, from, until, fixed_per_month, note } = entry;
    said([
        ("provider", provider.as_ref().map(|provider| json!(provider))),
        ("model", model.as_ref().map(|model| json!(model))),
        ("x", x.map(|x| number(x.decimal()))),
        ("from", from.map(|from| json!(from.to_string()))),
        ("until", until.map(|until| json!(until.to_string()))),
        ("fixed_per_month", fixed_per_month.map(|sum| number(sum.dollars()))),
        ("note", note.as_ref().map(|note| json!(note))),
    ])
}

fn provider(text: &mut String, id: &str, entry: &ProviderEntry) {
    let ProviderEntry { names, hosts, serves, fallback, same_price, models } = entry;
    text.push_str(&format!("    {}: {{\n", json!(id)));
    for (key, list) in [
        ("names", names),
        ("hosts", hosts),
        ("serves", serves),
        ("fallback", fallback),
        ("same_price", same_price),
    ] {
        if !list.is_empty() {
            line(text, 3, key, &json!(list));
        }
    }
    text.push_str("      \"models\": {\n");
    for (id, entry) in &models.0 {
        line(text, 4, id, &model(entry));
    }
    close(text, "      }\n");
    text.push_str("    },\n");
}

/// A model as JSON, its keys in the order of the format.
pub fn model(entry: &ModelEntry) -> Value {
    let ModelEntry { matches, rates: base, gpu: machines, when: whens, retires, source } = entry;
    said([
        ("match", (!matches.is_empty()).then(|| json!(matches))),
        ("rates", (!base.0.is_empty()).then(|| rates(base))),
        ("gpu", machines.as_ref().map(gpu)),
        ("when", (!whens.is_empty()).then(|| whens.iter().map(when).collect())),
        ("retires", retires.map(|retires| json!(retires.to_string()))),
        ("source", source.as_ref().map(|source| json!(source))),
    ])
}

fn gpu(entry: &GpuEntry) -> Value {
    let GpuEntry { per_hour, count, tokens_per_second, output_weight } = entry;
    said([
        ("per_hour", per_hour.map(|rate| number(rate.dollars()))),
        ("count", count.map(|count| json!(count))),
        ("tokens_per_second", tokens_per_second.map(|tokens| number(tokens.decimal()))),
        ("output_weight", output_weight.map(|weight| number(weight.decimal()))),
    ])
}

fn when(entry: &WhenEntry) -> Value {
    let WhenEntry { over, from, until, days, hours, tier, batch, region, x, rates: changed } = entry;
    said([
        ("from", from.map(|from| json!(from.to_string()))),
        ("until", until.map(|until| json!(until.to_string()))),
        ("over", over.map(|over| json!(over))),
        ("days", one_or_many(days.iter().map(|day| day_name(*day).to_owned()))),
        ("hours", one_or_many(hours.iter().map(ToString::to_string))),
        ("tier", one_or_many(tier.iter().cloned())),
        ("batch", batch.map(|batch| json!(batch))),
        ("region", one_or_many(region.iter().cloned())),
        ("x", x.map(|x| number(x.decimal()))),
        ("rates", (!changed.0.is_empty()).then(|| rates(changed))),
    ])
}

fn rates(rates: &Rates) -> Value {
    rates
        .0
        .iter()
        .map(|(bucket, rate)| {
            (bucket.name().to_owned(), rate.map_or(Value::Null, |rate| number(rate.dollars())))
        })
        .collect::<Map<_, _>>()
        .into()
}

/// One word stands alone, as people write it.
fn one_or_many(words: impl Iterator<Item = String>) -> Option<Value> {
    let mut words: Vec<String> = words.collect();
    match words.len() {
        0 => None,
        1 => words.pop().map(Value::String),
        _ => Some(json!(words)),
    }
}

/// A number where that reads back as the same decimal, else a text.
fn number(decimal: Decimal) -> Value {
    let text = decimal.to_string();
    if decimal.scale() == 0
        && let Ok(whole) = i64::try_from(decimal.mantissa())
    {
        return json!(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.to_string() == text => json!(number),
        _ => json!(text),
    }
}

const fn day_name(day: Day) -> &'static str {
    match day {
        Day::Mon => "mon",
        Day::Tue => "tue",
        Day::Wed => "wed",
        Day::Thu => "thu",
        Day::Fri => "fri",
        Day::Sat => "sat",
        Day::Sun => "sun",
    }
}

fn line(text: &mut String, depth: usize, key: &str, value: &Value) {
    text.push_str(&format!("{:indent$}{}: {value},\n", "", json!(key), indent = depth * 2));
}

/// Closes a list: without the comma after its last entry.
fn close(text: &mut String, end: &str) {
    if text.ends_with(",\n") {
        text.truncate(text.len() - 2);
        text.push('\n');
    }
    text.push_str(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a catalog that says everything once.
    /// Guarantees: written, read and written again it is the same text, and no word of it is lost.
    #[test]
    fn what_is_written_reads_back() {
        let text = r#"{
  "currency": "EUR",
  "usd_per_unit": 1.08,
  "source": "s",
  "version": "1",
  "date": "2026-11-01",
  "notes": ["n"],
  "aliases": {"mine":"p/m"},
  "adjust": [{"provider":"p","model":"m*","x":0.88,"from":"2026-07-01","until":"2027-07-01","fixed_per_month":18000,"note":"n"}],
  "providers": {
    "p": {
      "names": ["a*"],
      "hosts": ["h"],
      "serves": ["s"],
      "fallback": ["q"],
      "same_price": [":x"],
      "models": {
        "m": {"match":["n"],"rates":{"input":0.1,"output":"0.083333333333"},"when":[{"from":"2026-01-01","until":"2026-02-01T01:00:00Z","over":9,"days":["mon","sun"],"hours":"01:00-04:00","tier":["flex","fast"],"batch":true,"region":"eu","x":1.1,"rates":{"input":2,"output":null}}],"retires":"2027-01-01","source":"s"},
        "own": {"gpu":{"per_hour":2.49,"count":4,"tokens_per_second":3000,"output_weight":4}},
        "unpriced": {}
      }
    },
    "q": {
      "models": {
      }
    }
  }
}
"#;
        let read = |text| CatalogFile::from_json("test", text).unwrap();
        // Twelve digits are no noise: a number says them too.
        let text = text.replace("\"0.083333333333\"", "0.083333333333");
        assert_eq!(to_json(&read(&text)), text);
    }
}
