//! docs/ledger.md: its queries run on the file of a pricetag that runs, and tell what was sent.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::config::Config;
use regex::Regex;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::support::process::Setup;
use crate::support::spans::{attribute, chat, gpt_4o, request};
use crate::support::{Sink, eventually};

fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ledger.md");
    let page = fs::read_to_string(page).unwrap();
    let block = Regex::new(&format!(r"```{language}\n((?s:.*?))```\n")).unwrap();
    block.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

/// All rows of a query, each value as text.
fn rows(db: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = db.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let columns = statement.column_count();
    let text = |value: Value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => panic!("{bytes:?}"),
    };
    let rows =
        statement.query_map([], |row| (0..columns).map(|at| Ok(text(row.get(at)?))).collect()).unwrap();
    rows.map(|row| row.unwrap_or_else(|error| panic!("{error}: {sql}"))).collect()
}

/// Scenario: two users, of whom one spends picodollars, a call of nobody and one of a model without a price; pricetag goes on while the
/// page's queries are run on its file.
/// Guarantees: all of them run, and tell the sums of what was sent, to the picodollar.
#[tokio::test]
async fn the_queries_of_the_page_tell_what_was_sent() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("deep/er/ledger.db");
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a");
    let mut pricetag = setup.set(format!("processors.pricetag.ledger.file={}", file.display())).start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let of = |user: &str, mut span: Span| {
        span.attributes.push(attribute("user.id", user));
        let asked = span.attributes.iter().find(|it| it.key == "gen_ai.request.model").cloned().unwrap();
        span.attributes.push(KeyValue { key: "gen_ai.response.model".to_owned(), ..asked });
        Span { start_time_unix_nano: now - 1_000, end_time_unix_nano: now, ..span }
    };
    let unknown = chat(5, "nobody-knows", vec![attribute("gen_ai.usage.input_tokens", 5_i64)]);
    // Of gpt-4o a million tokens of input cost $2.50.
    let calls = vec![
        of("ann", gpt_4o(1, 400_000, 0)),
        of("ann", gpt_4o(2, 300_000, 0)),
        of("ben", gpt_4o(3, 1, 0)),
        of("", gpt_4o(4, 2, 0)),
        of("ann", unknown),
    ];
    pricetag.deliver_spans(&request(calls)).await;
    pricetag.settled(5).await;
    let queries = blocks("sql");
    let [users, months, models, unpriced, actions] = &queries[..] else {
        panic!("{} queries", queries.len())
    };
    let db = eventually("the batch", async || {
        let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let calls = rows(&db, "SELECT sum(calls) FROM costs_by_hour WHERE dimension = 'total'");
        (calls == [["5"]]).then_some(db)
    })
    .await;

    let told = |sql: &str| rows(&db, sql);
    let row = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        told(users),
        [
            row(&["ann", "1.750000000000", "3"]),
            row(&["", "0.000005000000", "1"]),
            row(&["ben", "0.000002500000", "1"])
        ]
    );
    let total: Vec<_> = told(months).into_iter().map(|month| month[1..].to_vec()).collect();
    assert_eq!(total, [row(&["1.750007500000", "0", "1"])]);
    let day = jiff::Timestamp::from_nanosecond(now.into()).unwrap().strftime("%F").to_string();
    assert_eq!(
        told(models),
        [
            row(&[&day, "gpt-4o", "1.750007500000", "4", "700003", "0"]),
            row(&[&day, "nobody-knows", "0.000000000000", "1", "5", "0"]),
        ]
    );
    assert_eq!(told(unpriced), [row(&["nobody-knows", "1", "1"])]);
    assert_eq!(told(actions).iter().map(|action| action[1].parse::<u64>().unwrap()).sum::<u64>(), 5);

    // What the page says of the tables.
    let batch = rows(&db, "SELECT records, rows, process FROM batches");
    assert!(!batch.is_empty() && batch.len() <= 3, "{batch:?}");
    let facts = rows(&db, "SELECT name FROM facts ORDER BY name");
    assert_eq!(facts, [["expired"], ["instance"], ["metrics_start"], ["queue"]]);
    assert_eq!(rows(&db, "SELECT count(*) FROM costs_by_hour WHERE dimension = 'total'"), [["1"]]);
    let session = "SELECT count(*) FROM days JOIN dimensions ON id = dimension WHERE name = 'session'";
    assert_eq!(rows(&db, session), [["0"]]);

    // A reader that is in the middle of something holds up nobody.
    let mut reading = db.prepare("SELECT * FROM hours").unwrap();
    let mut open = reading.query([]).unwrap();
    assert!(open.next().unwrap().is_some());
    pricetag.deliver_spans(&request(vec![of("ben", gpt_4o(6, 1, 0))])).await;
    pricetag.settled(6).await;
    pricetag.stop().await;
    assert!(!pricetag.log().contains("can not be written"), "{}", pricetag.log());
    drop(open);
    drop(reading);
    assert!(rows(&db, users).contains(&row(&["ben", "0.000005000000", "2"])));
}

/// Guarantees: the page's config is right, and its numbers but for the file are the defaults.
#[test]
fn the_config_of_the_page_is_right() {
    let [said] = &blocks("yaml")[..] else { panic!("one block") };
    let rest = "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }\n\
                service: {pipelines: {traces: {receivers: [otlp], processors: [pricetag], exporters: [debug]}}}\n";
    let ledger = |text: &str| {
        let config =
            Config::parse(text, "it", &[], &|_: &str| None).unwrap_or_else(|errors| panic!("{errors}"));
        config.processor.unwrap().ledger
    };
    let shown = ledger(&format!("{said}{rest}"));
    let default = ledger(&format!("processors: {{pricetag: }}\n{rest}"));
    assert_eq!(shown.limits, default.limits);
    assert_ne!(shown.file, default.file);
}
