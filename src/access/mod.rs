//! Who may come in, and how nobody listens: what listeners have in common before a request is read.
//!
//! [`arrivals`] takes connections, as many as there are [`places`]; [`tls`] makes a listener's certificates of files, [`handshakes`]
//! takes connections by them; [`login`] knows who may come in, by
//! tokens or by users as [`htpasswd`] reads them.

pub mod arrivals;
pub mod handshakes;
pub mod htpasswd;
pub mod login;
pub mod places;
pub mod tls;

use std::sync::Arc;

use crate::config::Connections;
use crate::memory::Memory;
use login::Auth;
use places::Places;
use tls::InForce;

/// What a listener asks of those who come, and what it has for them.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its certificate; `None` is plaintext.
    pub tls: Option<InForce>,
    /// Who may come in; `None` is everybody.
    pub auth: Option<Arc<Auth>>,
    /// How many connections there may be.
    pub places: Arc<Places>,
    /// What each of them may do, and how long it is waited for.
    pub connections: Connections,
    /// Room for what they bring, which is that of the process.
    pub memory: Arc<Memory>,
}

impl Door {
    /// A door for health checks, which is plaintext, asks nobody who he is and has places of its own.
    pub fn for_health(&self) -> Self {
        let places = Arc::new(Places::new("health check", self.connections.most));
        Door { tls: None, auth: None, places, ..self.clone() }
    }
}
