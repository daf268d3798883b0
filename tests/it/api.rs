//! The API of the admin port: what it answers is what its description says, and what was sent.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use pricetag::pricing::Picodollars;
use serde_json::{Value, json};

use crate::support::process::Setup;
use crate::support::spans::{attribute, chat, gpt_4o, request};
use crate::support::{CAPTURES, Pricetag, Sink, Via, capture, eventually};

const HOUR: u64 = 3_600_000_000_000;

/// A call as it was sent, and what it costs: gpt-4o is $2.50 and $10 per million tokens.
struct Sent {
    hour: u64,
    user: String,
    input: u64,
    output: u64,
}

impl Sent {
    fn cost(&self) -> i128 {
        i128::from(self.input) * 2_500_000 + i128::from(self.output) * 10_000_000
    }
}

/// Sixty calls of seven users and nobody, in the last twenty hours.
fn calls() -> (Vec<Sent>, Vec<Span>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let call = |number: u64| {
        let end = now / HOUR * HOUR - number * 7 % 20 * HOUR;
        let user = if number.is_multiple_of(8) { String::new() } else { format!("=user{}", number % 8) };
        let (input, output) = (number * number * 37 % 10_007, number * 991 % 5_003);
        let mut span = gpt_4o(number, input as i64, output as i64);
        (span.start_time_unix_nano, span.end_time_unix_nano) = (end - 1, end);
        "POST /chat".clone_into(&mut span.name);
        span.attributes.push(attribute("user.id", &*user));
        (Sent { hour: end / HOUR, user, input, output }, span)
    };
    (1..=60).map(call).unzip()
}

fn rfc3339(hour: u64) -> String {
    Timestamp::from_second(hour as i64 * 3600).unwrap().to_string()
}

async fn ask(pricetag: &Pricetag, path: &str) -> Value {
    let (status, text) = pricetag.get(path).await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn picodollars(decimal: &str) -> i128 {
    decimal.parse::<Picodollars>().unwrap().get()
}

fn money(text: &Value) -> i128 {
    picodollars(text.as_str().unwrap())
}

/// Money and tokens by a key, of what was sent.
fn summed<K: Ord>(sent: &[&Sent], key: impl Fn(&Sent) -> K) -> BTreeMap<K, (i128, u64, u64, u64)> {
    let mut sums = BTreeMap::new();
    for sent in sent {
        let (cost, input, output, calls) = sums.entry(key(sent)).or_insert((0, 0, 0, 0));
        (*cost, *input, *output, *calls) =
            (*cost + sent.cost(), *input + sent.input, *output + sent.output, *calls + 1);
    }
    sums
}

/// The same of a row.
fn told(row: &Value) -> (i128, u64, u64, u64) {
    let count = |key: &str| row[key].as_u64().unwrap();
    (money(&row["cost"]), count("input_tokens"), count("output_tokens"), count("calls"))
}

/// Scenario: sixty calls of eight users in twenty hours, asked for in any hours, by user, by hour, with few rows and with all.
/// Guarantees: all answers are the sums of what was sent, to the picodollar and the token; what is cut is `other`; a receipt's lines
/// multiply and add up to the cost of its call; CSV has the same rows, and no cell that a spreadsheet would run.
#[tokio::test]
async fn answers_are_the_sums_of_what_was_sent() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let (sent, spans) = calls();
    pricetag.deliver_spans(&request(spans)).await;
    pricetag.settled(60).await;
    let last = sent.iter().map(|sent| sent.hour).max().unwrap();
    let all: Vec<&Sent> = sent.iter().collect();

    for (from, until) in
        [(last - 30, last + 1), (last - 20, last - 3), (last - 5, last - 1), (last - 12, last)]
    {
        let within: Vec<&Sent> = sent.iter().filter(|sent| (from..until).contains(&sent.hour)).collect();
        let time = format!("since={}&until={}", rfc3339(from), rfc3339(until));
        let total: i128 = within.iter().map(|sent| sent.cost()).sum();

        let costs = ask(&pricetag, &format!("/api/v1/costs?by=user&top=100&{time}")).await;
        let rows = costs["rows"].as_array().unwrap();
        let by_user: BTreeMap<String, _> =
            rows.iter().map(|row| (row["value"].as_str().unwrap().to_owned(), told(row))).collect();
        assert_eq!(by_user, summed(&within, |sent| sent.user.clone()), "{time}");
        assert_eq!((money(&costs["total"]), money(&costs["pending"])), (total, 0));
        assert_eq!([&costs["from"], &costs["until"]], [&json!(rfc3339(from)), &json!(rfc3339(until))]);
        assert!(rows.is_sorted_by_key(|row| -money(&row["cost"])), "{costs:#}");

        let top = ask(&pricetag, &format!("/api/v1/costs?by=user&top=2&{time}")).await;
        let cut = top["rows"].as_array().unwrap();
        assert_eq!(cut[..2], rows[..2]);
        assert_eq!((cut.len(), &cut[2]["value"]), (3, &json!("other")));
        assert_eq!(cut.iter().map(|row| money(&row["cost"])).sum::<i128>(), total);

        let hourly = ask(&pricetag, &format!("/api/v1/timeseries?step=hour&{time}")).await;
        let by_hour: BTreeMap<String, _> = hourly["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["start"].as_str().unwrap().to_owned(), told(row)))
            .collect();
        assert_eq!(by_hour, summed(&within, |sent| rfc3339(sent.hour)), "{time}");

        let named: Vec<&str> = cut[..2].iter().map(|row| row["value"].as_str().unwrap()).collect();
        for step in ["hour", "day"] {
            let series =
                ask(&pricetag, &format!("/api/v1/timeseries?by=user&step={step}&top=2&{time}")).await;
            let points: BTreeMap<(String, String), _> = series["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| (["start", "value"].map(|key| row[key].as_str().unwrap().to_owned()), told(row)))
                .map(|([start, value], sums)| ((start, value), sums))
                .collect();
            let length = if step == "hour" { 1 } else { 24 };
            let expected = summed(&within, |sent| {
                let user = if named.contains(&&*sent.user) { sent.user.as_str() } else { "other" };
                (rfc3339(sent.hour / length * length), user.to_owned())
            });
            assert_eq!(points, expected, "{step} {time}");
        }

        let actions = ask(&pricetag, &format!("/api/v1/actions?{time}")).await;
        let [action] = actions["rows"].as_array().unwrap().as_slice() else { panic!("{actions:#}") };
        assert_eq!((&action["value"], &action["actions"]), (&json!("POST /chat"), &json!(within.len())));
        assert_eq!(money(&action["cost"]), total);
        let each = money(&action["cost_per_action"]) * within.len() as i128 - total;
        assert!(each.abs() <= within.len() as i128 / 2, "{action:#}");
        assert_eq!(action["calls_per_action"], 1.0);
    }

    let calls = ask(&pricetag, "/api/v1/calls?limit=200").await;
    let rows = calls["rows"].as_array().unwrap();
    let costs: Vec<i128> = rows.iter().map(|row| money(&row["cost"])).collect();
    // The last first.
    assert_eq!(costs, all.iter().rev().map(|sent| sent.cost()).collect::<Vec<_>>());
    for (row, sent) in rows.iter().zip(all.iter().rev()) {
        let lines = row["lines"].as_array().unwrap();
        for line in lines {
            let product = i128::from(line["quantity"].as_u64().unwrap()) * money(&line["rate"]);
            assert_eq!(product, money(&line["amount"]), "{row:#}");
        }
        assert_eq!(lines.iter().map(|line| money(&line["amount"])).sum::<i128>(), money(&row["cost"]));
        let user = Some(&sent.user).filter(|user| !user.is_empty());
        assert_eq!(row["dimensions"]["user"].as_str(), user.map(String::as_str), "{row:#}");
        assert_eq!([&row["status"], &row["model"], &row["name"]], ["priced", "gpt-4o", "POST /chat"]);
        assert_eq!(row["trace_id"].as_str().unwrap().len(), 32);
    }
    let three = ask(&pricetag, "/api/v1/calls?limit=3").await;
    assert_eq!(three["rows"].as_array().unwrap()[..], rows[..3]);

    let url = format!("http://{}/api/v1/costs?by=user&since=30h", pricetag.admin);
    let reply = pricetag.client.get(url).header("accept", "text/csv").send().await.unwrap();
    assert_eq!(reply.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    let text = reply.text().await.unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(table.headers().unwrap().iter().take(2).collect::<Vec<_>>(), ["value", "cost"]);
    let rows: BTreeMap<String, i128> = table
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[0].to_owned(), picodollars(&row[1])))
        .collect();
    let harmless = |user: &str| if user.is_empty() { String::new() } else { format!("'{user}") };
    let expected = summed(&all, |sent| harmless(&sent.user));
    assert_eq!(rows, expected.into_iter().map(|(user, (cost, ..))| (user, cost)).collect());
}

/// Scenario: a call of thirty days ago, of which the hours have gone; asked for by the hour, by the day and by the week around it.
/// Guarantees: it is told in each, with the days that the answer is for; not in the day before.
#[tokio::test]
async fn long_ago_days_are_told() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("ledger.db");
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("processors.pricetag.ledger.file={}", file.display()));
    let mut first = setup.clone().start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    // Half past eleven.
    let day = now / HOUR / 24 * 24 - 30 * 24;
    let mut span = gpt_4o(1, 1_000_000, 0);
    span.end_time_unix_nano = (day + 11) * HOUR + HOUR / 2;
    first.deliver_spans(&request(vec![span])).await;
    first.settled(1).await;
    first.stop().await;
    // Hours that are too old go once an hour: here with the next process.
    let hourly = || -> i64 {
        let store = rusqlite::Connection::open(&file).unwrap();
        let sql = "SELECT count(*) FROM hours WHERE hour = ?";
        store.query_row(sql, [day as i64 + 11], |row| row.get(0)).unwrap()
    };
    assert!(hourly() > 0);
    let pricetag = setup.start().await;
    eventually("old hours to go", async || (hourly() == 0).then_some(())).await;
    for (from, until, told, cost) in [
        (day + 11, day + 12, [day, day + 24], "2.5"),
        (day, day + 24, [day, day + 24], "2.5"),
        (day - 50, day + 1, [day - 72, day + 24], "2.5"),
        (day - 24, day + 200, [day - 24, day + 216], "2.5"),
        (day - 24, day, [day - 24, day], "0"),
    ] {
        let time = format!("since={}&until={}", rfc3339(from), rfc3339(until));
        let costs = ask(&pricetag, &format!("/api/v1/costs?by=user&{time}")).await;
        assert_eq!(
            [&costs["from"], &costs["until"]],
            told.map(rfc3339).each_ref().map(|it| it.as_str()),
            "{time}"
        );
        assert_eq!(costs["total"], cost, "{time}");
        let series = ask(&pricetag, &format!("/api/v1/timeseries?{time}")).await;
        let points: Vec<&Value> = series["rows"].as_array().unwrap().iter().map(|row| &row["cost"]).collect();
        assert_eq!(points, if cost == "0" { vec![] } else { vec![cost] }, "{time}");
    }
}

/// Scenario: what is asked without a step, of a week and of a little more.
/// Guarantees: the last seven days are told by hours, from the one on in which they begin; what is longer by days, from a full one on.
#[tokio::test]
async fn a_week_is_told_by_hours() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let hour = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600;
    eventually("answers of one hour", async || {
        let now = hour();
        let week = ask(&pricetag, "/api/v1/timeseries?since=7d").await;
        let costs = ask(&pricetag, "/api/v1/costs?by=user&since=1w").await;
        let longer = ask(&pricetag, "/api/v1/timeseries?since=170h").await;
        // None, if an hour has begun meanwhile.
        (hour() == now).then_some(())?;
        let from = rfc3339(now - 7 * 24);
        assert_eq!([&week["step"], &week["from"]], ["hour", &from]);
        assert_eq!([&week["until"], &costs["until"]], [&rfc3339(now + 2), &rfc3339(now + 2)]);
        assert_eq!(costs["from"], from);
        assert_eq!([&longer["step"], &longer["from"]], ["day", &rfc3339((now - 170) / 24 * 24)]);
        Some(())
    })
    .await;
}

/// Scenario: the captures, an unknown model, a call without usage; every path of the description, with and without parameters; a
/// time in which there was nothing.
/// Guarantees: the description that is served is the committed one; each answer fits it, errors too; the same rows come as CSV; the
/// answers are nobody else's: they are not kept, and other sites are not allowed to read them.
#[tokio::test]
async fn answers_fit_their_description() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set("processors.pricetag.margin={revenue: [{tier: pro, amount: 20, per: month, each: total}]}")
        .start()
        .await;
    for name in CAPTURES {
        pricetag.deliver(Via::Grpc, Signal::Traces, capture(name, "traces.pb")).await;
    }
    let unknown = chat(9, "nobody-knows", vec![attribute("gen_ai.usage.input_tokens", 5)]);
    pricetag.deliver_spans(&request(vec![unknown, chat(10, "gpt-4o", vec![])])).await;
    eventually("calls without a price", async || {
        let costs = ask(&pricetag, "/api/v1/costs?by=model_asked&since=400d").await;
        let rows = costs["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["value"] == "nobody-knows")?;
        assert!(row["cost"].is_null() || row["calls"] == 0, "{row:#}");
        (row["calls"] == 1).then_some(())
    })
    .await;

    let committed =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap();
    let (_, served) = pricetag.get("/api/v1/openapi.json").await.unwrap();
    assert_eq!(served, committed);
    let description: Value = serde_json::from_str(&served).unwrap();
    let fits = |schema: &Value, answer: &Value, what: &str| {
        let mut schema = schema.clone();
        schema["components"] = description["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let faults: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{what}: {faults:#?}\n{answer:#}");
    };
    for (path, item) in description["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().unwrap();
        let names: Vec<&str> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
        let required = if parameters.iter().any(|it| it["required"] == true) { "by=feature" } else { "" };
        let mut queries = vec![required.to_owned()];
        if names.contains(&"since") {
            queries.push(format!("{required}&since=300d"));
        }
        if names.contains(&"until") {
            queries.push(format!("{required}&since=2020-01-01&until=2020-01-02"));
        }
        if names.contains(&"step") {
            queries.push("by=provider&since=40d&top=1".to_owned());
        }
        let responses = &item["get"]["responses"];
        for query in &queries {
            let asked = format!("{path}?{query}");
            let answer = ask(&pricetag, &asked).await;
            fits(&responses["200"]["content"]["application/json"]["schema"], &answer, &asked);

            let url = format!("http://{}{asked}", pricetag.admin);
            let reply = pricetag.client.get(&url).header("accept", "text/csv").send().await.unwrap();
            assert_eq!(reply.status(), 200, "{asked}");
            for (header, expected) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
                assert_eq!(reply.headers()[header], expected);
            }
            assert!(reply.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
            let text = reply.text().await.unwrap();
            let mut table = csv::Reader::from_reader(text.as_bytes());
            let columns = table.headers().unwrap().len();
            let records: Vec<csv::StringRecord> = table.records().map(|row| row.unwrap()).collect();
            let rows = answer.get("rows").or(answer.get("active")).unwrap().as_array().unwrap();
            assert_eq!(records.len(), rows.len(), "{asked}");
            assert!(columns > 1 && records.iter().all(|record| record.len() == columns), "{text}");
        }
        let (status, error) = pricetag.get(&format!("{path}?nonsense=1")).await.unwrap();
        assert_eq!(status, 400, "{path}");
        let error = serde_json::from_str(&error).unwrap();
        fits(&responses["400"]["content"]["application/json"]["schema"], &error, path);
    }
    // What the last calls say of those without a price.
    let calls = ask(&pricetag, "/api/v1/calls").await;
    let of = |name: &str| {
        let rows = calls["rows"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).cloned().unwrap()
    };
    assert_eq!([&of("span 9")["status"], &of("span 9")["cost"]], [&json!("unknown_model"), &Value::Null]);
    assert_eq!([&of("span 10")["status"], &of("span 10")["usage"]], [&json!("no_usage"), &Value::Null]);
}

/// Scenario: questions that are wrong in every way: parameters, times, paths, methods, formats.
/// Guarantees: a status that says which, and an error that names what may be said.
#[tokio::test]
async fn wrong_questions_are_told_what_is_right() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    for (status, path, helps) in [
        (400, "costs", "say by=..., one of user"),
        (400, "costs?by=session", "there is no dimension"),
        (400, "costs?by=usr", "did you mean \"user\"?"),
        (400, "costs?by=user&tpo=3", "did you mean \"top\"?"),
        (400, "costs?by=user&by=tier", "said twice"),
        (400, "costs?by=user&top=0", "1 to 10000"),
        (400, "costs?by=user&top=10001", "1 to 10000"),
        (400, "costs?by=user&top=many", "1 to 10000"),
        (400, "costs?by=user&since=yesterday", "as in 90m, 24h, 7d"),
        (400, "costs?by=user&since=1h&until=2h", "since lies after until"),
        (400, "timeseries?step=week", "allowed: day, hour"),
        (400, "timeseries?step=hour&since=30d", "step=day"),
        (400, "timeseries?top=101", "1 to 100"),
        (400, "calls?limit=201", "1 to 200"),
        (404, "cots?by=user", "did you mean \"costs\"?"),
        (404, "", "below /api/v1/: allowed: actions, calls, costs"),
        (404, "margin", "processors.pricetag.margin"),
    ] {
        let (found, text) = pricetag.get(&format!("/api/v1/{path}")).await.unwrap();
        assert_eq!(found, status, "{path}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(error["error"].as_str().unwrap().contains(helps), "{path}: {error}");
    }
    let url = format!("http://{}/api/v1/costs?by=user", pricetag.admin);
    let posted = pricetag.client.post(&url).send().await.unwrap();
    assert_eq!((posted.status().as_u16(), &posted.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
    let html = pricetag.client.get(&url).header("accept", "text/html").send().await.unwrap();
    assert_eq!(html.status(), 406);
    assert!(html.text().await.unwrap().contains("text/csv"));
}
