//! What a listener grants to those who connect, and to all of them together.

use std::time::Duration;

/// What a connection may do, and how long it is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// How many there may be at once; one more is closed when it comes.
    pub most: usize,
    /// Requests at once on one connection, by HTTP/2.
    pub streams: u32,
    /// How long headers may take, and the first of them from the beginning of the connection.
    pub headers: Duration,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// By HTTP/2: how long nothing is heard before the peer is asked whether it is still there.
    pub ping_after: Duration,
    /// How long it has to answer that.
    pub ping_answer: Duration,
    /// When a connection is told to end, however busy it is; `None` is never.
    pub age: Option<Duration>,
    /// How long requests may go on after that; `None` is until they are done.
    pub age_grace: Option<Duration>,
}

impl Connections {
    /// What a receiver grants where the config says nothing. Idle connections stay longer than the minute in which metrics are
    /// sent; peers that have gone are found in less than half a minute.
    pub const OF_RECEIVERS: Self = Connections {
        most: 4096,
        streams: 256,
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(180),
        ping_after: Duration::from_secs(10),
        ping_answer: Duration::from_secs(15),
        age: None,
        age_grace: None,
    };

    /// What the ports for health and metrics grant: a few browsers and scrapers.
    pub const OF_ADMIN: Self = Connections { most: 256, ..Connections::OF_RECEIVERS };
}

/// How much of the machine's memory pricetag may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLimit {
    /// All of it together.
    pub limit: Share,
    /// What may come between two looks: above the limit less this, requests are refused. `None` is a fifth of the limit.
    pub spike: Option<Share>,
    /// How old a look at what is in use may be.
    pub check_interval: Duration,
}

/// Bytes, or a part of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many bytes.
    Bytes(usize),
    /// So many percent of what the machine, or the container, has.
    Percent(u32),
}

impl Default for MemoryLimit {
    fn default() -> Self {
        MemoryLimit { limit: Share::Percent(75), spike: None, check_interval: Duration::from_millis(500) }
    }
}
