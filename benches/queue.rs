//! `cargo bench --bench queue`: what a request on disk costs against one in memory. The binary itself takes 20,000 spans a second by
//! OTLP/HTTP and delivers them to a server that takes everything; in turn with its queue on disk, without syncs, and in memory.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

const SPANS: usize = 100;
/// Requests a second: 20,000 spans.
const RATE: u32 = 200;
const SECONDS: u32 = 10;
const ROUNDS: usize = 3;
/// Senders, each with one request at a time.
const SENDERS: u32 = 8;
/// Ticks of a process' clock in a second: what Linux shows in /proc, whatever its own are.
const TICKS: f64 = 100.0;

#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Processor seconds for a million spans.
    cpu: f64,
    syncs: f64,
    median: Duration,
    worst: Duration,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!(
        "{} spans a second in requests of {SPANS}, {SECONDS} s, {ROUNDS} rounds in turn; medians\n",
        RATE * SPANS as u32
    );
    let storages = ["memory", "relaxed", "disk"];
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); storages.len()];
    for _ in 0..ROUNDS {
        for (storage, figures) in storages.iter().zip(&mut all) {
            figures.push(runtime.block_on(measure(storage)));
        }
    }
    let middle = |figures: &mut Vec<Figures>| {
        figures.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        figures[figures.len() / 2]
    };
    let all: Vec<Figures> = all.iter_mut().map(middle).collect();
    for (storage, Figures { cpu, syncs, median, worst }) in storages.iter().zip(&all) {
        let ratio = cpu / all[0].cpu;
        println!(
            "  {storage:<8} {ratio:.2} times the processor time of memory ({cpu:.2} s a million spans), {syncs:.0} writes a second, \
             answers after {median:.1?} (99 of 100 within {worst:.1?})"
        );
    }
}

async fn measure(storage: &str) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    let app = Router::new().route("/v1/traces", post(async |_: axum::body::Bytes| {}));
    let app = app.layer(axum::extract::DefaultBodyLimit::disable());
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    let config = folder.path().join("config.yaml");
    fs::write(
        &config,
        format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: \"127.0.0.1:0\"}}}}}}}}\nprocessors: {{pricetag: }}\n\
             exporters: {{otlphttp: {{endpoint: \"http://{backend}\", compression: none, sending_queue: {{storage: {storage}}}}}}}\n\
             service:\n  pipelines: {{traces: {{receivers: [otlp], processors: [pricetag], exporters: [otlphttp]}}}}\n  \
             telemetry: {{metrics: {{address: \"127.0.0.1:0\"}}}}\n"
        ),
    )
    .unwrap();
    let (mut pricetag, http, admin) = start(&config, folder.path());
    let client = reqwest::Client::new();
    let url = format!("http://{http}/v1/traces");
    send(&client, &url, 1, 1_000).await;
    let (began, before, writes) = (Instant::now(), cpu(&pricetag), writes(&client, &admin).await);
    let mut answers = send(&client, &url, SECONDS, 2_000).await;
    let (took, after) = (began.elapsed().as_secs_f64(), cpu(&pricetag));
    let writes = self::writes(&client, &admin).await - writes;
    pricetag.kill().unwrap();
    pricetag.wait().unwrap();
    answers.sort_unstable();
    let spans = f64::from(RATE * SECONDS) * SPANS as f64;
    Figures {
        cpu: (after - before) / spans * 1e6,
        syncs: writes / took,
        median: answers[answers.len() / 2],
        worst: answers[answers.len() * 99 / 100],
    }
}

/// Sends at the rate; gives how long each answer took.
async fn send(client: &reqwest::Client, url: &str, seconds: u32, first: u32) -> Vec<Duration> {
    let began = Instant::now();
    let senders = (0..SENDERS).map(|sender| {
        let (client, url) = (client.clone(), url.to_owned());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for nth in (sender..RATE * seconds).step_by(SENDERS as usize) {
                let due = began + Duration::from_secs(1) * nth / RATE;
                let body = request(first + nth);
                tokio::time::sleep_until(due.into()).await;
                let asked = Instant::now();
                let request = client.post(&url).header("content-type", "application/x-protobuf").body(body);
                assert_eq!(request.send().await.unwrap().status(), 200);
                answers.push(asked.elapsed());
            }
            answers
        })
    });
    let mut all = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        all.extend(sender.await.unwrap());
    }
    all
}

fn start(config: &Path, folder: &Path) -> (Child, String, String) {
    let mut pricetag = Command::new(env!("CARGO_BIN_EXE_pricetag"))
        .args(["run", "--config"])
        .arg(config)
        .env("XDG_STATE_HOME", folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut http, mut admin) = (String::new(), String::new());
    let mut lines = BufReader::new(pricetag.stderr.take().unwrap()).lines();
    for line in lines.by_ref().map(Result::unwrap) {
        let address =
            |line: &str| line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        match () {
            () if line.contains("protocols.http") => http = address(&line),
            () if line.contains("telemetry.metrics") => admin = address(&line),
            () if line.contains("ready:") => break,
            () => {}
        }
    }
    // Somebody reads what it says, or it would wait.
    std::thread::spawn(move || lines.for_each(drop));
    (pricetag, http, admin)
}

/// Seconds of processor time so far.
fn cpu(pricetag: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pricetag.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / TICKS
}

async fn writes(client: &reqwest::Client, admin: &str) -> f64 {
    let page = client.get(format!("http://{admin}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("pricetag_queue_disk_writes"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// A hundred spans of 18 attributes, one in ten a call, ten spans a trace.
fn request(number: u32) -> Vec<u8> {
    let text = |key: String, text: &str| KeyValue {
        key,
        value: Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let count = |key: &str, count: i64| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::IntValue(count)) }),
        ..KeyValue::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let spans = (0..SPANS as u32).map(|nth| {
        let mut trace_id = vec![7; 16];
        trace_id[..4].copy_from_slice(&number.to_be_bytes());
        trace_id[4] = (nth / 10) as u8;
        let mut attributes = match nth % 10 {
            0 => vec![
                text("gen_ai.operation.name".into(), "chat"),
                text("gen_ai.provider.name".into(), "openai"),
                text("gen_ai.request.model".into(), "gpt-4o"),
                count("gen_ai.usage.input_tokens", i64::from(nth) + 100),
                count("gen_ai.usage.output_tokens", 17),
                text("user.id".into(), "ann"),
            ],
            _ => vec![text("http.request.method".into(), "POST")],
        };
        attributes
            .extend((attributes.len()..18).map(|at| text(format!("app.attribute.{at}"), "some value of it")));
        Span {
            trace_id,
            span_id: (u64::from(nth) + 1).to_be_bytes().to_vec(),
            name: "a span".to_owned(),
            start_time_unix_nano: now - 1_000_000,
            end_time_unix_nano: now,
            attributes,
            ..Span::default()
        }
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
    .encode_to_vec()
}
