//! What the log needs of a disk: files of a folder, written at a place, read at a place, and synced. Tests put a disk under it that
//! loses what was not synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of files.
pub trait Storage: Debug + Send + Sync {
    /// The names of all files, in no order.
    ///
    /// # Errors
    /// What the system says, here and below.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file, or empties the one of that name.
    ///
    /// # Errors
    /// As above.
    fn create(&self, name: &str) -> io::Result<Arc<dyn Blob>>;

    /// Opens a file.
    ///
    /// # Errors
    /// As above.
    fn open(&self, name: &str) -> io::Result<Arc<dyn Blob>>;

    /// Puts a file in the place of another of that name, or of none, so that after a power cut there is the one or the other.
    ///
    /// # Errors
    /// As above.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As above.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes what was made and removed survive a power cut.
    ///
    /// # Errors
    /// As above.
    fn sync(&self) -> io::Result<()>;
}

/// A file.
pub trait Blob: Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says, here and below.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from this offset on.
    ///
    /// # Errors
    /// As above; [`io::ErrorKind::UnexpectedEof`] where the file ends before.
    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes at this offset, over what is there or behind it.
    ///
    /// # Errors
    /// As above. Some of it may be written then.
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// As above. What was written since the last sync may be there or not, and has to be written again.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the system.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    is_looked_at: bool,
}

/// Telemetry may hold prompts: nobody else reads it.
const MODE: u32 = 0o600;

impl Folder {
    /// A folder, made if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Folder { path: path.to_owned(), is_looked_at: false })
    }

    /// A folder that somebody else may be using: what should be put into it is not, and nothing is removed.
    pub fn to_look_at(path: &Path) -> Self {
        Folder { path: path.to_owned(), is_looked_at: true }
    }
}

impl Storage for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Blob>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).read(true).write(true).mode(MODE);
        Ok(Arc::new(options.open(self.path.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Blob>> {
        Ok(Arc::new(File::open(self.path.join(name))?))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.is_looked_at {
            return Ok(());
        }
        let new = self.path.join(format!("{name}.new"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(MODE).open(&new)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(new, self.path.join(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.is_looked_at {
            return Ok(());
        }
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Blob for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
pub(crate) mod fake;

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a folder that somebody else uses is read, and what is read asks for a piece to be put aside and removed again.
    /// Guarantees: what is there stays as it is, and nothing comes.
    #[test]
    fn who_looks_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("damaged-1"), "theirs").unwrap();
        let folder = Folder::to_look_at(place.path());
        for name in ["damaged-1", "damaged-2"] {
            folder.replace(name, b"ours").unwrap();
            folder.remove(name).unwrap();
        }
        assert_eq!(folder.list().unwrap(), ["damaged-1"]);
        assert_eq!(fs::read(place.path().join("damaged-1")).unwrap(), b"theirs");
    }
}
