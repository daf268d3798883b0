//! What holds where a config says nothing.

use std::time::Duration;

pub(super) const MIB: usize = 1024 * 1024;

/// The addresses of the OTLP specification, on this machine only.
pub(super) const GRPC_ENDPOINT: (&str, u16) = ("127.0.0.1", 4317);
pub(super) const HTTP_ENDPOINT: (&str, u16) = ("127.0.0.1", 4318);
/// The Collector's address for its own metrics.
pub(super) const METRICS_ENDPOINT: (&str, u16) = ("127.0.0.1", 8888);
/// The Collector's address for health checks.
pub(super) const HEALTH_CHECK_ENDPOINT: (&str, u16) = ("localhost", 13133);

/// The specification's limit for a request. The Collector's 4 MiB refuses prompts of normal length.
pub(super) const MAX_REQUEST_BYTES: usize = 64 * MIB;

/// Two months: vendors change a price or bring out a model every few weeks.
pub(super) const PRICES_STALE_AFTER: Duration = Duration::from_secs(60 * 24 * 3600);
/// What most ask for, and few enough values.
pub(super) const METRIC_LABELS: [&str; 3] = ["feature", "workflow", "tier"];
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(10);
pub(super) const MAX_OPEN_TRACES_BYTES: usize = 64 * MIB;

/// From here on, the Collector's.
pub(super) const GRPC_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const RETRY_INITIAL_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const RETRY_RANDOMIZATION_FACTOR: f64 = 0.5;
pub(super) const RETRY_MULTIPLIER: f64 = 1.5;
pub(super) const RETRY_MAX_INTERVAL: Duration = Duration::from_secs(30);
pub(super) const RETRY_MAX_ELAPSED_TIME: Duration = Duration::from_secs(300);
pub(super) const QUEUE_REQUESTS: usize = 1000;
pub(super) const QUEUE_CONSUMERS: usize = 10;
/// More at once than this help no backend.
pub(super) const MAX_CONSUMERS: u32 = 1000;
/// Ours: the Collector's 1000 would be a thousand bytes.
pub(super) const QUEUE_BYTES: usize = 64 * MIB;
