//! Every gRPC code and HTTP status, with and without a wait, through the whole pipeline: what OTLP lets a client retry arrives, the rest
//! is given up and counted, nobody is held up, and a kill while requests wait for their next attempt loses none.
//!
//! `tests/it/exporter` has the tables for one attempt at a time; this is what becomes of requests that stand in the queue meanwhile.

use std::time::{Duration, Instant};

use anyhow::bail;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::client::{Answer, Client};
use crate::content::{Author, Mix};
use crate::judge;
use crate::options::Options;
use crate::producer::Accounts;
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::seal::Key;
use crate::sink::{Mood, Sink};

/// CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS: the specification's table.
const RETRYABLE: [u64; 6] = [1, 4, 10, 11, 14, 15];
/// Only with RetryInfo.
const RESOURCE_EXHAUSTED: u64 = 8;
const STATUSES: [u64; 14] = [503, 400, 401, 403, 404, 408, 413, 422, 429, 500, 501, 502, 504, 505];
const RETRYABLE_STATUSES: [u64; 4] = [429, 502, 503, 504];
/// In milliseconds; by HTTP it is a whole second.
const WAIT: u64 = 300;

/// One request of the table.
struct Case {
    key: Key,
    code: u64,
    status: u64,
    wait: u64,
}

impl Case {
    fn by_grpc(&self) -> bool {
        let exhausted = self.code == RESOURCE_EXHAUSTED && self.wait > 0;
        self.code == 0 || RETRYABLE.contains(&self.code) || exhausted
    }

    fn by_http(&self) -> bool {
        self.code == 0 || RETRYABLE_STATUSES.contains(&self.status)
    }
}

/// What is sent, and what each of the two sinks is owed.
struct Sender {
    client: Client,
    author: Author,
    by_grpc: Accounts,
    by_http: Accounts,
}

impl Sender {
    /// Sends the whole table.
    async fn table(&mut self) -> anyhow::Result<Vec<Case>> {
        let mut cases = Vec::new();
        for wait in [0, WAIT] {
            for code in 0..=16 {
                let status = STATUSES[code as usize % STATUSES.len()];
                let trace = self.author.told(&format!("{code} {status} {wait}"));
                let shipment = &trace.shipments[0];
                match self.client.send(shipment.body.clone(), Duration::from_secs(10)).await {
                    Answer::Acknowledged => {}
                    other => bail!("not acknowledged: {other:?}"),
                }
                let case = Case { key: shipment.stamps[0].key, code, status, wait };
                for (accounts, is_owed) in
                    [(&mut self.by_grpc, case.by_grpc()), (&mut self.by_http, case.by_http())]
                {
                    // The money was spent in any case.
                    accounts.book(&trace);
                    accounts.acknowledged += 1;
                    if is_owed {
                        accounts.owed.extend(shipment.stamps.iter().map(|it| (it.key, it.checksum)));
                    }
                }
                cases.push(case);
            }
        }
        Ok(cases)
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("codes");
    let settle_after = Duration::from_secs(2);
    let (by_grpc, by_http) = (Sink::start(Mood::AsTold).await, Sink::start(Mood::AsTold).await);
    let exporters =
        vec![exporter("otlp/a", by_grpc.address, 1 << 30), exporter("otlphttp/b", by_http.address, 1 << 30)];
    let mut rig = Rig::new(&Setup { exporters, settle_after, ..Setup::default() })?;
    rig.start().await?;
    let mut sender = Sender {
        client: Client::new(rig.grpc, rig.http, true),
        author: Author::new(1, Mix::Whole, 100, StdRng::seed_from_u64(options.seed)),
        by_grpc: Accounts::default(),
        by_http: Accounts::default(),
    };

    let cases = sender.table().await?;
    let began = Instant::now();
    let (mut a, mut b) = (0, 0);
    while began.elapsed() < Duration::from_secs(15) {
        (a, b) = (given_up(&rig, "otlp/a").await?, given_up(&rig, "otlphttp/b").await?);
        if rig.metric("otelcol_exporter_queue_size", "").await? == 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.tell("requests, each to both backends", cases.len());
    report.tell("all of them done after", seconds(began.elapsed()));
    judge_cases(&mut report, "gRPC", &cases, &by_grpc, Case::by_grpc, Duration::from_millis(WAIT));
    judge_cases(&mut report, "HTTP", &cases, &by_http, Case::by_http, Duration::from_secs(1));
    let wanted = |is_owed: fn(&Case) -> bool| cases.iter().filter(|case| !is_owed(case)).count() as u64;
    report.exactly("gRPC: spans counted as failed", a, wanted(Case::by_grpc));
    report.exactly("HTTP: spans counted as failed", b, wanted(Case::by_http));

    // Once more, with a kill when each has been tried once.
    let cases = sender.table().await?;
    let is_tried = |sink: &Sink| sink.look(|it| cases.iter().all(|case| it.attempts.contains_key(&case.key)));
    let began = Instant::now();
    while !(is_tried(&by_grpc) && is_tried(&by_http)) && began.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.kill()?;
    rig.start().await?;
    let ledger = judge::calm(&rig, &sender.by_grpc, &by_grpc, settle_after + Duration::from_secs(90)).await?;
    let repeats = |sink: &Sink, is_owed: fn(&Case) -> bool| {
        let refused = cases.iter().filter(|case| !is_owed(case));
        sink.look(|it| refused.filter(|case| it.attempts[&case.key].0.len() > 1).count())
    };
    report.tell("after the kill: given up, asked once more, gRPC", repeats(&by_grpc, Case::by_grpc));
    report.tell("  HTTP", repeats(&by_http, Case::by_http));
    judge::deliveries(&mut report, "by gRPC", &sender.by_grpc, &by_grpc);
    judge::deliveries(&mut report, "by HTTP", &sender.by_http, &by_http);
    judge::money(&mut report, "API", &sender.by_grpc, &by_grpc, &ledger);
    judge::log(&mut report, &rig);
    Ok(report)
}

async fn given_up(rig: &Rig, exporter: &str) -> anyhow::Result<u64> {
    let label = format!("exporter=\"{exporter}\"");
    Ok(rig.metric("otelcol_exporter_send_failed_spans", &label).await? as u64)
}

/// What is retried was asked for three times, with the wait between that it wanted; what is not, once.
fn judge_cases(
    report: &mut Report,
    name: &str,
    cases: &[Case],
    sink: &Sink,
    is_owed: fn(&Case) -> bool,
    wait: Duration,
) {
    let (mut wrong, mut hasty) = (Vec::new(), Vec::new());
    sink.look(|arrived| {
        for case in cases {
            let attempts = arrived.attempts.get(&case.key).map_or(&[][..], |attempts| &attempts.0);
            let expected = if is_owed(case) && case.code != 0 { 3 } else { 1 };
            let words = format!("{}/{} wait {}", case.code, case.status, case.wait);
            if attempts.len() != expected {
                wrong.push(format!("{words}: {} attempts", attempts.len()));
            }
            if case.wait > 0 && attempts.windows(2).any(|pair| pair[1] - pair[0] < wait) {
                hasty.push(words);
            }
        }
    });
    for case in wrong.iter().chain(&hasty) {
        println!("codes: {name}: {case}");
    }
    report.exactly(&format!("{name}: another number of attempts"), wrong.len(), 0);
    report.exactly(&format!("{name}: sooner than was asked for"), hasty.len(), 0);
}
