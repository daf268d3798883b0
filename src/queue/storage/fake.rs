//! A disk that can lose its power: what was not synced is there or not, sector by sector.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{Blob, Storage};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A disk. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Bytes>>>,
    /// As of the last sync of the folder.
    synced: BTreeMap<String, Arc<Mutex<Bytes>>>,
    /// It has lost its power: nothing works.
    dead: bool,
    /// Bytes that may still be written.
    room: Option<usize>,
    /// A file all of whose bytes can be read again as soon as something is replaced.
    heals: Option<String>,
}

/// The bytes of a file, those that are safe, and where others were written since.
#[derive(Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    safe: Vec<u8>,
    written: Vec<(usize, usize)>,
    /// What can not be read.
    lost: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Handle {
    disk: FakeDisk,
    bytes: Arc<Mutex<Bytes>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeDisk {
    /// The power is gone.
    pub(crate) fn cut(&self) {
        lock(&self.state).dead = true;
    }

    /// Only so many bytes fit; `None`: all do.
    pub(crate) fn set_room(&self, room: Option<usize>) {
        lock(&self.state).room = room;
    }

    /// The disk as it is found when the power is back.
    pub(crate) fn after(&self, seed: u64) -> FakeDisk {
        let mut random = StdRng::seed_from_u64(seed);
        let state = lock(&self.state);
        let mut files = BTreeMap::new();
        let names: std::collections::BTreeSet<&String> =
            state.files.keys().chain(state.synced.keys()).collect();
        for name in names {
            // What the folder said when it was synced, or what it said last.
            let of = if random.random_bool(0.5) { &state.files } else { &state.synced };
            if let Some(bytes) = of.get(name) {
                let safe = torn(&lock(bytes), &mut random);
                let bytes = Bytes { now: safe.clone(), safe, ..Bytes::default() };
                files.insert(name.clone(), Arc::new(Mutex::new(bytes)));
            }
        }
        let synced = files.clone();
        FakeDisk { state: Arc::new(Mutex::new(State { files, synced, ..State::default() })) }
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.state);
        if state.dead { Err(io::Error::other("no power")) } else { Ok(state) }
    }

    /// Changes a byte of a file.
    pub(crate) fn damage(&self, name: &str, at: usize, change: u8) {
        if let Some(bytes) = lock(&self.state).files.get(name) {
            let mut bytes = lock(bytes);
            let length = bytes.now.len();
            if let Some(byte) = bytes.now.get_mut(at % length.max(1)) {
                *byte ^= change;
            }
        }
    }

    /// Loses what is in these sectors of a file.
    pub(crate) fn lose(&self, name: &str, sectors: Range<usize>) {
        if let Some(bytes) = lock(&self.state).files.get(name) {
            lock(bytes).lost.push(sectors.start * SECTOR..sectors.end * SECTOR);
        }
    }

    /// What a file has lost is there again.
    pub(crate) fn heal(&self, name: &str) {
        if let Some(bytes) = lock(&self.state).files.get(name) {
            lock(bytes).lost.clear();
        }
    }

    /// The same, but not before something is replaced.
    pub(crate) fn heal_later(&self, name: &str) {
        lock(&self.state).heals = Some(name.to_owned());
    }

    /// Cuts a file off.
    pub(crate) fn truncate(&self, name: &str, at: usize) {
        if let Some(bytes) = lock(&self.state).files.get(name) {
            let mut bytes = lock(bytes);
            let length = bytes.now.len();
            bytes.now.truncate(at % length.max(1));
        }
    }
}

fn torn(bytes: &Bytes, random: &mut StdRng) -> Vec<u8> {
    let mut found = bytes.safe.clone();
    let chance = [0.0, 0.5, 0.9, 1.0][random.random_range(0..4)];
    for (from, to) in &bytes.written {
        let mut at = *from;
        while at < *to {
            let end = (at / SECTOR + 1) * SECTOR;
            let end = end.min(*to).min(bytes.now.len());
            if random.random_bool(chance) && at < end {
                if found.len() < end {
                    found.resize(end, 0);
                }
                found[at..end].copy_from_slice(&bytes.now[at..end]);
            }
            at = (at / SECTOR + 1) * SECTOR;
        }
    }
    found
}

impl Storage for FakeDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.alive()?.files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Blob>> {
        let mut state = self.alive()?;
        let bytes = Arc::<Mutex<Bytes>>::default();
        state.files.insert(name.to_owned(), Arc::clone(&bytes));
        Ok(Arc::new(Handle { disk: self.clone(), bytes }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Blob>> {
        let state = self.alive()?;
        let bytes = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Handle { disk: self.clone(), bytes: Arc::clone(bytes) }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        if state.room.is_some_and(|room| room < bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Some(healed) = state.heals.take().and_then(|name| state.files.get(&name)) {
            lock(healed).lost.clear();
        }
        let bytes = Bytes { now: bytes.to_vec(), safe: bytes.to_vec(), ..Bytes::default() };
        state.files.insert(name.to_owned(), Arc::new(Mutex::new(bytes)));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.alive()?;
        let removed = state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        if let Some(room) = &mut state.room {
            *room += lock(&removed).now.len();
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        state.synced = state.files.clone();
        Ok(())
    }
}

impl Blob for Handle {
    fn length(&self) -> io::Result<u64> {
        let _alive = self.disk.alive()?;
        Ok(lock(&self.bytes).now.len() as u64)
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let _alive = self.disk.alive()?;
        let bytes = lock(&self.bytes);
        let (from, to) = (offset as usize, offset as usize + buffer.len());
        if bytes.lost.iter().any(|lost| from < lost.end && lost.start < to) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let found = bytes.now.get(from..to).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.alive()?;
        let mut wanted = bytes.len();
        if let Some(room) = &mut state.room {
            wanted = wanted.min(*room);
            *room -= wanted;
        }
        let (from, to) = (offset as usize, offset as usize + wanted);
        let mut file = lock(&self.bytes);
        if file.now.len() < to {
            file.now.resize(to, 0);
        }
        file.now[from..to].copy_from_slice(&bytes[..wanted]);
        file.written.push((from, to));
        if wanted < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let _alive = self.disk.alive()?;
        let mut file = lock(&self.bytes);
        file.safe = file.now.clone();
        file.written.clear();
        Ok(())
    }
}
