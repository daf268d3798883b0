//! Puts the metrics into the queue, for the exporters of the metrics pipelines.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message as _;
use tracing::warn;

use super::instruments::SUMS;
use crate::otlp::{Signal, items};
use crate::queue::{Log, Record, Request, Route};

/// A push exporter of the SDK whose destination is our own queue.
#[derive(Debug)]
pub struct QueueExporter {
    log: Log,
    routes: Vec<Route>,
    /// Since when the books count, nanoseconds since 1970. The SDK only knows when its instruments were made, which is right for others.
    start_unix_nano: u64,
}

impl QueueExporter {
    /// An exporter into `log` along `routes`.
    pub fn new(log: Log, routes: Vec<Route>, start_unix_nano: u64) -> Self {
        QueueExporter { log, routes, start_unix_nano }
    }
}

impl PushMetricExporter for QueueExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut request = ExportMetricsServiceRequest::from(metrics);
        set_start(&mut request, self.start_unix_nano);
        let body = Bytes::from(request.encode_to_vec());
        let items = items::count(Signal::Metrics, &body).unwrap_or(0);
        if items == 0 {
            return Ok(());
        }
        let record = Record::from(Request::new(Signal::Metrics, body, items));
        // Each exporter for itself: one that is full must not cost the others the last totals.
        for route in &self.routes {
            match self.log.reserve(std::slice::from_ref(route), record.bytes()) {
                Ok(permit) => drop(permit.commit(record.clone())),
                // The last ones, and there will be no next time.
                Err(_) if self.log.is_refusing() => {
                    self.log.append(std::slice::from_ref(route), record.clone())
                }
                // The totals are cumulative: the next push says all that this one would have said.
                Err(full) => warn!("cost metrics wait for the next interval: {full}"),
            }
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn set_start(request: &mut ExportMetricsServiceRequest, start_unix_nano: u64) {
    let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &mut scope.metrics).filter(|it| SUMS.contains(&&*it.name)) {
        if let Some(Data::Sum(sum)) = &mut metric.data {
            for point in &mut sum.data_points {
                point.start_time_unix_nano = start_unix_nano;
            }
        }
    }
}
