//! Sockets that are listened on. They outlive an app, so that nobody is turned away while another one is made of a new config.

use std::io;

use tokio::net::TcpListener;

use crate::config::HostPort;

/// A key of the config, and the address that stands there.
pub(super) type Wanted<'c> = (&'static str, &'c HostPort);

/// Sockets, by the keys of the config that name their addresses.
#[derive(Debug, Default)]
pub struct Sockets(Vec<(&'static str, HostPort, std::net::TcpListener)>);

impl Sockets {
    /// Listens at an address, if need be by giving up what is not `wanted`.
    pub(super) async fn listen(
        &mut self,
        (key, at): Wanted<'_>,
        wanted: &[Wanted<'_>],
    ) -> io::Result<TcpListener> {
        if let Some((.., socket)) = self.0.iter().find(|(of, known, _)| (*of, known) == (key, at)) {
            return TcpListener::from_std(socket.try_clone()?);
        }
        match self.bind((key, at)).await {
            // Perhaps by us, under another key or by another name.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                self.keep_only(wanted);
                self.bind((key, at)).await
            }
            bound => bound,
        }
    }

    async fn bind(&mut self, (key, at): Wanted<'_>) -> io::Result<TcpListener> {
        let socket = TcpListener::bind((at.host.as_str(), at.port)).await?.into_std()?;
        self.0.push((key, at.clone(), socket.try_clone()?));
        TcpListener::from_std(socket)
    }

    /// Listens at what is not listened at yet, so that it can be had when the time comes. What we have ourselves, by another key or name, is
    /// given up then.
    ///
    /// # Errors
    /// What can not be had, and why.
    pub(super) async fn prepare<'c>(&mut self, wanted: &[Wanted<'c>]) -> Result<(), (Wanted<'c>, io::Error)> {
        for &(key, at) in wanted {
            let is_ours = self.0.iter().any(|(of, known, _)| {
                (*of, known) == (key, at) || (known.port == at.port && known.port != 0)
            });
            if !is_ours {
                self.bind((key, at)).await.map_err(|error| ((key, at), error))?;
            }
        }
        Ok(())
    }

    /// Closes those that nobody wants.
    pub(super) fn keep_only(&mut self, wanted: &[Wanted<'_>]) {
        self.0.retain(|(key, at, _)| wanted.contains(&(*key, at)));
    }
}
