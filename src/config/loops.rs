//! No loops: an exporter that sends to one of our own listeners would send everything round for ever.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use super::endpoint::HostPort;
use super::model::Config;
use super::values::ComponentId;

/// An exporter that sends to a listener of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// The exporter.
    pub exporter: ComponentId,
    /// Where it sends.
    pub address: HostPort,
    /// The listener there.
    pub listener: SocketAddr,
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exporters.{}.endpoint: {} is pricetag's own listener {}, and everything would go round for ever; \
             send to another port, or listen on another one",
            self.exporter, self.address, self.listener
        )
    }
}

/// The exporters that send to one of the OTLP listeners.
///
/// `listeners` are the addresses as bound (or as configured, before), `resolve` gives the addresses of a
/// host, `is_own` tells whether an address is one of this machine. A host that cannot be resolved now is
/// no loop now.
pub fn own_listener_loops(
    config: &Config,
    listeners: &[SocketAddr],
    resolve: impl Fn(&str) -> Vec<IpAddr>,
    is_own: impl Fn(IpAddr) -> bool,
) -> Vec<Loop> {
    let mut loops = Vec::new();
    for exporter in &config.exporters {
        for address in exporter.kind.addresses() {
            let targets = match address.host.parse() {
                Ok(ip) => vec![ip],
                Err(_) => resolve(&address.host),
            };
            let hit = listeners.iter().find(|listener| {
                listener.port() == address.port
                    && targets.iter().any(|target| reaches(target.to_canonical(), listener.ip(), &is_own))
            });
            if let Some(listener) = hit {
                loops.push(Loop {
                    exporter: exporter.id.clone(),
                    address: address.clone(),
                    listener: *listener,
                });
            }
        }
    }
    loops
}

/// Whether what is sent to `target` arrives at a listener on `bound`, given the same port.
fn reaches(target: IpAddr, bound: IpAddr, is_own: impl Fn(IpAddr) -> bool) -> bool {
    let bound = bound.to_canonical();
    match (target.is_unspecified(), bound.is_unspecified()) {
        (true, true) => true,
        // Sending to 0.0.0.0 is sending to this machine's loopback.
        (true, false) => bound.is_loopback(),
        // IPv4 reaches a listener on `::`, IPv6 none on 0.0.0.0.
        (false, true) => (target.is_ipv4() || bound.is_ipv6()) && (target.is_loopback() || is_own(target)),
        (false, false) => target == bound,
    }
}

/// The addresses of a host, as the system resolves it.
pub fn resolve(host: &str) -> Vec<IpAddr> {
    (host, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

/// Whether an address is one of this machine: only to those can a socket be bound.
pub fn is_own_address(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loops(endpoint: &str, listener: &str) -> usize {
        let sets = [
            format!("exporters.otlp={{endpoint: \"{endpoint}\"}}"),
            "service.pipelines.traces.exporters=[otlp]".into(),
        ];
        let config = Config::parse(super::super::DEFAULT, "test", &sets, &|_: &str| None).unwrap();
        let resolve = |host: &str| match host {
            "localhost" => vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            "me.example" => vec!["192.0.2.1".parse().unwrap()],
            "other.example" => vec!["192.0.2.2".parse().unwrap()],
            _ => Vec::new(),
        };
        let is_own = |ip: IpAddr| ip == "192.0.2.1".parse::<IpAddr>().unwrap();
        own_listener_loops(&config, &[listener.parse().unwrap()], resolve, is_own).len()
    }

    /// Scenario: exporters at the address of a listener, by every name it has.
    /// Guarantees: a loop is found, and what only looks alike is none.
    #[test]
    fn loops_are_found_by_every_name() {
        for (endpoint, listener, expected) in [
            ("localhost:4317", "127.0.0.1:4317", 1),
            ("http://127.0.0.1:4317", "127.0.0.1:4317", 1),
            ("[::ffff:127.0.0.1]:4317", "127.0.0.1:4317", 1),
            ("0.0.0.0:4317", "127.0.0.1:4317", 1),
            ("[::1]:4317", "[::1]:4317", 1),
            ("localhost:4317", "0.0.0.0:4317", 1),
            ("127.0.0.2:4317", "0.0.0.0:4317", 1),
            ("me.example:4317", "0.0.0.0:4317", 1),
            ("me.example:4317", "[::]:4317", 1),
            ("me.example:4317", "192.0.2.1:4317", 1),
            ("localhost:14317", "127.0.0.1:4317", 0),
            ("[::1]:4317", "0.0.0.0:4317", 0),
            ("127.0.0.2:4317", "127.0.0.1:4317", 0),
            ("me.example:4317", "127.0.0.1:4317", 0),
            ("other.example:4317", "0.0.0.0:4317", 0),
            ("unknown.example:4317", "0.0.0.0:4317", 0),
        ] {
            assert_eq!(loops(endpoint, listener), expected, "{endpoint} against {listener}");
        }
    }

    #[test]
    fn this_machine_knows_its_own_addresses() {
        assert!(is_own_address("127.0.0.1".parse().unwrap()));
        assert!(!is_own_address("192.0.2.1".parse().unwrap()));
    }
}
