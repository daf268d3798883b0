//! Who may come in, and how nobody listens: what listeners have in common before a request is read.
//!
//! [`tls`] makes a listener's certificates of files, [`handshakes`] takes connections by them, [`seldom`] keeps what strangers can
//! cause out of the log.

pub mod handshakes;
pub mod seldom;
pub mod tls;

use tls::InForce;

/// What a listener asks of those who come. The default is an open door.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// Its certificate; `None` is plaintext.
    pub tls: Option<InForce>,
}
