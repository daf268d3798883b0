//! Sockets that are listened on. They outlive an app, so that nobody is turned away while another one is made of a new config.

use std::io;

use tokio::net::TcpListener;

use crate::config::{Config, HostPort};

/// The sockets of an app, by the keys of the config that name their addresses.
#[derive(Debug, Default)]
pub struct Sockets(Vec<(&'static str, HostPort, std::net::TcpListener)>);

impl Sockets {
    /// Closes those that a config does not name.
    pub(super) fn keep_those_of(&mut self, config: &Config) {
        let listeners = config.listeners();
        self.0.retain(|(_, at, _)| listeners.iter().any(|(_, named)| *named == at));
    }

    /// Listens at an address.
    pub(super) async fn listen(&mut self, key: &'static str, at: &HostPort) -> io::Result<TcpListener> {
        if let Some((.., socket)) = self.0.iter().find(|(of, known, _)| (*of, known) == (key, at)) {
            return TcpListener::from_std(socket.try_clone()?);
        }
        let socket = TcpListener::bind((at.host.as_str(), at.port)).await?.into_std()?;
        self.0.push((key, at.clone(), socket.try_clone()?));
        TcpListener::from_std(socket)
    }
}
