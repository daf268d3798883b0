//! After the faults: every obligation is there, intact, and the ledger says what a plain sum says.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::producer::{Accounts, Sum};
use crate::report::Report;
use crate::rig::{Ledger, Rig};
use crate::sink::Sink;

/// How long the ledger must say the same before it is believed that it will say nothing else: what is on its way from the queue to the
/// books is in neither.
const STILL: Duration = Duration::from_secs(5);

/// How many of what is lost are named.
const EXAMPLES: u32 = 5;

/// Waits until the queue is empty, nothing is pending, and the ledger says what it should, so long at most. What is not so by then shows
/// in the figures.
pub(crate) async fn calm(
    rig: &Rig,
    accounts: &Accounts,
    sink: &Sink,
    within: Duration,
) -> anyhow::Result<Ledger> {
    let deadline = Instant::now() + within;
    let mut since = (Instant::now(), Ledger::default());
    loop {
        let queued = rig.metric("otelcol_exporter_queue_size", "").await?;
        let ledger = rig.ledger().await?;
        let is_calm = queued == 0.0 && ledger.pending == 0 && ledger.pending_calls == 0;
        if !is_calm || since.1 != ledger {
            since = (Instant::now(), ledger.clone());
        }
        let is_expected = is_calm && ledger.total == due(accounts, sink).0.total;
        let still = if is_expected { Duration::from_millis(300) } else { STILL };
        if since.0.elapsed() > still || Instant::now() > deadline {
            return Ok(ledger);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What must be there of what the producers know, and of what only the sink does: requests without an answer count if they were taken.
fn due(accounts: &Accounts, sink: &Sink) -> (Ledger, u64) {
    let mut due = Ledger { users: accounts.due.clone(), ..Ledger::default() };
    let mut taken_unasked = 0;
    for trace in &accounts.unsure {
        if sink.look(|arrived| arrived.spans.contains_key(&trace.shipments[0].stamps[0].key)) {
            let sum = Sum { cost: trace.cost, calls: trace.calls };
            due.users.entry(trace.user.clone()).or_default().add(sum);
            taken_unasked += 1;
        }
    }
    due.total = due.users.values().map(|sum| sum.cost).sum();
    (due, taken_unasked)
}

/// Compares what has arrived at a sink with what was acknowledged.
pub(crate) fn deliveries(report: &mut Report, name: &str, accounts: &Accounts, sink: &Sink) {
    let (delivered, lost, altered, twice, damaged) = sink.look(|arrived| {
        let mut counts = (0, 0, 0);
        for (key, checksum) in &accounts.owed {
            match arrived.spans.get(key) {
                Some((at_sink, _)) if at_sink == checksum => counts.0 += 1,
                Some(_) => counts.2 += 1,
                None => {
                    counts.1 += 1;
                    if counts.1 <= EXAMPLES {
                        println!("{name}: lost: {key}");
                    }
                }
            }
        }
        let twice: u64 = arrived.spans.values().map(|(_, times)| u64::from(*times - 1)).sum();
        (counts.0, counts.1, counts.2, twice, arrived.damaged)
    });
    report.tell(&format!("{name}: spans delivered"), delivered);
    report.exactly(&format!("{name}: acknowledged spans LOST"), lost, 0);
    report.exactly(&format!("{name}: spans altered or damaged"), altered + damaged, 0);
    report.tell(&format!("{name}: spans delivered again"), twice);
}

/// Compares a ledger with the plain sum, in total and for each user.
pub(crate) fn money(report: &mut Report, name: &str, accounts: &Accounts, sink: &Sink, ledger: &Ledger) {
    let (due, taken_unasked) = due(accounts, sink);
    if taken_unasked > 0 {
        report.tell("requests that count, though not acknowledged", taken_unasked);
    }
    let calls = |ledger: &Ledger| ledger.users.values().map(|sum| sum.calls).sum::<u64>();
    report.exactly(&format!("{name}: picodollars too much"), ledger.total - due.total, 0);
    let more = calls(ledger).cast_signed() - calls(&due).cast_signed();
    report.exactly(&format!("{name}: calls too many, of {}", calls(&due)), more, 0);
    // Spans that are no calls leave users without a row, and calls without a user a row without a name.
    let users: BTreeSet<&String> = due.users.keys().chain(ledger.users.keys()).collect();
    let of = |ledger: &Ledger, user: &String| ledger.users.get(user).copied().unwrap_or_default();
    let wrong: Vec<_> = users.iter().filter(|user| of(&due, user) != of(ledger, user)).collect();
    for user in &wrong {
        println!("{name}: {user:?}: {:?} instead of {:?}", of(ledger, user), of(&due, user));
    }
    report.exactly(&format!("{name}: users with other sums, of {}", users.len()), wrong.len(), 0);
}

/// Compares what `/metrics` has counted, over all lives, with the plain sum. It tells what is written, a second later.
pub(crate) async fn metrics(
    report: &mut Report,
    rig: &Rig,
    accounts: &Accounts,
    sink: &Sink,
) -> anyhow::Result<()> {
    let (due, deadline) = (due(accounts, sink).0.total, Instant::now() + STILL);
    let mut counted = rig.counted().await?;
    while counted != due && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        counted = rig.counted().await?;
    }
    report.exactly("metrics: picodollars too much", counted - due, 0);
    Ok(())
}

/// Ends it as it should, and looks at what it leaves: its exit code, the ledger's file and the log.
pub(crate) async fn end(
    report: &mut Report,
    rig: &mut Rig,
    accounts: &Accounts,
    sink: &Sink,
) -> anyhow::Result<()> {
    rig.terminate()?;
    let status = rig.exit(Duration::from_secs(11)).await?;
    report.exactly("exit code", status.and_then(|it| it.code()).unwrap_or(-1), 0);
    money(report, "file", accounts, sink, &rig.ledger_file()?);
    log(report, rig);
    Ok(())
}

/// Whether something has gone wrong of which nobody else hears.
pub(crate) fn log(report: &mut Report, rig: &Rig) {
    report.exactly("panics in the log", rig.logged("panicked at"), 0);
}

/// What the producers have seen.
pub(crate) fn producers(report: &mut Report, accounts: &Accounts) {
    report.tell("acknowledged requests", accounts.acknowledged);
    report.tell("acknowledged spans", accounts.owed.len());
    report.tell("attempts refused, to come again", accounts.refused);
    report.tell("attempts without an answer", accounts.unanswered);
    report.tell("requests given up without one", accounts.unsure.len());
    report.exactly(&format!("rejected for good {}", accounts.why), accounts.rejected, 0);
}
