//! A catalog as text: the format, written. One model a line, so that a change of prices reads as one in a diff.
//!
//! The same catalog gives the same text, and the text reads back as the same catalog.

use serde_json::{Map, Value, json};

use super::decimal::Decimal;
use super::format::{CatalogFile, ModelEntry, ProviderEntry, Rates, WhenEntry};
use super::when::Day;

/// The catalog as JSON, in the order in which it was read or built.
pub fn to_json(file: &CatalogFile) -> String {
    let CatalogFile { currency, source, version, notes, providers } = file;
    let mut text = String::from("{\n");
    for (key, value) in [("currency", currency), ("source", source), ("version", version)] {
        if let Some(value) = value {
            line(&mut text, 1, key, &json!(value));
        }
    }
    if !notes.is_empty() {
        line(&mut text, 1, "notes", &json!(notes));
    }
    text.push_str("  \"providers\": {\n");
    for (id, entry) in &providers.0 {
        provider(&mut text, id, entry);
    }
    close(&mut text, "  }\n}\n");
    text
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
    let ModelEntry { matches, rates: base, when: whens, retires, source } = entry;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    if !matches.is_empty() {
        put("match", json!(matches));
    }
    if !base.0.is_empty() {
        put("rates", rates(base));
    }
    if !whens.is_empty() {
        put("when", whens.iter().map(when).collect());
    }
    if let Some(retires) = retires {
        put("retires", json!(retires.to_string()));
    }
    if let Some(source) = source {
        put("source", json!(source));
    }
    Value::Object(object)
}

fn when(entry: &WhenEntry) -> Value {
    let WhenEntry { over, from, until, days, hours, tier, batch, region, x, rates: changed } = entry;
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("from", from.map(|from| json!(from.to_string())));
    put("until", until.map(|until| json!(until.to_string())));
    put("over", over.map(|over| json!(over)));
    put("days", one_or_many(days.iter().map(|day| day_name(*day).to_owned())));
    put("hours", one_or_many(hours.iter().map(ToString::to_string)));
    put("tier", one_or_many(tier.iter().cloned()));
    put("batch", batch.map(|batch| json!(batch)));
    put("region", one_or_many(region.iter().cloned()));
    put("x", x.map(|x| number(x.decimal())));
    put("rates", (!changed.0.is_empty()).then(|| rates(changed)));
    Value::Object(object)
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
  "currency": "USD",
  "source": "s",
  "version": "1",
  "notes": ["n"],
  "providers": {
    "p": {
      "names": ["a*"],
      "hosts": ["h"],
      "serves": ["s"],
      "fallback": ["q"],
      "same_price": [":x"],
      "models": {
        "m": {"match":["n"],"rates":{"input":0.1,"output":"0.083333333333"},"when":[{"from":"2026-01-01","until":"2026-02-01T01:00:00Z","over":9,"days":["mon","sun"],"hours":"01:00-04:00","tier":["flex","fast"],"batch":true,"region":"eu","x":1.1,"rates":{"input":2,"output":null}}],"retires":"2027-01-01","source":"s"},
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
