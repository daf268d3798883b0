//! A pricetag that can be killed and started again, with the same config, ports and state folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pricetag::pricing::Picodollars;
use rand::Rng as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::producer::Sum;

/// How long a start may take at most, with a backlog to read again.
const START: Duration = Duration::from_secs(20);

/// Folders stay, for whoever wants to know what was in them.
pub(crate) static KEEP: AtomicBool = AtomicBool::new(false);

/// Another pricetag than cargo's.
pub(crate) static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// What differs from scenario to scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// YAML of the exporters, one a line, as in `otlp/a: {endpoint: "http://127.0.0.1:4317"}`.
    pub(crate) exporters: Vec<String>,
    /// One that gets nothing: its pipeline is of logs.
    pub(crate) idle: Option<String>,
    pub(crate) settle_after: Duration,
    /// The state folder; one of the rig's own if there is none.
    pub(crate) state: Option<PathBuf>,
    /// More of the processor's YAML: `prices: [a.yaml]`.
    pub(crate) processor: Vec<String>,
    /// More of the process' environment.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
}

/// An exporter to a sink: impatient, so that seconds show what minutes would. How long it tries is left to the default: where the queue
/// is on disk that must be for ever.
pub(crate) fn exporter(id: &str, to: SocketAddr, queue_bytes: u64) -> String {
    format!(
        "{id}: {{endpoint: \"http://{to}\", compression: none, timeout: 1s, retry_on_failure: {{initial_interval: 30ms, \
         max_interval: 300ms}}, sending_queue: {{sizer: bytes, queue_size: {queue_bytes}, num_consumers: 10}}}}"
    )
}

/// The running pricetag, its folder and its ports.
#[derive(Debug)]
pub(crate) struct Rig {
    folder: TempDir,
    state: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    admin: SocketAddr,
    client: reqwest::Client,
    child: Option<Child>,
}

/// What the ledger says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) total: i128,
    pub(crate) pending: i128,
    pub(crate) pending_calls: u64,
    pub(crate) users: BTreeMap<String, Sum>,
}

impl Ledger {
    /// Takes another pricetag's. Theirs are other users, so that no mistake makes up for another.
    pub(crate) fn add(&mut self, other: Ledger) {
        self.total += other.total;
        self.pending += other.pending;
        self.pending_calls += other.pending_calls;
        for (user, sum) in other.users {
            self.users.entry(user).or_default().add(sum);
        }
    }
}

impl Rig {
    /// Writes the config; nothing runs yet.
    pub(crate) fn new(setup: &Setup) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let state = setup.state.clone().unwrap_or_else(|| folder.path().join("state"));
        std::fs::create_dir_all(&state)?;
        let [grpc, http, admin] = ports()?;
        let id = |exporter: &String| exporter.split(": ").next().unwrap_or_default().to_owned();
        let ids: Vec<String> = setup.exporters.iter().map(id).collect();
        let logs =
            setup.idle.iter().map(|it| format!("    logs: {{receivers: [otlp], exporters: [{}]}}\n", id(it)));
        let exporters: Vec<String> = setup.exporters.iter().chain(&setup.idle).cloned().collect();
        let processor = [vec![format!("settle_after: {:?}", setup.settle_after)], setup.processor.clone()];
        let config = format!(
            "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: \"{grpc}\"}}\n      http: {{endpoint: \"{http}\"}}\n\
             processors:\n  pricetag: {{{}}}\nexporters:\n  {}\nservice:\n  pipelines:\n    \
             traces: {{receivers: [otlp], processors: [pricetag], exporters: [{}]}}\n{}  \
             telemetry:\n    metrics: {{address: \"{admin}\"}}\n",
            processor.concat().join(", "),
            exporters.join("\n  "),
            ids.join(", "),
            logs.collect::<String>(),
        );
        std::fs::write(folder.path().join("config.yaml"), config)?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(10))
            .build()?;
        let environment = setup.environment.clone();
        Ok(Rig { folder, state, environment, grpc, http, admin, client, child: None })
    }

    /// Writes something else into its config; it reads that when it is told to.
    pub(crate) fn edit_config(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("config.yaml");
        let text = std::fs::read_to_string(&file)?;
        ensure!(text.contains(from), "{from} is not in the config");
        Ok(std::fs::write(&file, text.replace(from, to))?)
    }

    /// Starts it, and does not wait.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = Command::new(BINARY.get_or_init(|| env!("CARGO_BIN_EXE_pricetag").into()));
        command.arg("run").arg("--config").arg(self.folder.path().join("config.yaml"));
        command.env_remove("RUST_LOG").env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", &self.state);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?);
        Ok(())
    }

    /// Waits until it takes requests; says how long that took.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.running()?.try_wait()? {
                bail!("pricetag has ended at its start ({status}):\n{}", self.log());
            }
            if let Ok((200, _)) = self.get("/health/ready").await {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < START, "pricetag is not ready after {START:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts it and waits until it takes requests.
    pub(crate) async fn start(&mut self) -> anyhow::Result<Duration> {
        self.spawn()?;
        self.ready().await
    }

    /// `kill -9`. That it has ended by itself before is an error.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("nothing runs")?;
        let ended = child.try_wait()?;
        child.kill()?;
        child.wait()?;
        match ended {
            Some(status) => bail!("pricetag has ended by itself ({status}):\n{}", self.log()),
            None => Ok(()),
        }
    }

    /// SIGTERM.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        self.signal("TERM")
    }

    /// A signal by its name.
    pub(crate) fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        // The shell has `kill` built in: no package needed, no unsafe code either.
        let kill = format!("kill -{name} {}", self.running()?.id());
        ensure!(Command::new("sh").args(["-c", &kill]).status()?.success(), "{kill} has failed");
        Ok(())
    }

    /// Waits for its end, so long at most: then it is killed, and there is no status.
    pub(crate) async fn exit(&mut self, within: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.running()?.try_wait()? {
                self.child = None;
                return Ok(Some(status));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kill()?;
        Ok(None)
    }

    fn running(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().context("nothing runs")
    }

    async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let response = self.client.get(format!("http://{}{path}", self.admin)).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// The sum of all series of a metric whose line has this in it.
    pub(crate) async fn metric(&self, name: &str, having: &str) -> anyhow::Result<f64> {
        let (status, page) = self.get("/metrics").await?;
        ensure!(status == 200, "/metrics: {status}");
        let lines = page.lines().filter(|line| line.contains(having)).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next()? == name).then(|| value.parse::<f64>().ok())?
        });
        Ok(lines.sum())
    }

    /// What `/metrics` says that all calls have cost, in picodollars.
    pub(crate) async fn counted(&self) -> anyhow::Result<i128> {
        let (status, page) = self.get("/metrics").await?;
        ensure!(status == 200, "/metrics: {status}");
        let series = page.lines().filter(|line| line.starts_with("pricetag_cost{"));
        // Each series for itself: doubles do not add up exactly.
        let costs = series.map(|line| {
            let value: f64 = line.rsplit_once(' ').context("a series without a value")?.1.parse()?;
            Ok(format!("{value:.12}").replace('.', "").parse::<i128>()?)
        });
        costs.sum()
    }

    /// What the ledger answers by its API, of two days: some scenarios have clocks that are a day behind.
    pub(crate) async fn ledger(&self) -> anyhow::Result<Ledger> {
        self.costs("user").await
    }

    /// The same, by another dimension.
    pub(crate) async fn costs(&self, by: &str) -> anyhow::Result<Ledger> {
        let (status, page) = self.get(&format!("/api/v1/costs?by={by}&top=1000&since=48h")).await?;
        ensure!(status == 200, "costs: {status} {page}");
        let page: Value = serde_json::from_str(&page)?;
        let mut ledger =
            Ledger { total: money(&page["total"])?, pending: money(&page["pending"])?, ..Ledger::default() };
        for row in page["rows"].as_array().context("no rows")? {
            let user = row["value"].as_str().context("no value")?.to_owned();
            let calls = row["calls"].as_u64().context("no calls")?;
            ledger.pending_calls += row["pending_calls"].as_u64().context("no pending calls")?;
            ledger.users.insert(user, Sum { cost: money(&row["cost"])?, calls });
        }
        Ok(ledger)
    }

    /// By which catalog the last call was priced.
    pub(crate) async fn catalog_version(&self) -> anyhow::Result<String> {
        let (status, page) = self.get("/api/v1/calls?limit=1").await?;
        let page: Value = serde_json::from_str(&page)?;
        let version = page.pointer("/rows/0/catalog_version").and_then(Value::as_str);
        Ok(version.with_context(|| format!("calls: {status} {page}"))?.to_owned())
    }

    /// The hour since 1970 that it takes for the running one: its answers end with the coming one.
    pub(crate) async fn hour(&self) -> anyhow::Result<i64> {
        let (_, page) = self.get("/api/v1/costs?by=user").await?;
        let page: Value = serde_json::from_str(&page)?;
        let until: jiff::Timestamp = page["until"].as_str().context("no until")?.parse()?;
        Ok(until.as_second() / 3600 - 2)
    }

    /// The same as the file's own rows have it, of the total and by user, when nothing runs any more.
    pub(crate) fn ledger_file(&self) -> anyhow::Result<Ledger> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let file = rusqlite::Connection::open_with_flags(self.state.join("pricetag/ledger.db"), flags)?;
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(check == "ok", "the ledger's file is damaged: {check}");
        let mut rows = file.prepare(
            "SELECT name, value, sum(usd), sum(picodollars), sum(calls) FROM hours JOIN dimensions ON id = dimension \
             WHERE name IN ('total', 'user') GROUP BY name, value",
        )?;
        let mut ledger = Ledger::default();
        let rows = rows.query_map([], |row| {
            let cost =
                i128::from(row.get::<_, i64>(2)?) * 1_000_000_000_000 + i128::from(row.get::<_, i64>(3)?);
            let calls = row.get::<_, i64>(4)?.cast_unsigned();
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, Sum { cost, calls }))
        })?;
        for row in rows {
            let (dimension, value, sum) = row?;
            if dimension == "total" {
                ledger.total = sum.cost;
            } else {
                ledger.users.insert(value, sum);
            }
        }
        Ok(ledger)
    }

    /// Memory that it has now, in bytes; 0 where the system does not tell as Linux does, or nothing runs.
    pub(crate) fn rss(&self) -> u64 {
        let Some(child) = &self.child else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = rss.and_then(|rss| rss.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    /// Bytes that all files below the state folder have.
    pub(crate) fn folder_size(&self) -> u64 {
        size(&self.state)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("pricetag.log")
    }

    /// How many lines of the log have this in them.
    pub(crate) fn logged(&self, words: &str) -> usize {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains(words)).count()
    }

    /// The end of what it has said, all its lives together.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if KEEP.load(Ordering::Relaxed) {
            println!("config, log and state are in {}", self.folder.path().display());
            self.folder.disable_cleanup(true);
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Three free ports, below those that systems give to whoever connects: while pricetag is down nobody must get them, and no other rig.
fn ports() -> anyhow::Result<[SocketAddr; 3]> {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap();
    let mut random = rand::rng();
    let mut held = Vec::new();
    for _ in 0..1000 {
        let port = random.random_range(20_000..32_000);
        if !taken.contains(&port)
            && let Ok(listener) = TcpListener::bind(("127.0.0.1", port))
        {
            taken.insert(port);
            held.push(listener);
        }
        if let [a, b, c] = &held[..] {
            return Ok([a.local_addr()?, b.local_addr()?, c.local_addr()?]);
        }
    }
    bail!("no free ports")
}

fn money(value: &Value) -> anyhow::Result<i128> {
    let text = value.as_str().with_context(|| format!("money is no text: {value}"))?;
    Ok(text.parse::<Picodollars>().map_err(|error| anyhow::anyhow!("{text}: {error}"))?.get())
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let entries = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    entries.sum()
}
