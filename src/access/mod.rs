//! Who may come in, and how nobody listens: what listeners have in common before a request is read.
//!
//! [`tls`] makes a listener's certificates of files, [`handshakes`] takes connections by them; [`login`] knows who may come in, by
//! tokens or by users as [`htpasswd`] reads them; [`seldom`] keeps what strangers can cause out of the log.

pub mod handshakes;
pub mod htpasswd;
pub mod login;
pub mod seldom;
pub mod tls;

use std::sync::Arc;

use login::Auth;
use tls::InForce;

/// What a listener asks of those who come. The default is an open door.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// Its certificate; `None` is plaintext.
    pub tls: Option<InForce>,
    /// Who may come in; `None` is everybody.
    pub auth: Option<Arc<Auth>>,
}
