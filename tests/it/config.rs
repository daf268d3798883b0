//! The config: what is accepted and what it means; `mistakes` has what is not, `values` how values are read.

mod access;
mod mistakes;
mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetag::attribution::OfRequest;
use pricetag::config::{
    Alias, Attributes, Capacity, Compression, Config, ConfigErrors, Connections, ExporterKind, LogEncoding,
    LogLevel, MemoryLimit, OnFull, OtlpGrpc, Share, Upstream,
};
use pricetag::otlp::Signal;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn nothing(_: &str) -> Option<String> {
    None
}

fn file(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

fn load(path: &str) -> Config {
    load_with(path, &[]).unwrap_or_else(|errors| panic!("{path}:\n{errors}"))
}

fn load_with(path: &str, sets: &[&str]) -> Result<Config, ConfigErrors> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let environment = |name: &str| (name == "HONEYCOMB_API_KEY").then(|| "hunter2".to_owned());
    Config::load(Some(&file(path)), &sets, &environment)
}

/// The default with changes.
fn default_with(sets: &[&str]) -> Result<Config, ConfigErrors> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::load(None, &sets, &nothing)
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, "config.yaml", &[], &nothing)
}

fn only_error(result: Result<Config, ConfigErrors>) -> String {
    let errors = result.map(|_| ()).expect_err("a mistake");
    assert_eq!(errors.0.len(), 1, "{errors}");
    errors.to_string()
}

fn grpc<'c>(config: &'c Config, id: &str) -> &'c OtlpGrpc {
    match config
        .exporters
        .iter()
        .find(|exporter| exporter.id.to_string() == id)
        .map(|exporter| &exporter.kind)
    {
        Some(ExporterKind::OtlpGrpc(grpc)) => grpc,
        other => panic!("{id}: {other:?}"),
    }
}

fn notices(config: &Config) -> Vec<String> {
    config.notices.iter().map(ToString::to_string).collect()
}

#[test]
fn the_default_receives_prices_and_prints() {
    let config = default_with(&[]).unwrap();
    let listeners: Vec<String> = config.listeners().iter().map(|(what, at)| format!("{what} {at}")).collect();
    assert_eq!(listeners, ["gRPC 127.0.0.1:4317", "HTTP 127.0.0.1:4318", "metrics 127.0.0.1:8888"]);
    assert_eq!(config.receivers.grpc.as_ref().unwrap().max_message_bytes, 64 << 20);
    assert_eq!(config.receivers.http.as_ref().unwrap().max_body_bytes, 64 << 20);
    let pricetag = config.processor.as_ref().unwrap();
    assert_eq!((pricetag.attributes, pricetag.upstream), (Attributes::Default, Upstream::Trust));
    assert_eq!(pricetag.aliases, Alias::ALL);
    assert_eq!(pricetag.settle_after, Duration::from_secs(10));
    assert_eq!(pricetag.max_open_traces_bytes, 64 << 20);
    let names: Vec<&str> = pricetag.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
    let all = ["user", "session", "feature", "workflow", "agent", "tenant", "tier", "team", "environment"];
    assert_eq!(names, all);
    assert_eq!(pricetag.dimensions[0].keys[..2], ["user.id", "enduser.id"]);
    let pipelines: Vec<_> =
        config.pipelines.iter().map(|p| (p.signal, p.priced, p.exporters.as_slice())).collect();
    let debug: &[usize] = &[0];
    assert_eq!(
        pipelines,
        [(Signal::Traces, true, debug), (Signal::Metrics, false, debug), (Signal::Logs, true, debug)]
    );
    assert_eq!(
        (config.telemetry.log_level, config.telemetry.log_encoding),
        (LogLevel::Info, LogEncoding::Console)
    );
    assert!(config.notices.is_empty() && config.health_check.is_none());
}

/// Guarantees: what default.yaml shows in comments is right as well, so it can serve as the reference.
#[test]
fn the_commented_keys_of_the_default_are_right() {
    let mut text = String::new();
    let written = std::fs::read_to_string(file("config/default.yaml")).unwrap();
    for (number, line) in written.lines().enumerate() {
        // The header is prose; below it, `  # key: value` is config.
        let spaces = line.len() - line.trim_start().len();
        let line = match line.trim_start().strip_prefix("# ") {
            Some(key) if number > 9 => format!("{}{key}", " ".repeat(spaces)),
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let text = ["my-ca.pem", "my-server.pem", "my-server.key", "my-client.pem", "my-client.key"]
        .iter()
        .fold(text, |text, name| {
            text.replace(&format!("/etc/ssl/{name}"), &file("Cargo.toml").display().to_string())
        });
    let text = text.replace("/etc/pricetag/htpasswd", &file("Cargo.toml").display().to_string());
    let text = text.replace("insecure: true", "insecure: false");
    let config = Config::parse(&text, "default", &[], &|name: &str| {
        Some(match name {
            name if name.ends_with("URL") => "https://example.com/hook".to_owned(),
            "INGEST_TOKEN" => "a-token".to_owned(),
            _ => "a key of 16 bytes".to_owned(),
        })
    })
    .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let unused: Vec<_> = config.notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(
        unused,
        [
            "exporters.otlp/jaeger",
            "exporters.otlphttp/backend",
            "processors.redact/outside",
            "processors.memory_limiter",
            "processors.pricetag.dimensions.account.auth",
        ]
    );
    assert!(config.health_check.is_some());
}

#[test]
fn the_examples_load() {
    for (path, exporter) in [
        ("config/default.yaml", None),
        ("config/jaeger.yaml", Some("http://localhost:14317")),
        ("config/honeycomb.yaml", Some("https://api.honeycomb.io:443")),
        ("config/chained.yaml", Some("http://localhost:34317")),
    ] {
        let config = load(path);
        assert_eq!(notices(&config), Vec::<String>::new(), "{path}");
        assert!(config.pipelines[0].priced, "{path}");
        let urls = config.exporters.iter().find_map(|exporter| match &exporter.kind {
            ExporterKind::OtlpGrpc(grpc) => Some(grpc.url()),
            _ => None,
        });
        assert_eq!(urls.as_deref(), exporter, "{path}");
    }
}

#[test]
fn the_collectors_own_sample_loads_with_notices() {
    let config = load("tests/fixtures/config/collector/local.yaml");
    assert_eq!(config.receivers.grpc.as_ref().unwrap().endpoint.to_string(), "localhost:4317");
    assert!(config.processor.is_none() && config.pipelines.iter().all(|pipeline| !pipeline.priced));
    assert_eq!(
        notices(&config),
        [
            "service.pipelines: no pipeline of traces has the processor `pricetag`: nothing will be priced; add \
             `processors: [pricetag]` to it, and `pricetag:` to `processors`",
        ]
    );
    let MemoryLimit { limit, spike, check_interval } = config.memory;
    assert_eq!((limit, spike), (Share::Bytes(1536 << 20), Some(Share::Bytes(512 << 20))));
    assert_eq!(check_interval, Duration::from_secs(5));
}

#[test]
fn a_production_config_of_the_collector_keeps_its_meaning() {
    let config = load("tests/fixtures/config/collector/production.yaml");
    let health = config.health_check.as_ref().unwrap();
    assert_eq!((health.endpoint.to_string().as_str(), health.path.as_str()), ("127.0.0.1:13133", "/"));
    let receiver = config.receivers.grpc.as_ref().unwrap();
    assert_eq!(receiver.max_message_bytes, 16 << 20);
    assert_eq!(receiver.connections.age, Some(Duration::from_secs(60)));
    assert_eq!(config.memory.limit, Share::Percent(75));
    assert_eq!(config.telemetry.metrics.as_ref().unwrap().to_string(), "0.0.0.0:8889");
    assert_eq!(config.telemetry.log_encoding, LogEncoding::Json);
    assert_eq!(config.telemetry.resource, [("service.name".to_owned(), "edge".to_owned())]);

    let tempo = grpc(&config, "otlp/tempo");
    assert_eq!(
        (tempo.url().as_str(), tempo.compression),
        ("http://tempo.monitoring.svc:4317", Compression::None)
    );
    assert_eq!(tempo.timeout, Some(Duration::from_secs(10)));
    assert_eq!((tempo.headers[0].0.as_str(), tempo.headers[0].1.expose()), ("x-scope-orgid", "7"));
    let exporter = &config.exporters[0];
    assert_eq!((exporter.queue.capacity, exporter.queue.consumers), (Capacity::Requests(5000), 4));
    assert_eq!(exporter.queue.on_full, OnFull::Refuse);
    let retry = exporter.retry.as_ref().unwrap();
    assert_eq!((retry.initial_interval, retry.max_elapsed_time), (Duration::from_secs(1), None));
    assert_eq!((retry.multiplier, retry.randomization_factor), (1.5, 0.5));

    assert_eq!(grpc(&config, "otlp_grpc/mimir").url(), "https://mimir.monitoring.svc:4317");
    assert!(config.exporters[1].retry.is_none());
    let ExporterKind::OtlpHttp(loki) = &config.exporters[2].kind else { panic!("no HTTP") };
    assert_eq!(loki.url(Signal::Traces).unwrap(), "https://elsewhere.example.com/x");
    assert_eq!(loki.url(Signal::Logs).unwrap(), "https://loki.example.com/otlp/v1/logs");
    assert_eq!((loki.compression, loki.timeout), (Compression::Gzip, Some(Duration::from_secs(30))));
    let exporters: Vec<_> = config.pipelines.iter().map(|pipeline| pipeline.exporters.clone()).collect();
    assert_eq!(exporters, [vec![0, 2], vec![1], vec![2]]);

    let mut keys: Vec<_> = config.notices.iter().map(|notice| notice.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "exporters.debug/unused",
            "exporters.debug/unused.sampling_initial",
            "processors.batch",
            "service.pipelines",
            "service.telemetry.metrics.readers",
            "service.telemetry.metrics.readers[0].pull.exporter.prometheus.without_units",
        ]
    );
}

#[test]
fn limits_are_the_collectors_keys() {
    let grpc = "receivers.otlp.protocols.grpc";
    let http = "receivers.otlp.protocols.http";
    let config = default_with(&[
        &format!("{grpc}.max_concurrent_streams=7"),
        &format!("{grpc}.max_connections=8"),
        &format!("{grpc}.keepalive.server_parameters={{max_connection_idle: 11s, max_connection_age: 12s, max_connection_age_grace: 13s, time: 14s, timeout: 0}}"),
        &format!("{grpc}.keepalive.enforcement_policy.min_time=5s"),
        &format!("{http}.read_header_timeout=2s"),
        &format!("{http}.idle_timeout=3s"),
    ])
    .unwrap();
    let seconds = Duration::from_secs;
    let usual = Connections::OF_RECEIVERS;
    let expected = Connections {
        most: 8,
        streams: 7,
        idle: seconds(11),
        age: Some(seconds(12)),
        age_grace: Some(seconds(13)),
        ping_after: seconds(14),
        ..usual.clone()
    };
    assert_eq!(config.receivers.grpc.as_ref().unwrap().connections, expected);
    let expected = Connections { headers: seconds(2), idle: seconds(3), ..usual };
    assert_eq!(config.receivers.http.as_ref().unwrap().connections, expected);
    let keys: Vec<_> = config.notices.iter().map(|notice| notice.key.as_str()).collect();
    assert_eq!(keys, [format!("{grpc}.keepalive.enforcement_policy")]);
    assert_eq!(config.memory, MemoryLimit::default());
}

#[test]
fn pricetag_in_a_metrics_pipeline_is_a_notice() {
    let config = default_with(&["service.pipelines.metrics.processors=[pricetag]"]).unwrap();
    assert!(!config.pipelines[1].priced);
    assert_eq!(
        notices(&config),
        ["service.pipelines.metrics.processors: pricetag acts on traces and logs: metrics pass as they are"]
    );
}

#[test]
fn what_is_not_used_is_not_started() {
    let config =
        default_with(&["exporters.otlp/x={endpoint: 'x:1'}", "receivers.otlp/x.protocols.grpc="]).unwrap();
    assert_eq!(config.exporters.len(), 1);
    assert_eq!(config.receivers.grpc.as_ref().unwrap().endpoint.port, 4317);
    let unused = "defined, but no pipeline uses it, so it is not started";
    assert_eq!(
        notices(&config),
        [format!("receivers.otlp/x: {unused}"), format!("exporters.otlp/x: {unused}")]
    );
}

#[test]
fn sets_change_what_the_file_says() {
    let sets = [
        "receivers.otlp.protocols.grpc.endpoint=localhost:14317",
        "receivers::otlp::protocols::http::endpoint=${env:HOST:-0.0.0.0}:0",
        "exporters.otlp/a.b/c={endpoint: 'x:1', tls: {insecure: true}}",
        "exporters::otlp/a.b::endpoint=https://y:1",
        "exporters.otlp/a.b.timeout=1s",
        "service.pipelines.traces.exporters=[otlp/a.b, debug]",
        "exporters.debug.verbosity=detailed",
        "exporters.debug.verbosity=normal",
        "processors.pricetag.aliases=[]",
        "service.telemetry={logs: {level: debug}}",
    ];
    // `otlp/a.b/c` by `.` is a mistake worth knowing: a new id with a dot wants `::`.
    let error = only_error(default_with(&sets[2..3]));
    assert!(error.starts_with("--set exporters.otlp/a.b/c: exporters.otlp/a.b/c: unknown key"), "{error}");

    let config = default_with(&[&sets[..2], &sets[3..]].concat()).unwrap();
    assert_eq!(config.receivers.grpc.as_ref().unwrap().endpoint.to_string(), "localhost:14317");
    assert_eq!(config.receivers.http.as_ref().unwrap().endpoint.to_string(), "0.0.0.0:0");
    assert_eq!(grpc(&config, "otlp/a.b").timeout, Some(Duration::from_secs(1)));
    assert_eq!(config.pipelines[0].exporters.len(), 2);
    assert!(config.processor.as_ref().unwrap().aliases.is_empty());
    // Mappings are merged: the address that the file says is still there.
    assert_eq!(config.telemetry.log_level, LogLevel::Debug);
    assert_eq!(config.telemetry.metrics.as_ref().unwrap().port, 8888);
}

/// Scenario: a dimension as a list, as a mapping, with a hash, and two of the user's own.
/// Guarantees: what is left out keeps its default; the secret is shown nowhere; the user's own come last, in their order, and
/// are told by their names.
#[test]
fn dimensions_are_lists_or_mappings() {
    let config = default_with(&[
        "processors.pricetag.dimensions={plan: , user: {hash: yes}, tenant: {header: X-Tenant, value: acme}, team: [squad], \
         cost_centre: {attributes: [cc]}}",
        "processors.pricetag.hash_key=0123456789abcdef",
        "processors.pricetag.lookups=[{file: tenants.csv, by: tenant}]",
        "processors.pricetag.actions.names=[{match: 'POST /v1/*', name: chat}]",
    ])
    .unwrap();
    let pricetag = config.processor.as_ref().unwrap();
    let dimension = |name: &str| pricetag.dimensions.iter().find(|it| it.name == name).unwrap();
    let defaults = |name: &str| pricetag::attribution::defaults::keys(name);
    let (user, tenant, team) = (dimension("user"), dimension("tenant"), dimension("team"));
    assert_eq!((user.hashed, user.written.as_str()), (true, "user.hash"));
    // A hash that stands there already is not hashed again.
    let plain: Vec<_> = defaults("user").into_iter().filter(|key| key != "user.hash").collect();
    assert_eq!(user.keys, plain);
    assert_eq!(tenant.request, Some(OfRequest::Header("x-tenant".to_owned())));
    assert_eq!(tenant.value.as_deref(), Some("acme"));
    assert_eq!((tenant.keys.clone(), tenant.hashed), (defaults("tenant"), false));
    assert_eq!((team.keys.as_slice(), team.written.as_str()), (&["squad".to_owned()][..], "pricetag.team"));
    let own: Vec<_> =
        pricetag.dimensions[9..].iter().map(|it| (it.name.as_str(), it.keys.join(" "))).collect();
    assert_eq!(own, [("plan", "pricetag.plan plan".to_owned()), ("cost_centre", "cc".to_owned())]);
    assert_eq!(pricetag.lookups[0].by, "tenant");
    assert_eq!(pricetag.actions.name("POST /v1/chat"), "chat");
    assert_eq!(pricetag.actions.max_names, 1000);
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
    assert_eq!(pricetag.hash_key.as_ref().unwrap().expose(), "0123456789abcdef");
    let unused = default_with(&["processors.pricetag.hash_key=0123456789abcdef"]).unwrap();
    assert_eq!(
        notices(&unused),
        ["processors.pricetag.hash_key: nothing is hashed: no dimension has `hash: true`"]
    );
}

/// Guarantees: who asks whose money it was is told if the events that say so go nowhere, and if a dimension of his own is called
/// nearly like one that there is; a name that is near to none is no slip.
#[test]
fn what_attribution_lacks_is_a_notice() {
    let named =
        |names: &str| default_with(&[&format!("processors.pricetag.dimensions={{{names}}}")]).unwrap();
    assert_eq!(
        notices(&named("tenent: , plan: , role: , region: , enviroment: , cost_centre: ")),
        [
            "processors.pricetag.dimensions.tenent: a dimension of your own; did you mean \"tenant\"?",
            "processors.pricetag.dimensions.enviroment: a dimension of your own; did you mean \"environment\"?",
        ]
    );
    let without = "service.pipelines.logs.processors=[]";
    let asked = default_with(&["processors.pricetag.dimensions.plan=", without]).unwrap();
    assert_eq!(
        notices(&asked),
        [
            "service.pipelines: no pipeline of logs has the processor `pricetag`: the events that tell whose money a whole \
             trace was go nowhere; add one with `processors: [pricetag]`"
        ]
    );
    assert_eq!(notices(&default_with(&[without]).unwrap()), Vec::<String>::new());
}
