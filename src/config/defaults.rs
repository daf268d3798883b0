//! What holds where a config says nothing.

use std::time::Duration;

use crate::ledger::spikes::Times;
use crate::pricing::Picodollars;
use crate::pricing::money::PER_DOLLAR;

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
/// The most that a config may allow.
pub(super) const LARGEST_REQUEST_BYTES: usize = 256 * MIB;

/// Certificates are looked at as often as price files; oftener than each second serves nobody.
pub(super) const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(60);
pub(super) const LEAST_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Two months: vendors change a price or bring out a model every few weeks.
pub(super) const PRICES_STALE_AFTER: Duration = Duration::from_secs(60 * 24 * 3600);
/// What most ask for, and few enough values.
pub(super) const METRIC_LABELS: [&str; 3] = ["feature", "workflow", "tier"];
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(10);
pub(super) const MAX_OPEN_TRACES_BYTES: usize = 64 * MIB;
pub(super) const MAX_HELD_BYTES: usize = 256 * MIB;

/// A user's hour that costs five times the usual one is worth a look; below a dollar it is not.
pub(super) const SPIKES_BY: &str = "user";
pub(super) const SPIKES_TIMES: Times = Times::whole(5);
pub(super) const SPIKES_ABOVE: Picodollars = Picodollars::new(PER_DOLLAR);
/// Hours: a week, for working days are not like Sundays.
pub(super) const SPIKES_BASELINE: u32 = 7 * 24;
/// Hours: a day, for of somebody's first hour nothing tells whether it is usual.
pub(super) const SPIKES_WARM_UP: u32 = 24;

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
/// What waits on disk for one exporter: hours of most traffic, and less than most disks have left.
pub(super) const QUEUE_DISK_BYTES: usize = 4 << 30;
