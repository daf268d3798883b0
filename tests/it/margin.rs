//! docs/margin.md: the worked example, played.

use std::path::Path;

use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use opentelemetry_proto::tonic::trace::v1::Span;
use regex::Regex;
use serde_json::Value;

use crate::support::process::Setup;
use crate::support::spans::{attribute, request, span};
use crate::support::{Pricetag, Sink, eventually};

const COLUMNS: [&str; 9] =
    ["value", "tenants", "users", "revenue", "cost", "other_cogs", "margin", "ratio", "unpriced"];

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/margin.md")).unwrap()
}

/// The rows of the table that begins with this header.
fn table(page: &str, header: &str) -> Vec<Vec<String>> {
    let rows = page.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// A call that is an action of its own, at noon of a day.
fn call(number: u64, day: Date, [action, tenant, user, model, input, output]: [&str; 6]) -> Span {
    let noon = day.at(12, 0, 0, 0).in_tz("Europe/Berlin").unwrap().timestamp();
    let end = u64::try_from(noon.as_nanosecond()).unwrap() + number;
    let tokens = |text: &str| text.parse::<i64>().unwrap();
    let attributes = vec![
        attribute("gen_ai.provider.name", "openai"),
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.request.model", model),
        attribute("gen_ai.response.model", model),
        attribute("gen_ai.usage.input_tokens", tokens(input)),
        attribute("gen_ai.usage.output_tokens", tokens(output)),
        attribute("tenant.id", tenant),
        attribute("user.id", user),
    ];
    Span {
        name: action.to_owned(),
        start_time_unix_nano: end - 1_000_000_000,
        end_time_unix_nano: end,
        ..span(number, attributes)
    }
}

/// The page's config, with its tables in a folder.
async fn start(page: &str, folder: &Path, sink: &Sink) -> Pricetag {
    for captures in Regex::new(r"<!-- (\S+) -->\n```csv\n((?s:.*?))```").unwrap().captures_iter(page) {
        std::fs::write(folder.join(&captures[1]), &captures[2]).unwrap();
    }
    let yaml = Regex::new(r"```yaml\n((?s:.*?))```").unwrap().captures(page).unwrap()[1].to_owned();
    let said: Value = serde_yaml::from_str(&yaml).unwrap();
    let said = &said["processors"]["pricetag"];
    let lookups = said["lookups"].to_string();
    let lookups = lookups.replace("\"file\":\"", &format!("\"file\":\"{}/", folder.display()));
    Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("processors.pricetag.lookups={lookups}"))
        .set(format!("processors.pricetag.margin={}", said["margin"]))
        .start()
        .await
}

async fn ask(pricetag: &Pricetag, query: &str) -> Value {
    let (status, text) = pricetag.get(&format!("/api/v1/margin?{query}")).await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A row as the page writes it.
fn written(row: &Value) -> Vec<String> {
    let cell = |name: &&str| match &row[*name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if *name == "ratio" => {
            let rounded = format!("{:.4}", number.as_f64().unwrap());
            rounded.trim_end_matches('0').to_owned()
        }
        other => other.to_string(),
    };
    COLUMNS.iter().map(cell).collect()
}

/// Scenario: the page's config, tables and calls, in the month before this one; a call of the month before that.
/// Guarantees: the answers are the page's figures, which stand there worked out by hand: customers without calls pay, what is
/// paid by use is booked, what is paid by the month is allocated as the page says; calls without a price are told; the other
/// month's call is no part of it. Of the month to date there are gauges, by tier and by tenant.
#[tokio::test]
async fn the_worked_example() {
    let (page, folder, sink) = (page(), tempfile::tempdir().unwrap(), Sink::start().await);
    let pricetag = start(&page, folder.path(), &sink).await;
    let today = Zoned::now().in_tz("Europe/Berlin").unwrap().date();
    let month = today.first_of_month().saturating_sub(1.month());
    let fifteenth = |month: Date| month.saturating_add(14.days());

    let calls = table(&page, "| action | tenant | user | model ");
    assert_eq!(calls.len(), 7);
    let mut spans = vec![call(
        99,
        fifteenth(month.saturating_sub(1.month())),
        ["chat", "acme", "ann", "gpt-4o", "1000", "1000"],
    )];
    for (number, row) in calls.iter().enumerate() {
        let [action, tenant, user, model, input, output] = std::array::from_fn(|at| row[at].as_str());
        spans.push(call(number as u64, fifteenth(month), [action, tenant, user, model, input, output]));
    }
    pricetag.deliver_spans(&request(spans)).await;
    pricetag.settled(8).await;

    let month = month.strftime("%Y-%m").to_string();
    for (by, not_allocated) in [("tier", "0"), ("tenant", "300"), ("action", "375")] {
        let expected = table(&page, &format!("| {by} | tenants "));
        let answer = eventually("settled calls in the answer", async || {
            let answer = ask(&pricetag, &format!("by={by}&month={month}")).await;
            (answer["total"]["calls"] == 7).then_some(answer)
        })
        .await;
        let rows = answer["rows"].as_array().unwrap();
        let mut found: Vec<Vec<String>> = rows.iter().map(written).collect();
        found.push(written(&answer["total"]));
        found.last_mut().unwrap()[0] = "total".to_owned();
        assert_eq!(found, expected, "{answer:#}");
        assert_eq!(answer["subscriptions_not_allocated"], not_allocated);
        assert_eq!((&answer["kind"], &answer["rest"]), (&"gross margin".into(), &Value::Null));
        if by == "action" {
            let chat = &rows[1]["per_action"];
            for (key, expected) in [("revenue", "0.475"), ("cost", "0.4625"), ("margin", "-0.05875")] {
                assert_eq!(chat[key], expected);
                assert!(page.contains(&format!("${expected}")), "{expected}");
            }
        }
    }

    let one = ask(&pricetag, &format!("by=tenant&month={month}&top=1")).await;
    assert_eq!(one["rows"][0]["value"], "gamma");
    assert_eq!(one["rest"]["margin"], "45.353");
    let url = format!("http://{}/api/v1/margin?by=tenant&month={month}&top=1", pricetag.admin);
    let csv =
        pricetag.client.get(url).header("accept", "text/csv").send().await.unwrap().text().await.unwrap();
    let head = "value,tenants,users,revenue,subscriptions,cost,other_cogs,margin,ratio,calls,unpriced,actions,per_action";
    let rest = "other,4,3,77.18,75,20.25,11.577,45.353,";
    assert!(csv.starts_with(&format!("{head}\ngamma,1,0,0,0,1.1,0,-1.1,,1,0,1,\n{rest}")), "{csv}");
    for wrong in ["by=users", "since=soon", "month=2026-13", "top=0", "sort=up"] {
        assert_eq!(pricetag.get(&format!("/api/v1/margin?{wrong}")).await.unwrap().0, 400, "{wrong}");
    }
    let url = format!("http://{}/api/v1/margin", pricetag.admin);
    let foreign = pricetag.client.get(url).header("host", "rebound.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    gauges(&pricetag).await;
}

/// Guarantees: without revenue there is no margin, and the answer says where to write it.
#[tokio::test]
async fn without_revenue_there_is_no_margin() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let (status, text) = pricetag.get("/api/v1/margin").await.unwrap();
    assert!(status == 404 && text.contains("processors.pricetag.margin"), "{status} {text}");
    assert_eq!(pricetag.scrape().await.values("pricetag_margin", &[]), Vec::<f64>::new());
}

/// By what has passed of the month: it is not over, so the figures follow from each other and from the period.
async fn gauges(pricetag: &Pricetag) {
    let answer = ask(pricetag, "by=tier&since=month").await;
    let pro = answer["rows"].as_array().unwrap().iter().find(|row| row["value"] == "pro").unwrap();
    let revenue = |row: &Value| row["revenue"].as_str().unwrap().parse::<f64>().unwrap();
    let at = |key: &str| answer[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let start = at("from").in_tz("Europe/Berlin").unwrap();
    let month = start.date().days_in_month();
    assert_eq!((start.day(), start.hour(), start.minute()), (1, 0, 0));
    // Within a day of a month of whole days: the clock may have changed.
    let days = (at("until").as_second() - at("from").as_second()) as f64 / 86_400.0;
    let expected = 75.0 * days / f64::from(month);
    assert!((revenue(pro) - expected).abs() < 75.0 / 24.0 / 27.0, "{expected}: {pro:#}");

    // They are computed every ten seconds; at the start there was no booking, and so no time of which anything was known.
    let metrics = eventually("gauges", async || {
        let metrics = pricetag.scrape().await;
        // Each gauge looks for itself: a page may show some as they were before.
        let known =
            [("pricetag_margin", "pricetag_tenant", "quiet"), ("pricetag_revenue", "pricetag_tier", "pro")];
        known.iter().all(|(name, by, of)| metrics.sum(name, &[(by, of)]) > 0.0).then_some(metrics)
    })
    .await;
    let gauge = |name: &str, tier: &str| metrics.values(name, &[("pricetag_tier", tier)]);
    // Whoever asks later is told of more seconds.
    let later = gauge("pricetag_revenue", "pro")[0];
    assert!((later - revenue(pro)).abs() < 75.0 * 60.0 / 86_400.0 / 28.0, "{later}");
    assert!((gauge("pricetag_margin", "pro")[0] - 0.85 * later).abs() < 1e-9, "no calls this month");
    assert!(
        gauge("pricetag_revenue", "free") == [0.0] && metrics.values("pricetag_margin", &[]).len() == 4 + 5
    );
    for (by, points) in [("tier", 4), ("tenant", 5)] {
        assert_eq!(metrics.values("pricetag_margin", &[("pricetag_margin_by", by)]).len(), points, "{by}");
    }
}
