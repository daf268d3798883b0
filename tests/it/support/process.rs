//! `pricetag run` as a child process.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::AMPLE;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pricetag");

/// How long a trace stays open in tests.
pub(crate) const SETTLE_AFTER: Duration = Duration::from_millis(300);

/// Sets that a trace is open until the next request of it has come, though the machine is busy.
pub(crate) const AFTER_THE_NEXT: &str = "processors.pricetag.settle_after=3s";

const GRPC: &str = "receivers.otlp.protocols.grpc.endpoint";
const HTTP: &str = "receivers.otlp.protocols.http.endpoint";
const ADMIN: &str = "service.telemetry.metrics.address";

/// A config in the making: all ports are free ones, one pipeline a signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    exporters: String,
    traces: String,
    pipelines: String,
    sets: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// A config with these exporters (YAML, one a line as in `otlp/a: {endpoint: ...}`), and pipelines of
    /// all signals into the ids in `into`; traces are priced.
    pub(crate) fn new(exporters: &[String], into: &str) -> Self {
        let mut setup = Setup::bare(exporters);
        let _ = writeln!(
            setup.traces,
            "    traces: {{receivers: [otlp], processors: [pricetag], exporters: [{into}]}}"
        );
        for signal in ["metrics", "logs"] {
            let _ = writeln!(setup.pipelines, "    {signal}: {{receivers: [otlp], exporters: [{into}]}}");
        }
        setup
    }

    /// A config with these exporters and no pipelines.
    pub(crate) fn bare(exporters: &[String]) -> Self {
        let mut setup = Setup::default();
        for exporter in exporters {
            let _ = writeln!(setup.exporters, "  {exporter}");
        }
        setup
    }

    /// Adds a pipeline, as in `traces/raw: {receivers: [otlp], exporters: [otlp/a]}`.
    pub(crate) fn pipeline(mut self, yaml: &str) -> Self {
        let _ = writeln!(self.pipelines, "    {yaml}");
        self
    }

    /// Adds `--set key=value`.
    pub(crate) fn set(mut self, set: impl Into<String>) -> Self {
        self.sets.push(set.into());
        self
    }

    /// Lets an exporter's requests wait in memory. Then a shutdown settles all traces, for nobody would find them again.
    pub(crate) fn in_memory(self, exporter: &str) -> Self {
        self.set(format!("exporters.{exporter}.sending_queue.storage=memory"))
    }

    /// Adds a variable of the environment.
    pub(crate) fn environment(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    fn yaml(&self) -> String {
        format!(
            "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: \"127.0.0.1:0\"}}\n      \
             http: {{endpoint: \"127.0.0.1:0\"}}\nprocessors:\n  pricetag:\n    settle_after: {SETTLE_AFTER:?}\n\
             exporters:\n{}service:\n  pipelines:\n{}{}  telemetry:\n    metrics: {{address: \"127.0.0.1:0\"}}\n",
            self.exporters, self.traces, self.pipelines
        )
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(self) -> Pricetag {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, self.yaml()).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("run").arg("--config").arg(&config);
        for set in &self.sets {
            command.arg("--set").arg(set);
        }
        command.env_remove("RUST_LOG").env("XDG_STATE_HOME", folder.path()).envs(self.environment);
        Pricetag::spawn(command, folder).await
    }
}

/// A running pricetag. It is killed when this is dropped.
pub(crate) struct Pricetag {
    child: Child,
    /// OTLP/gRPC.
    pub(crate) grpc: SocketAddr,
    /// OTLP/HTTP.
    pub(crate) http: SocketAddr,
    /// Health and metrics.
    pub(crate) admin: SocketAddr,
    /// Speaks HTTP/1, a connection a request.
    pub(crate) client: reqwest::Client,
    log: Arc<Mutex<String>>,
    folder: TempDir,
}

impl Pricetag {
    /// Starts it as an example does, in the example's folder with its `pricetag.yaml` and these changes, on free ports.
    pub(crate) async fn of_example(name: &str, sets: &[String]) -> Self {
        let mut command = Command::new(BINARY);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        command.args(["run", "--config", "pricetag.yaml"]).current_dir(folder).env_remove("RUST_LOG");
        for key in [GRPC, HTTP, ADMIN] {
            command.arg("--set").arg(format!("{key}=127.0.0.1:0"));
        }
        for set in sets {
            command.arg("--set").arg(set);
        }
        let state = tempfile::tempdir().unwrap();
        command.env("XDG_STATE_HOME", state.path());
        Pricetag::spawn(command, state).await
    }

    async fn spawn(mut command: Command, folder: TempDir) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = collect(child.stderr.take().unwrap());
        // From here on a panic must not leave the child behind.
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        // Making one reads the system's roots; connections that are kept would outlive refusals that cut them.
        let client = reqwest::Client::builder().no_proxy().http1_only().pool_max_idle_per_host(0).build();
        let mut running = Pricetag {
            child,
            grpc: unknown,
            http: unknown,
            admin: unknown,
            client: client.unwrap(),
            log,
            folder,
        };
        let deadline = Instant::now() + AMPLE;
        loop {
            let log = running.log();
            if let (Some(grpc), Some(http), Some(admin)) =
                (listener(&log, GRPC), listener(&log, HTTP), listener(&log, ADMIN))
            {
                (running.grpc, running.http, running.admin) = (grpc, http, admin);
                return running;
            }
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "did not start ({ended:?}):\n{log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The folder with its `config.yaml`, which is its state folder too.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said on stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory that it has had, in bytes; `None` where the system does not tell as Linux does.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// The memory that it has, in bytes; `None` where the system does not tell as Linux does.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell has `kill` built in: no package needed, no unsafe code either.
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn exit(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still runs after {within:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGTERM; it must end well within ten seconds.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        let status = self.exit(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }
}

impl Drop for Pricetag {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("pricetag's log:\n{}", self.log());
        }
    }
}

/// The address in `listening on 127.0.0.1:4317 (receivers...)`.
fn listener(log: &str, key: &str) -> Option<SocketAddr> {
    // Behind it ends the line, or what JSON has of it.
    let key = format!(" ({key})");
    let line = log.lines().find(|line| line.contains("listening on ") && line.contains(&key))?;
    line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok()
}

/// Collects what a child writes, line by line.
fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    text
}
