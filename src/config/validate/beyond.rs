//! Listeners that others than this machine reach, and what keeps them out: said once, at the start.

use std::net::IpAddr;

use super::listener_path;
use crate::config::access::{Authenticator, ServerTls};
use crate::config::endpoint::HostPort;
use crate::config::error::Report;
use crate::config::model::Config;
use crate::config::path::Path;
use crate::config::raw::Root;

/// What there is to say of the listeners of a config.
pub(super) fn notices(raw: &Root, config: &Config, report: &mut Report) {
    let receivers = &config.receivers;
    if let Some(grpc) = &receivers.grpc {
        receiver("gRPC", &grpc.endpoint, &grpc.tls, &grpc.auth, raw, report);
    }
    if let Some(http) = &receivers.http {
        receiver("HTTP", &http.endpoint, &http.tls, &http.auth, raw, report);
    }
    if let Some(address) = config.telemetry.metrics.as_ref().filter(|address| is_beyond(address)) {
        let message = match (&config.telemetry.tls, &config.telemetry.auth) {
            (None, None) => {
                "whoever reaches {} reads /metrics there, which is money; add `auth`, or listen on 127.0.0.1"
            }
            (None, Some(_)) => {
                "tokens and passwords go to {} in plain text; add `tls`, or listen on 127.0.0.1"
            }
            (Some(tls), None) if tls.client_ca_file.is_none() => {
                "whoever reaches {} reads /metrics there, which is money; add `auth`, or `client_ca_file` to `tls`, or listen on 127.0.0.1"
            }
            (Some(_), _) => return,
        };
        let readers = raw.service.as_ref().and_then(|service| service.telemetry.metrics.readers.as_ref());
        let key =
            Path::of("service.telemetry.metrics").key(if readers.is_some() { "readers" } else { "address" });
        report.notice(&key, message.replace("{}", &address.to_string()));
    }
}

fn receiver(
    what: &str,
    endpoint: &HostPort,
    tls: &Option<ServerTls>,
    auth: &Option<Authenticator>,
    raw: &Root,
    report: &mut Report,
) {
    if !is_beyond(endpoint) {
        return;
    }
    let asks_for_certificates = tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    let message = match (tls, auth) {
        (None, None) => {
            "whoever reaches {} may send there, and all that is sent can be read on its way; add `tls` and `auth`, or listen on \
                         127.0.0.1"
        }
        (None, Some(_)) => {
            "what is sent to {}, tokens and passwords with it, can be read on its way; add `tls`, or listen on 127.0.0.1"
        }
        (Some(_), None) if !asks_for_certificates => {
            "whoever reaches {} may send there; add `auth`, or `client_ca_file` to `tls`, or listen on 127.0.0.1"
        }
        (Some(_), _) => return,
    };
    report.notice(&listener_path(raw, what), message.replace("{}", &endpoint.to_string()));
}

/// Whether others than this machine may reach an address. What a name means is known only when it is bound; but for one, names are
/// given for others to reach.
fn is_beyond(address: &HostPort) -> bool {
    match address.host.parse::<IpAddr>() {
        Ok(ip) => !ip.to_canonical().is_loopback(),
        Err(_) => !address.host.eq_ignore_ascii_case("localhost"),
    }
}
