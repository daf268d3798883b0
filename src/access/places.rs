//! How many connections a listener has at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

/// The places of a listener: who finds none is closed at once, counted, and said. One peer alone has half of them at most, so that
/// nobody else is kept out; this machine may have all.
#[derive(Debug)]
pub struct Places {
    name: &'static str,
    most: usize,
    taken: Mutex<Taken>,
    turned_away: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// The place of one connection; dropping it leaves it to another one.
#[derive(Debug)]
#[must_use]
pub struct Place {
    places: Arc<Places>,
    of: IpAddr,
}

impl Places {
    /// So many places; the name is for the log and for metrics.
    pub fn new(name: &'static str, most: usize) -> Self {
        Places { name, most, taken: Mutex::default(), turned_away: AtomicU64::new(0) }
    }

    /// What the listener is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Connections that there are.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    /// Connections for which there was no place.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// A place for a peer, if one is free.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let (name, most, of) = (self.name, self.most, whose(peer.ip()));
        let share = if of.is_loopback() { most } else { most.div_ceil(2) };
        let mut taken = self.lock();
        let theirs = taken.by_peer.get(&of).copied().unwrap_or(0);
        if taken.all < most && theirs < share {
            taken.all += 1;
            taken.by_peer.insert(of, theirs + 1);
            return Some(Place { places: Arc::clone(self), of });
        }
        let are_all = taken.all >= most;
        drop(taken);
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        match are_all {
            true => warn!("{name}: closed the connection of {peer}: there are {most}, which is the limit"),
            false => warn!("{name}: closed the connection of {peer}: it has {theirs}, half of the limit"),
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(theirs) = taken.by_peer.get_mut(&self.of) {
            *theirs -= 1;
            if *theirs == 0 {
                taken.by_peer.remove(&self.of);
            }
        }
    }
}

/// Whom an address belongs to: of IPv6 everybody has a whole network of 64 bits.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a peer takes what it gets, by IPv4 and IPv6, from any of its addresses; then another one; then this machine.
    /// Guarantees: it gets half, the other one is let in, this machine may have all; what is left is free again, and forgotten.
    #[test]
    fn nobody_has_more_than_half_alone() {
        let places = Arc::new(Places::new("test", 5));
        let take = |peer: &str| places.take(format!("{peer}:4000").parse().unwrap());
        for (peers, other) in [
            (["10.0.0.1", "[::ffff:10.0.0.1]", "10.0.0.1", "10.0.0.1"], "10.0.0.2"),
            (["[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]", "[2001:db8::4]"], "[2001:db8:1::1]"),
        ] {
            let mut held: Vec<Place> = peers.iter().filter_map(|peer| take(peer)).collect();
            assert_eq!(held.len(), 3);
            held.extend((0..3).filter_map(|_| take(other)));
            assert_eq!((held.len(), places.taken()), (5, 5));
            held.pop();
            held.extend(take(peers[0]));
            assert_eq!(places.taken(), 4, "its half is taken still");
        }
        assert_eq!((places.taken(), places.lock().by_peer.len()), (0, 0));
        let held: Vec<Place> = (0..9).filter_map(|_| take("127.0.0.1")).collect();
        assert_eq!((held.len(), places.turned_away()), (5, 2 * 3 + 4));
    }
}
