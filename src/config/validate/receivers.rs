//! The OTLP listeners.

use std::time::Duration;

use super::service::Named;
use super::{access, listen};
use crate::config::access::Authenticator;
use crate::config::connections::Connections;
use crate::config::defaults;
use crate::config::error::Report;
use crate::config::model::{GrpcReceiver, HttpReceiver, Receivers};
use crate::config::path::Path;
use crate::config::raw::{Grpc, Http, Receiver, Root, ServerParameters};
use crate::config::values::GoDuration;

/// The listeners of the receivers that pipelines use. pricetag has one entrance: several receivers are
/// fine as long as each protocol is named once and every pipeline takes from all of them.
pub(super) fn receivers(
    raw: &Root,
    pipelines: &[Named],
    known: &[Authenticator],
    report: &mut Report,
) -> Receivers {
    let mut receivers = Receivers { grpc: None, http: None };
    let mut used = Vec::new();
    for (id, Receiver::Otlp(otlp)) in &raw.receivers.0 {
        let path = Path::of("receivers").key(id);
        let protocols = path.key("protocols");
        if otlp.protocols.grpc.is_none() && otlp.protocols.http.is_none() {
            let remedy = "name at least one, as in `protocols: {grpc: {endpoint: 127.0.0.1:4317}}`";
            report.missing(&path, "protocols", "a receiver without a protocol", remedy);
        }
        if !pipelines.iter().any(|pipeline| pipeline.receivers.contains(id)) {
            continue;
        }
        used.push(id);
        if let Some(said) = &otlp.protocols.grpc {
            let path = protocols.key("grpc");
            let mut found = grpc(said, &path, report);
            found.auth = access::auth(said.auth.as_ref(), &path.key("auth"), raw, known, report);
            if receivers.grpc.replace(found).is_some() {
                second(&protocols.key("grpc"), "gRPC", report);
            }
        }
        if let Some(said) = &otlp.protocols.http {
            let path = protocols.key("http");
            let mut found = http(said, &path, report);
            found.auth = access::auth(said.auth.as_ref(), &path.key("auth"), raw, known, report);
            if receivers.http.replace(found).is_some() {
                second(&protocols.key("http"), "HTTP", report);
            }
        }
    }
    for pipeline in pipelines {
        if let Some(absent) = used.iter().find(|id| !pipeline.receivers.contains(id)) {
            let path = Path::of("service.pipelines").key(&pipeline.id);
            let message = format!("takes nothing from {:?}, which other pipelines use", absent.to_string());
            let remedy = "name all receivers: pricetag has one entrance for all pipelines";
            report.missing(&path, "receivers", message, remedy);
        }
    }
    receivers
}

/// A record of the queue holds a request as it came and as it leaves, with its bookings.
fn not_too_large(bytes: usize, path: &Path, report: &mut Report) {
    if bytes > defaults::LARGEST_REQUEST_BYTES {
        report.wrong(path, "more than 256 MiB", "write at most 256 MiB; senders split what is larger");
    }
}

fn second(path: &Path, protocol: &str, report: &mut Report) {
    let message = format!("a second {protocol} listener");
    report.wrong(path, message, "keep one of the two: pricetag has one of each protocol");
}

fn grpc(said: &Grpc, path: &Path, report: &mut Report) -> GrpcReceiver {
    let endpoint = listen(said.endpoint.as_deref(), defaults::GRPC_ENDPOINT, &path.key("endpoint"), report);
    let max_message_bytes = match said.max_recv_msg_size_mib {
        // The Collector's zero is its default.
        None | Some(0) => defaults::MAX_REQUEST_BYTES,
        Some(mib) => (mib as usize).saturating_mul(defaults::MIB),
    };
    not_too_large(max_message_bytes, &path.key("max_recv_msg_size_mib"), report);
    let tls = said.tls.as_ref().and_then(|said| access::tls(said, &path.key("tls"), report));
    GrpcReceiver { endpoint, max_message_bytes, connections: of_grpc(said, path, report), tls, auth: None }
}

fn http(said: &Http, path: &Path, report: &mut Report) -> HttpReceiver {
    let endpoint = listen(said.endpoint.as_deref(), defaults::HTTP_ENDPOINT, &path.key("endpoint"), report);
    let max_body_bytes = match said.max_request_body_size {
        // The Collector's zero is its default.
        None | Some(0) => defaults::MAX_REQUEST_BYTES,
        Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
    };
    not_too_large(max_body_bytes, &path.key("max_request_body_size"), report);
    let tls = said.tls.as_ref().and_then(|said| access::tls(said, &path.key("tls"), report));
    let default = Connections::OF_RECEIVERS;
    let connections = Connections {
        most: most(said.max_connections, path, report),
        headers: duration(said.read_header_timeout, default.headers),
        idle: duration(said.idle_timeout, default.idle),
        ..default
    };
    HttpReceiver { endpoint, max_body_bytes, connections, tls, auth: None }
}

fn of_grpc(said: &Grpc, path: &Path, report: &mut Report) -> Connections {
    let default = Connections::OF_RECEIVERS;
    let ServerParameters { max_connection_idle, max_connection_age, max_connection_age_grace, time, timeout } =
        said.keepalive.server_parameters;
    let said_one = |said: Option<GoDuration>| said.map(|said| said.0).filter(|said| !said.is_zero());
    Connections {
        most: most(said.max_connections, path, report),
        streams: said.max_concurrent_streams.filter(|streams| *streams > 0).unwrap_or(default.streams),
        idle: duration(max_connection_idle, default.idle),
        ping_after: duration(time, default.ping_after),
        ping_answer: duration(timeout, default.ping_answer),
        age: said_one(max_connection_age),
        age_grace: said_one(max_connection_age_grace),
        ..default
    }
}

fn most(said: Option<u32>, path: &Path, report: &mut Report) -> usize {
    if said == Some(0) {
        let remedy = "write how many there may be, as in 4096, or remove the key for the default";
        report.wrong(&path.key("max_connections"), "nobody could connect", remedy);
    }
    said.map_or(Connections::OF_RECEIVERS.most, |most| most as usize)
}

/// As in the Collector zero is the default.
fn duration(said: Option<GoDuration>, default: Duration) -> Duration {
    said.map(|said| said.0).filter(|said| !said.is_zero()).unwrap_or(default)
}
