//! Names of models, kept while a call of an open trace has them: a call or an agent that names no model may turn out to
//! have used that of another span, long after the request with that name has gone.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::genai::call::{Call, UNNUMBERED};

/// Longer names, all four together, are no model's that anybody prices.
const MAX_BYTES: usize = 1024;
/// Names without a call that are kept in any case: the next call of a service has them again.
const IDLE: usize = 64;

/// What a call says about its model. Empty: not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Who was asked.
    pub provider: Box<[u8]>,
    /// The host that was asked.
    pub host: Box<[u8]>,
    /// The model asked for.
    pub asked: Box<[u8]>,
    /// The model that answered.
    pub served: Box<[u8]>,
}

impl Names {
    /// The names that a call says.
    pub fn of(call: &Call<'_>) -> Self {
        let [provider, host, asked, served] =
            [call.provider, call.host, call.model_asked, call.model_served].map(|name| name.0.into());
        Names { provider, host, asked, served }
    }

    /// Bytes of the names.
    pub(super) fn len(&self) -> usize {
        self.provider.len() + self.host.len() + self.asked.len() + self.served.len()
    }

    /// A call that names no model, as one of this model. It stays with the provider and the host that it names.
    pub fn lend<'a>(&'a self, call: &mut Call<'a>) {
        if !call.model().is_empty() {
            return;
        }
        call.names = UNNUMBERED;
        (call.model_asked.0, call.model_served.0) = (&self.asked, &self.served);
        if call.provider.is_empty() {
            call.provider.0 = &self.provider;
            if call.host.is_empty() {
                call.host.0 = &self.host;
            }
        }
    }
}

#[derive(Debug)]
struct Kept {
    hash: u64,
    calls: u32,
    names: Arc<Names>,
}

/// The names of a shard, by their hash.
#[derive(Debug, Default)]
pub(super) struct KnownNames {
    by_hash: HashTable<Kept>,
    idle: usize,
    bytes: usize,
}

impl KnownNames {
    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, hash: u64) -> Option<&Arc<Names>> {
        Some(&self.by_hash.find(hash, |kept| kept.hash == hash)?.names)
    }

    /// One more call has these names.
    pub(super) fn hold(&mut self, hash: u64, names: impl FnOnce() -> Names) {
        if let Some(kept) = self.by_hash.find_mut(hash, |kept| kept.hash == hash) {
            self.idle -= usize::from(kept.calls == 0);
            kept.calls += 1;
            return;
        }
        let names = names();
        let names = if names.len() > MAX_BYTES { Names::default() } else { names };
        self.bytes += cost(&names);
        self.by_hash.insert_unique(hash, Kept { hash, calls: 1, names: Arc::new(names) }, |kept| kept.hash);
    }

    /// One call fewer has them.
    pub(super) fn release(&mut self, hash: u64) {
        let Some(kept) = self.by_hash.find_mut(hash, |kept| kept.hash == hash) else { return };
        kept.calls -= 1;
        self.idle += usize::from(kept.calls == 0);
        if self.idle > IDLE && self.idle > self.by_hash.len() / 2 {
            self.by_hash.retain(|kept| kept.calls > 0);
            self.idle = 0;
            self.bytes = self.by_hash.iter().map(|kept| cost(&kept.names)).sum();
        }
    }
}

fn cost(names: &Names) -> usize {
    names.len() + 2 * (size_of::<Kept>() + size_of::<Names>())
}
