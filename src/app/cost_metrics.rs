//! The cost metrics: on `/metrics`, and into the queue for the exporters of the metrics pipelines.
//!
//! Two providers, because of one thing: histograms are exponential where they leave by OTLP, and have fixed buckets where Prometheus
//! asks, whose bridge drops the others.

use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::Registry;

use crate::ledger::Ledger;
use crate::ledger::histograms::{self, Histograms};
use crate::ledger::instruments::{self, UnpricedShare};
use crate::ledger::push::QueueExporter;
use crate::queue::{Log, Route};

/// How often the cost metrics go out.
const INTERVAL: Duration = Duration::from_secs(10);

/// What collects the cost metrics.
#[derive(Clone, Debug)]
pub(super) struct CostMetrics(Vec<SdkMeterProvider>);

impl CostMetrics {
    /// Metrics of the `ledger`, whose further labels have these `keys`: in the `registry`, and along the `routes` if there are any.
    pub(super) fn start(
        ledger: &Ledger,
        share: &UnpricedShare,
        keys: &[String],
        (log, routes): (&Log, &[Route]),
        registry: &Registry,
        resource: Resource,
    ) -> Result<Self, OTelSdkError> {
        let scrape = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_counter_suffixes()
            .without_units()
            .build()?;
        let provider =
            || SdkMeterProvider::builder().with_resource(resource.clone()).with_view(instruments::view);
        let mut providers = vec![provider().with_view(histograms::explicit).with_reader(scrape).build()];
        if !routes.is_empty() {
            let start = ledger.origin().start_unix_nano;
            let exporter = QueueExporter::new(log.clone(), routes.to_vec(), start);
            let push = PeriodicReader::builder(exporter).with_interval(INTERVAL).build();
            providers.push(provider().with_view(histograms::exponential).with_reader(push).build());
        }
        let metrics = CostMetrics(providers);
        let meters = metrics.meters();
        for meter in &meters {
            instruments::register(meter, ledger, share, keys);
        }
        ledger.set_histograms(Histograms::new(&meters));
        Ok(metrics)
    }

    /// A meter of each provider, for instruments that both show.
    pub(super) fn meters(&self) -> Vec<Meter> {
        self.0.iter().map(|provider| provider.meter("pricetag")).collect()
    }

    /// Collects for the last time. Blocks, for it waits for a thread of its own.
    pub(super) fn shutdown(&self) -> Result<(), OTelSdkError> {
        self.0.iter().map(SdkMeterProvider::shutdown).fold(Ok(()), Result::and)
    }
}
