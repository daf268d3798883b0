//! Events of our own as OTLP log records, put into the queue for the exporters of the logs pipelines that price.

use bytes::Bytes;
use opentelemetry::Value;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::otlp::Signal;
use crate::queue::{Log, Part, Record, Request, Route};

/// Puts events into the queue.
#[derive(Clone, Debug)]
pub struct LogEvents {
    log: Log,
    routes: Vec<Route>,
    resource: Resource,
}

impl LogEvents {
    /// Events into `log` along those `routes` of logs that price. `resource` says who we are.
    pub fn new(log: Log, routes: &[Route], resource: &opentelemetry_sdk::Resource) -> Self {
        let attributes = resource.iter().map(|(key, value)| attribute(key.as_str(), value.clone())).collect();
        LogEvents {
            log,
            routes: routes.iter().filter(|route| route.part == Part::Priced).copied().collect(),
            resource: Resource { attributes, ..Resource::default() },
        }
    }

    /// Whether nobody reads them.
    pub(super) fn is_idle(&self) -> bool {
        self.routes.is_empty()
    }

    /// Sends events as one request. What they say stands in the ledger, too: they hold up nobody, and are dropped where a queue
    /// has no room.
    pub(super) fn send(&self, log_records: Vec<LogRecord>) {
        let items = log_records.len() as u64;
        let scope = InstrumentationScope { name: "pricetag".to_owned(), ..InstrumentationScope::default() };
        let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
        let resource = Some(self.resource.clone());
        let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
        let body = Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
        self.log.offer(&self.routes, Record::from(Request::new(Signal::Logs, body, items)));
    }
}

/// An attribute of an event.
pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value.into()), ..KeyValue::default() }
}
