//! Keys of the Collector that pricetag knows and does not have.
//!
//! They are taken out of the tree before it is read: with a notice where leaving them out loses nothing
//! that was asked for, with an error where it would, such as a certificate that would not be checked.

use super::error::Report;
use super::path::{Path, Step};
use super::yaml::{Kind, Node};

/// What to do with a key.
enum Verdict {
    /// Accepted; the text says why it is not needed.
    Fine(&'static str),
    /// An error; the texts say what is missing, and what to do instead.
    NotYet(&'static str),
    /// An error only when it is switched on.
    NotYetIfTrue(&'static str),
    /// An error unless it says what pricetag does anyway.
    Only(&'static str),
}

use Verdict::{Fine, NotYet, NotYetIfTrue, Only};

/// Patterns of key paths: `a|b` is a component of type a or b with any name, `*` is any key or index.
const KEYS: &[(&str, Verdict)] = &[
    // Receivers.
    ("receivers.otlp.protocols.*.tls.cert_pem", NotYet("put it into a file and name that in `cert_file`")),
    ("receivers.otlp.protocols.*.tls.key_pem", NotYet("put it into a file and name that in `key_file`")),
    ("receivers.otlp.protocols.*.tls.ca_file", NotYet(CLIENT_CA)),
    ("receivers.otlp.protocols.*.tls.ca_pem", NotYet(CLIENT_CA)),
    ("receivers.otlp.protocols.*.tls.include_system_ca_certs_pool", NotYetIfTrue(CLIENT_CA)),
    ("receivers.otlp.protocols.*.tls.client_ca_file_reload", Fine("files are read again when they change")),
    ("receivers.otlp.protocols.*.tls.max_version", NotYet("remove it: TLS 1.2 and 1.3 are spoken")),
    ("receivers.otlp.protocols.*.tls.cipher_suites", NotYet("remove it: rustls has no weak ones")),
    ("receivers.otlp.protocols.*.tls.curve_preferences", NotYet("remove it")),
    ("receivers.otlp.protocols.*.tls.tpm", NotYet("remove it")),
    (
        "receivers.otlp.protocols.*.auth.request_params",
        NotYet("remove it: tokens and passwords come in headers"),
    ),
    ("receivers.otlp.protocols.*.middlewares", NotYet("remove it")),
    ("receivers.otlp.protocols.*.transport", Only("tcp")),
    ("receivers.otlp.protocols.*.include_metadata", NotYetIfTrue("remove it")),
    ("receivers.otlp.protocols.grpc.read_buffer_size", Fine(TUNED)),
    ("receivers.otlp.protocols.grpc.write_buffer_size", Fine(TUNED)),
    (
        "receivers.otlp.protocols.grpc.keepalive.enforcement_policy",
        Fine("peers may ask as often as they like"),
    ),
    (
        "receivers.otlp.protocols.http.cors",
        NotYet("remove it, and send from browsers through a proxy that adds CORS"),
    ),
    ("receivers.otlp.protocols.http.response_headers", NotYet("remove it")),
    ("receivers.otlp.protocols.http.compression_algorithms", Fine("gzip, zstd and plain bodies are taken")),
    (
        "receivers.otlp.protocols.http.read_timeout",
        Fine("accepted, and bodies have their time piece by piece: 30 s for each 16 KiB"),
    ),
    ("receivers.otlp.protocols.http.write_timeout", Fine(TUNED)),
    ("receivers.otlp.protocols.http.keep_alives_enabled", Fine("connections are kept alive")),
    ("receivers.otlp.protocols.http.traces_url_path", Only("/v1/traces")),
    ("receivers.otlp.protocols.http.metrics_url_path", Only("/v1/metrics")),
    ("receivers.otlp.protocols.http.logs_url_path", Only("/v1/logs")),
    // Processors.
    ("processors.memory_limiter.min_gc_interval_when_soft_limited", Fine(NO_GARBAGE)),
    ("processors.memory_limiter.min_gc_interval_when_hard_limited", Fine(NO_GARBAGE)),
    // Exporters: TLS.
    ("exporters.*.tls.insecure_skip_verify", NotYetIfTrue("name the certificate's issuer in `ca_file`")),
    ("exporters.*.tls.cert_pem", NotYet("put it into a file and name that in `cert_file`")),
    ("exporters.*.tls.key_pem", NotYet("put it into a file and name that in `key_file`")),
    ("exporters.*.tls.ca_pem", NotYet("put it into a file and name that in `ca_file`")),
    ("exporters.*.tls.include_system_ca_certs_pool", NotYetIfTrue("put all roots into `ca_file`")),
    ("exporters.*.tls.min_version", Only("1.2")),
    ("exporters.*.tls.max_version", NotYet("remove it: TLS 1.2 and 1.3 are spoken")),
    ("exporters.*.tls.cipher_suites", NotYet("remove it: rustls has no weak ones")),
    ("exporters.*.tls.curve_preferences", NotYet("remove it")),
    ("exporters.*.tls.tpm", NotYet("remove it")),
    // Exporters: the rest.
    ("exporters.*.auth", NotYet("put the key into `headers`, as in `authorization: Bearer ${env:TOKEN}`")),
    ("exporters.*.middlewares", NotYet("remove it")),
    (
        "exporters.*.proxy_url",
        NotYet("set HTTPS_PROXY or HTTP_PROXY in the environment, and NO_PROXY for who needs none"),
    ),
    ("exporters.*.cookies", NotYet("remove it")),
    ("exporters.*.authority", NotYet("remove it")),
    ("exporters.otlp|otlp_grpc.balancer_name", Fine("one connection carries all requests")),
    ("exporters.otlp|otlp_grpc.keepalive", Fine(TUNED)),
    (
        "exporters.otlp|otlp_grpc.wait_for_ready",
        Fine("requests wait in the queue until the backend is there"),
    ),
    ("exporters.*.read_buffer_size", Fine(TUNED)),
    ("exporters.*.write_buffer_size", Fine(TUNED)),
    ("exporters.*.user_agent", Fine("pricetag names itself")),
    ("exporters.*.compression_params", Fine(TUNED)),
    ("exporters.*.max_idle_conns", Fine(TUNED)),
    ("exporters.*.max_idle_conns_per_host", Fine(TUNED)),
    ("exporters.*.max_conns_per_host", Fine(TUNED)),
    ("exporters.*.idle_conn_timeout", Fine(TUNED)),
    ("exporters.*.disable_keep_alives", Fine(TUNED)),
    ("exporters.*.http2_read_idle_timeout", Fine(TUNED)),
    ("exporters.*.http2_ping_timeout", Fine(TUNED)),
    ("exporters.*.force_attempt_http2", Fine(TUNED)),
    ("exporters.otlphttp|otlp_http.profiles_endpoint", Fine("pricetag has no profiles")),
    ("exporters.*.sending_queue.batch.enabled|flush_timeout|min_size|partition", Fine(NO_WAITING)),
    (
        "exporters.*.sending_queue.block_on_overflow",
        NotYetIfTrue("remove it: with `on_full: refuse` the sender tries again"),
    ),
    (
        "exporters.*.sending_queue.blocking",
        NotYetIfTrue("remove it: with `on_full: refuse` the sender tries again"),
    ),
    ("exporters.*.sending_queue.wait_for_result", NotYetIfTrue("remove it")),
    ("exporters.*.batcher", Fine(NO_BATCHES)),
    ("exporters.debug.sending_queue", Fine("the console has a queue of its own size")),
    ("exporters.debug.sampling_initial", Fine("every request is shown")),
    ("exporters.debug.sampling_thereafter", Fine("every request is shown")),
    ("exporters.debug.use_internal_logger", Fine("the console it is")),
    ("exporters.debug.output_paths", Fine("the console it is")),
    // Extensions.
    ("extensions.health_check.tls", NotYet("listen on 127.0.0.1")),
    ("extensions.health_check.auth", NotYet("listen on 127.0.0.1")),
    ("extensions.health_check.response_body", Fine("the answer is pricetag's own")),
    ("extensions.health_check.check_collector_pipeline", Fine("health is pricetag's own")),
    ("extensions.health_check.include_metadata", Fine("health is pricetag's own")),
    (
        "extensions.file_storage.timeout",
        Fine("a folder that another pricetag has is said to be taken after half a second"),
    ),
    ("extensions.file_storage.compaction", Fine("files of the queue go as soon as nobody needs them")),
    ("extensions.file_storage.create_directory", Fine("the folder is made if there is none")),
    ("extensions.file_storage.directory_permissions", Fine("nobody else reads the files")),
    ("extensions.file_storage.recreate", Fine("what is damaged is put aside, and the rest delivered")),
    ("extensions.file_storage.max_size", Fine("each exporter has a `queue_size`")),
    ("extensions.bearertokenauth.header", Only("Authorization")),
    ("extensions.bearertokenauth.scheme", Only("Bearer")),
    (
        "extensions.basicauth.client_auth",
        NotYet("put user and password into the exporter's `headers`, as `authorization`"),
    ),
    // Service.
    ("service.telemetry.traces", Fine("pricetag sends no traces of its own")),
    ("service.telemetry.metrics.views", NotYet("remove it")),
    (
        "service.telemetry.metrics.readers.*.periodic",
        NotYet("use a pull reader, or scrape 127.0.0.1:8888/metrics"),
    ),
    (
        "service.telemetry.metrics.readers.*.pull.exporter.prometheus.*",
        Fine("names are those of the Collector as they are"),
    ),
    ("service.telemetry.logs.development", Fine(LOGGED)),
    ("service.telemetry.logs.disable_caller", Fine(LOGGED)),
    ("service.telemetry.logs.disable_stacktrace", Fine(LOGGED)),
    ("service.telemetry.logs.disable_zap_resource", Fine(LOGGED)),
    ("service.telemetry.logs.sampling", Fine(LOGGED)),
    ("service.telemetry.logs.initial_fields", Fine(LOGGED)),
    ("service.telemetry.logs.processors", NotYet("remove it, and collect what is written to stderr")),
    ("service.telemetry.logs.output_paths", Fine("the log is written to stderr")),
    ("service.telemetry.logs.error_output_paths", Fine("the log is written to stderr")),
    ("connectors", NotYet("remove it: cost metrics come from pricetag itself")),
];

const CLIENT_CA: &str = "remove it; who signs clients' certificates is said by `client_ca_file`";
const TUNED: &str = "accepted and left as pricetag has it";
const NO_GARBAGE: &str = "accepted and not needed: no garbage is collected here";
const NO_WAITING: &str =
    "accepted and not needed: pricetag divides requests above `max_size`, and does not wait for more";
const NO_BATCHES: &str = "accepted and not needed: pricetag forwards each request as it came";
const LOGGED: &str = "accepted, and the log is written as pricetag does it";

/// Keys below a pattern with `*` at its end that pricetag does have.
const OWN: &[&str] = &["host", "port"];

/// Takes the known foreign keys out of the tree.
pub(super) fn take_out(tree: &mut Node, report: &mut Report) {
    for (pattern, verdict) in KEYS {
        let segments: Vec<&str> = pattern.split('.').collect();
        let mut found = Vec::new();
        find(tree, &segments, &Path::default(), &mut found);
        for path in found.iter().rev() {
            let judged = tree.get(path).is_none_or(|value| judge(value, verdict, path, report));
            if judged {
                tree.remove(&path.0);
            }
        }
    }
}

/// Reports on a key that is there. False leaves it to the reader, which will know what is wrong.
fn judge(value: &Node, verdict: &Verdict, path: &Path, report: &mut Report) -> bool {
    let text = match &value.kind {
        Kind::Scalar { text, .. } => text.as_str(),
        _ => "",
    };
    match verdict {
        Fine(why) => report.notice(path, *why),
        NotYet(_) if value.is_null() => {}
        NotYet(remedy) => report.wrong(path, "not supported yet", *remedy),
        NotYetIfTrue(_) if super::scalar::boolean(text) == Some(false) || value.is_null() => {}
        NotYetIfTrue(remedy) => report.wrong(path, "not supported yet", *remedy),
        Only(ours) if text == *ours || text.is_empty() => {}
        Only(ours) => {
            report.wrong(path, "not supported yet", format!("remove it: {ours:?} is what there is"))
        }
    }
    true
}

fn find(node: &Node, pattern: &[&str], path: &Path, found: &mut Vec<Path>) {
    let Some((segment, rest)) = pattern.split_first() else { return };
    let children: Vec<(Step, &Node)> = match &node.kind {
        Kind::Map(entries) => {
            entries.iter().map(|entry| (Step::Key(entry.key.clone()), &entry.value)).collect()
        }
        Kind::Seq(elements) => {
            elements.iter().enumerate().map(|(index, element)| (Step::Index(index), element)).collect()
        }
        Kind::Scalar { .. } => return,
    };
    for (step, child) in children {
        let matches = match &step {
            Step::Index(_) => *segment == "*",
            Step::Key(key) if *segment == "*" => !(rest.is_empty() && OWN.contains(&key.as_str())),
            Step::Key(key) => segment.split('|').any(|kind| {
                key.strip_prefix(kind).is_some_and(|after| after.is_empty() || after.starts_with('/'))
            }),
        };
        if !matches {
            continue;
        }
        let mut inside = path.clone();
        inside.0.push(step);
        match rest {
            [] => found.push(inside),
            _ => find(child, rest, &inside, found),
        }
    }
}
