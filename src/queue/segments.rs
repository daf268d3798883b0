//! The files of the log. A segment is written from its beginning to its end and then never again; the last one is. Positions count
//! the bytes of all segments there ever were.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::storage::{Blob, Storage};
use super::stored::{self, Scanned, Stored};

/// What files of segments end in, and the folder of what is damaged begins with.
const SUFFIX: &str = ".log";
const DAMAGED: &str = "damaged-";
/// How a segment begins.
const MAGIC: [u8; 8] = *b"ptqueue\n";
/// The version of the format. One more where an older pricetag can not read what a newer one writes.
const VERSION: u32 = 1;
/// Bytes before the first record: magic, version, the log's id, the position of the first byte, checksum.
pub(super) const HEAD: u64 = 8 + 4 + 16 + 8 + 4;
/// A segment is full from so many bytes on: small enough to be given back soon, large enough that few are made.
pub(super) const FULL: u64 = 16 << 20;
/// Bytes that are read at once.
const READ: usize = 1 << 20;
/// Bytes that are read at once where a disk can not read more: it loses sectors, and systems read pages.
const PIECE: u64 = 4 << 10;
/// Bytes of damaged pieces that are kept for whoever wants to look.
const KEEP_DAMAGED: usize = 64 << 20;

/// Why the files of a log can not be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// What the system says.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another version wrote it.
    #[error(
        "{file} is of version {version}, and this pricetag knows version {VERSION}: run the one that wrote it until its queue is empty"
    )]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
}

#[derive(Clone, Debug)]
struct Segment {
    /// The position of its first byte, and behind its last one.
    base: u64,
    end: u64,
    blob: Arc<dyn Blob>,
}

impl Segment {
    fn first(&self) -> u64 {
        self.base + HEAD
    }
}

/// All segments.
#[derive(Debug)]
pub(super) struct Segments {
    storage: Arc<dyn Storage>,
    /// Which log this is: positions in another one mean nothing.
    pub(super) id: u128,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    segments: Vec<Segment>,
    /// Behind all segments there ever were.
    end: u64,
    /// Where pieces are that could not be read, and their bytes.
    damaged: BTreeSet<u64>,
    damaged_bytes: usize,
}

/// Records from a position on.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) records: Vec<Stored>,
    /// Where the next one may begin.
    pub(super) next: u64,
}

impl Segments {
    /// The segments in a folder; none in an empty one. Files that are none are left alone. Where no segment can tell which log it is of,
    /// `otherwise` may.
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        otherwise: impl FnOnce() -> Option<u128>,
    ) -> Result<Self, Unusable> {
        let mut names: Vec<String> = storage.list()?;
        names.retain(|name| name.strip_suffix(SUFFIX).is_some_and(|base| base.parse::<u64>().is_ok()));
        names.sort_unstable();
        let (mut list, mut id) = (List::default(), None);
        for name in names {
            let blob = storage.open(&name)?;
            let length = blob.length()?;
            let base: u64 = name[..name.len() - SUFFIX.len()].parse().unwrap_or_default();
            match read_head(&*blob, length, base)? {
                Ok(of) => id = id.or(Some(of)),
                Err(Some(version)) => return Err(Unusable::Version { file: name, version }),
                // Torn before anything was acknowledged, or damaged: then its records still tell who they are.
                Err(None) => {}
            }
            // Also one without records: what comes next must not stand where something stood.
            list.segments.push(Segment { base, end: base + length, blob });
            list.end = list.end.max(base + length);
        }
        let id = id.or_else(otherwise).unwrap_or_else(rand::random);
        Ok(Segments { storage, id, list: Mutex::new(list) })
    }

    /// The position behind all segments there ever were, damaged bytes at their ends included.
    pub(super) fn end(&self) -> u64 {
        self.list().end
    }

    /// Says that something stood before this position: what comes next stands behind it.
    pub(super) fn begin_behind(&self, position: u64) {
        let mut list = self.list();
        list.end = list.end.max(position);
    }

    /// The position where the first segment begins; the end where there is none.
    pub(super) fn begin(&self) -> u64 {
        let list = self.list();
        list.segments.first().map_or(list.end, |first| first.base)
    }

    /// The position of the first record there may be.
    pub(super) fn first(&self) -> u64 {
        self.list().segments.first().map_or(0, Segment::first)
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.list().segments.iter().map(|segment| segment.end - segment.base).sum()
    }

    /// Pieces that could not be read.
    pub(super) fn damaged(&self) -> u64 {
        self.list().damaged.len() as u64
    }

    /// Makes a segment behind all others; gives its file and the position of its first record.
    pub(super) fn create(&self) -> io::Result<(Arc<dyn Blob>, u64)> {
        let base = self.end();
        let blob = self.storage.create(&name(base))?;
        blob.write(&head(self.id, base), 0)?;
        blob.sync()?;
        self.storage.sync()?;
        let mut list = self.list();
        list.segments.retain(|segment| segment.base != base);
        list.segments.push(Segment { base, end: base + HEAD, blob: Arc::clone(&blob) });
        list.end = base + HEAD;
        Ok((blob, base + HEAD))
    }

    /// Says that the last segment has been written up to this position.
    pub(super) fn written(&self, end: u64) {
        let mut list = self.list();
        list.end = end;
        if let Some(last) = list.segments.last_mut() {
            last.end = end;
        }
    }

    /// The records from a position on, one at least if there is any before `until`. What is damaged is put aside and left out.
    pub(super) fn read(&self, from: u64, until: u64) -> io::Result<Chunk> {
        let Some(segment) = self.list().segments.iter().find(|segment| segment.end > from).cloned() else {
            return Ok(Chunk { records: Vec::new(), next: until.max(from) });
        };
        let mut at = from.max(segment.first());
        let (mut records, mut want) = (Vec::new(), READ);
        loop {
            let here = (segment.end.saturating_sub(at) as usize).min(want);
            let mut bytes = vec![0; here];
            let lost = read_around(&*segment.blob, &mut bytes, at - segment.base)?;
            let mut bytes = Bytes::from(bytes);
            let is_end = at + here as u64 >= segment.end;
            while !bytes.is_empty() {
                match stored::scan(&bytes, at, is_end) {
                    Scanned::Record(record) => {
                        bytes = bytes.slice((record.end - at) as usize..);
                        at = record.end;
                        records.push(*record);
                    }
                    Scanned::Damaged(length) => {
                        if !self.put_aside(&segment, at, &bytes[..length], lost.as_ref())? {
                            break;
                        }
                        bytes = bytes.slice(length..);
                        at += length as u64;
                    }
                    Scanned::Partial(length) if records.is_empty() => {
                        want = length.max(READ);
                        break;
                    }
                    Scanned::Partial(_) => return Ok(Chunk { records, next: at }),
                }
            }
            if !records.is_empty() || at >= segment.end {
                return Ok(Chunk { records, next: at });
            }
        }
    }

    /// Keeps a damaged piece for whoever wants to look, while there are not too many. Says whether it is damaged: if not, it is to be
    /// read again.
    ///
    /// # Errors
    /// Some of it was `lost` and it can not be kept: then it is the disk that does not work, and not a sector of it.
    fn put_aside(
        &self,
        segment: &Segment,
        position: u64,
        bytes: &[u8],
        lost: Option<&io::Error>,
    ) -> io::Result<bool> {
        let is_kept = {
            let list = self.list();
            if list.damaged.contains(&position) {
                return Ok(true);
            }
            list.damaged_bytes + bytes.len() <= KEEP_DAMAGED
        };
        let name = format!("{DAMAGED}{position:020}");
        match (if is_kept { self.storage.replace(&name, bytes) } else { Ok(()) }, lost) {
            (Err(_), Some(lost)) => return Err(io::Error::new(lost.kind(), lost.to_string())),
            (Err(error), None) => tracing::warn!("{name} can not be written: {error}"),
            (Ok(()), _) => {}
        }
        if lost.is_some() {
            // The disk works. When this was read it may have been gone as a whole: then it is there now.
            let mut again = vec![0; bytes.len()];
            read_around(&*segment.blob, &mut again, position - segment.base)?;
            if again != bytes {
                let _ = self.storage.remove(&name);
                return Ok(false);
            }
        }
        let why = lost.map_or_else(
            || "they were being written when pricetag ended, or are damaged".to_owned(),
            ToString::to_string,
        );
        tracing::error!("the queue on disk: {} bytes at {position} can not be read: {why}", bytes.len());
        let mut list = self.list();
        if list.damaged.insert(position) {
            list.damaged_bytes += bytes.len();
        }
        Ok(true)
    }

    /// Removes the segments of which `needed` says that nobody needs what is between these positions. The last one stays.
    pub(super) fn sweep(&self, needed: impl Fn(u64, u64) -> bool) -> io::Result<()> {
        let mut list = self.list();
        let last = list.segments.last().map(|last| last.base);
        let mut swept = Ok(());
        list.segments.retain(|segment| {
            if Some(segment.base) == last || needed(segment.first(), segment.end) {
                return true;
            }
            match self.storage.remove(&name(segment.base)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    swept = Err(error);
                    true
                }
                _ => false,
            }
        });
        swept
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(base: u64) -> String {
    format!("{base:020}{SUFFIX}")
}

fn head(id: u128, base: u64) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&id.to_le_bytes());
    head.extend_from_slice(&base.to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    head
}

/// Reads what can be read, with zeros for sectors that the disk has lost. What it says of them, if there are any.
///
/// # Errors
/// Anything but a lost sector.
pub(super) fn read_around(blob: &dyn Blob, bytes: &mut [u8], offset: u64) -> io::Result<Option<io::Error>> {
    /// The same number on all systems.
    const EIO: i32 = 5;
    let read = |bytes: &mut [u8], offset| match blob.read(bytes, offset) {
        Err(error) if error.raw_os_error() == Some(EIO) => Ok(Some(error)),
        read => read.map(|()| None),
    };
    let mut lost = None;
    if read(bytes, offset)?.is_some() {
        let mut at = 0;
        while at < bytes.len() {
            let here = offset + at as u64;
            let end = bytes.len().min(at + (PIECE - here % PIECE) as usize);
            if let Some(error) = read(&mut bytes[at..end], here)? {
                bytes[at..end].fill(0);
                lost = Some(error);
            }
            at = end;
        }
    }
    Ok(lost)
}

/// The id of the log that a segment belongs to; its version where that is another; `None`: it is damaged.
fn read_head(blob: &dyn Blob, length: u64, base: u64) -> io::Result<Result<u128, Option<u32>>> {
    let mut bytes = [0; HEAD as usize];
    if length < HEAD {
        return Ok(Err(None));
    }
    // A sector that can not be read is zeros.
    read_around(blob, &mut bytes, 0)?;
    if !bytes.starts_with(&MAGIC) {
        return Ok(Err(None));
    }
    let (fields, checksum) = bytes.split_at(HEAD as usize - 4);
    if crc32fast::hash(fields).to_le_bytes() != *checksum {
        return Ok(Err(None));
    }
    let version = u32::from_le_bytes(std::array::from_fn(|at| fields[8 + at]));
    if version != VERSION {
        return Ok(Err(Some(version)));
    }
    let of = u64::from_le_bytes(std::array::from_fn(|at| fields[28 + at]));
    let id = u128::from_le_bytes(std::array::from_fn(|at| fields[12 + at]));
    Ok((of == base).then_some(id).ok_or(None))
}
