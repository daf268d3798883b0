//! What pricetag tells about itself, under the Collector's names where the Collector has one, so that
//! existing dashboards work.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;

use crate::otlp::Signal;

/// One instrument for each signal.
#[derive(Clone, Debug)]
struct BySignal([Counter<u64>; 3]);

impl BySignal {
    fn new(meter: &Meter, prefix: &str, what: &str) -> Self {
        BySignal(Signal::ALL.map(|signal| {
            let items = signal.items();
            meter
                .u64_counter(format!("{prefix}_{items}"))
                .with_description(format!("Number of {} {what}.", items.replace('_', " ")))
                .build()
        }))
    }

    fn add(&self, signal: Signal, items: u64, attributes: &[KeyValue]) {
        if items > 0 {
            self.0[signal as usize].add(items, attributes);
        }
    }
}

/// The self-metrics, served on the admin port.
pub struct Telemetry {
    /// Kept: the instruments live as long as it does.
    provider: SdkMeterProvider,
    meter: Meter,
    accepted: BySignal,
    refused: BySignal,
    sent: BySignal,
    failed: BySignal,
    redacted: Counter<u64>,
    dead: Counter<u64>,
    dead_lost: Counter<u64>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Self-metrics that `registry` exposes.
    ///
    /// # Errors
    /// When the registry refuses them.
    pub fn new(
        registry: Registry,
        resource: Resource,
    ) -> Result<Self, opentelemetry_sdk::error::OTelSdkError> {
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry)
            .without_counter_suffixes()
            .without_units()
            .without_target_info()
            .build()?;
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        let meter = provider.meter("pricetag.self");
        Ok(Telemetry {
            accepted: BySignal::new(&meter, "otelcol_receiver_accepted", "accepted and queued"),
            refused: BySignal::new(&meter, "otelcol_receiver_refused", "refused"),
            sent: BySignal::new(&meter, "otelcol_exporter_sent", "delivered"),
            failed: BySignal::new(&meter, "otelcol_exporter_send_failed", "that could not be delivered"),
            redacted: meter
                .u64_counter("pricetag_redacted_attributes")
                .with_description(
                    "Attributes, and bodies of log records, that were dropped before requests left.",
                )
                .build(),
            dead: meter
                .u64_counter("pricetag_exporter_dead_letter_items")
                .with_description("Items that could not be delivered and were kept as dead letters.")
                .build(),
            dead_lost: meter
                .u64_counter("pricetag_exporter_dead_letter_lost_items")
                .with_description(
                    "Items of dead letters that are not kept: older ones that had to go (`full`), and those that could not be written (`disk`).",
                )
                .build(),
            provider,
            meter,
        })
    }

    /// A meter for instruments that observe something of the app's.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The metrics of a receiver.
    pub fn receiver(&self, transport: &'static str) -> ReceiverMetrics {
        ReceiverMetrics {
            accepted: self.accepted.clone(),
            refused: self.refused.clone(),
            attributes: [KeyValue::new("receiver", "otlp"), KeyValue::new("transport", transport)],
        }
    }

    /// The metrics of an exporter.
    pub fn exporter(&self, id: &str) -> ExporterMetrics {
        ExporterMetrics {
            sent: self.sent.clone(),
            failed: self.failed.clone(),
            attributes: [KeyValue::new("exporter", id.to_owned())],
        }
    }

    /// The metrics of an exporter's dead letters.
    pub fn dead_letters(&self, exporter: &str) -> DeadLetterMetrics {
        let kept = Signal::ALL.map(|signal| {
            [KeyValue::new("exporter", exporter.to_owned()), KeyValue::new("signal", signal.as_str())]
        });
        let lost = ["full", "disk"].map(|reason| KeyValue::new("reason", reason));
        // There from the start: that there are none is worth knowing.
        kept.iter().for_each(|attributes| self.dead.add(0, attributes));
        lost.iter().for_each(|reason| self.dead_lost.add(0, std::slice::from_ref(reason)));
        DeadLetterMetrics { dead: self.dead.clone(), kept, dead_lost: self.dead_lost.clone(), lost }
    }

    /// The metrics of what a processor drops for an exporter.
    pub fn redact(&self, processor: &str, exporter: &str) -> RedactMetrics {
        let attributes = [("processor", processor), ("exporter", exporter)];
        let attributes = attributes.map(|(key, id)| KeyValue::new(key, id.to_owned()));
        // There from the start: that nothing was dropped is worth knowing.
        self.redacted.add(0, &attributes);
        RedactMetrics { dropped: self.redacted.clone(), attributes }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nothing is pushed from here: an error can only say that it is shut down already.
        let _ = self.provider.shutdown();
    }
}

/// What came in, and what of it was refused.
#[derive(Clone, Debug)]
pub struct ReceiverMetrics {
    accepted: BySignal,
    refused: BySignal,
    attributes: [KeyValue; 2],
}

impl ReceiverMetrics {
    /// Counts items that were acknowledged.
    pub fn accepted(&self, signal: Signal, items: u64) {
        self.accepted.add(signal, items, &self.attributes);
    }

    /// Counts items that were refused; where a body can not be read, it counts as one.
    pub fn refused(&self, signal: Signal, items: u64) {
        self.refused.add(signal, items, &self.attributes);
    }
}

/// What went out, and what did not.
#[derive(Clone, Debug)]
pub struct ExporterMetrics {
    sent: BySignal,
    failed: BySignal,
    attributes: [KeyValue; 1],
}

impl ExporterMetrics {
    /// Counts items that the destination has.
    pub fn sent(&self, signal: Signal, items: u64) {
        self.sent.add(signal, items, &self.attributes);
    }

    /// Counts items that it will never have.
    pub fn failed(&self, signal: Signal, items: u64) {
        self.failed.add(signal, items, &self.attributes);
    }
}

/// What became of an exporter's dead letters.
#[derive(Clone, Debug)]
pub struct DeadLetterMetrics {
    dead: Counter<u64>,
    kept: [[KeyValue; 2]; 3],
    dead_lost: Counter<u64>,
    lost: [KeyValue; 2],
}

impl DeadLetterMetrics {
    /// Counts items that were kept.
    pub fn kept(&self, signal: Signal, items: u64) {
        self.dead.add(items, &self.kept[signal as usize]);
    }

    /// Counts items of older letters that went, of whatever exporter.
    pub fn gone(&self, items: u64) {
        self.dead_lost.add(items, &self.lost[..1]);
    }

    /// Counts items that could not be written.
    pub fn unwritten(&self, items: u64) {
        self.dead_lost.add(items, &self.lost[1..]);
    }
}

/// What was dropped.
#[derive(Clone, Debug)]
pub struct RedactMetrics {
    dropped: Counter<u64>,
    attributes: [KeyValue; 2],
}

impl RedactMetrics {
    /// Counts attributes, and bodies of log records.
    pub fn dropped(&self, attributes: u64) {
        self.dropped.add(attributes, &self.attributes);
    }
}
