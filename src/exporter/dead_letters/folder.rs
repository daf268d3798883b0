//! The folder of dead letters: files, their list, and the limit of both.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Letter;

/// The list, beside the files.
const LIST: &str = "dead-letters.jsonl";
/// Telemetry may hold prompts: nobody else reads it.
const MODE: u32 = 0o600;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    bytes: u64,
    files: usize,
}

/// Enough to look into what goes wrong; more would be a second queue that nobody empties.
const BOUNDS: Bounds = Bounds { bytes: 256 << 20, files: 10_000 };

/// A letter that was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Where.
    pub(super) file: PathBuf,
    /// Items of older ones that had to go for it.
    pub(super) gone: u64,
}

/// The folder, and what is in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    bounds: Bounds,
    /// What the list tells, oldest first; nothing before it was read, and after a failure.
    letters: Option<VecDeque<Letter>>,
    /// Letters of this process, so that no two have one name.
    written: u64,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Folder { path: path.to_owned(), bounds: BOUNDS, letters: None, written: 0 }
    }

    /// Writes a letter, whose `file` becomes a name that no other has. The oldest go where it would be too much.
    pub(super) fn keep(&mut self, mut letter: Letter, body: &[u8]) -> io::Result<Kept> {
        if letter.bytes > self.bounds.bytes {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than all that is kept"));
        }
        let mut letters = match self.letters.take() {
            Some(letters) => letters,
            None => self.read()?,
        };
        let gone = self.make_room(&mut letters, letter.bytes)?;
        self.written += 1;
        letter.file = format!("{}-{}.pb", letter.file, self.written);
        let file = self.path.join(&letter.file);
        let mut line = serde_json::to_vec(&letter)?;
        line.push(b'\n');
        options().append(true).open(self.path.join(LIST))?.write_all(&line)?;
        let written =
            options().write(true).create_new(true).open(&file).and_then(|mut it| it.write_all(body));
        if written.is_err() {
            // Half of it is of no use.
            let _ = fs::remove_file(&file);
        } else {
            letters.push_back(letter);
        }
        self.letters = Some(letters);
        written.map(|()| Kept { file, gone })
    }

    /// What an earlier process has left, with a list that tells no more.
    fn read(&self) -> io::Result<VecDeque<Letter>> {
        fs::create_dir_all(&self.path)?;
        let letters = VecDeque::from(list(&self.path)?);
        self.rewrite(&letters)?;
        Ok(letters)
    }

    /// Removes the oldest until a tenth is free, where there is no room for so many bytes more: the list is not written anew for each. Gives
    /// how many items they have.
    fn make_room(&self, letters: &mut VecDeque<Letter>, more: u64) -> io::Result<u64> {
        let mut bytes = more + letters.iter().map(|letter| letter.bytes).sum::<u64>();
        if bytes <= self.bounds.bytes && letters.len() < self.bounds.files {
            return Ok(0);
        }
        let mut gone = 0;
        while bytes > self.bounds.bytes / 10 * 9 || letters.len() > self.bounds.files / 10 * 9 {
            let Some(oldest) = letters.pop_front() else { break };
            match fs::remove_file(self.path.join(&oldest.file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            bytes -= oldest.bytes;
            gone += oldest.items;
        }
        self.rewrite(letters)?;
        Ok(gone)
    }

    /// Puts a list in the place of the one that is there.
    fn rewrite(&self, letters: &VecDeque<Letter>) -> io::Result<()> {
        let mut lines = Vec::new();
        for letter in letters {
            serde_json::to_writer(&mut lines, letter)?;
            lines.push(b'\n');
        }
        let new = self.path.join(format!("{LIST}.new"));
        options().write(true).truncate(true).open(&new)?.write_all(&lines)?;
        fs::rename(new, self.path.join(LIST))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(MODE);
    options
}

/// The letters in a folder, oldest first; none where there is no such folder. Those whose file is gone are left out, and so is what is no
/// line of the list.
///
/// # Errors
/// The list is there and can not be read.
pub fn list(folder: &Path) -> io::Result<Vec<Letter>> {
    let text = match fs::read(folder.join(LIST)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    // A name is never a way out of the folder, whoever wrote the list.
    let is_there = |letter: &Letter| !letter.file.contains('/') && folder.join(&letter.file).is_file();
    Ok(lines.filter(is_there).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(bytes: usize) -> Letter {
        Letter {
            time: "2026-11-23T21:07:04.123Z".into(),
            exporter: "otlp/a".into(),
            signal: "traces".into(),
            items: 1,
            bytes: bytes as u64,
            why: "no".into(),
            file: "20261123T210704.123Z-otlp_a-traces".into(),
        }
    }

    fn files(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_string_lossy().ends_with(".pb")).count()
    }

    /// Scenario: more letters than are kept, by number and by bytes.
    /// Guarantees: the oldest go, and are counted; list and files tell the same; what is larger than all is refused.
    #[test]
    fn the_oldest_go() {
        for bounds in [Bounds { bytes: 1_000, files: 1_000 }, Bounds { bytes: 1_000_000, files: 10 }] {
            let place = tempfile::tempdir().unwrap();
            let mut folder = Folder { bounds, ..Folder::new(&place.path().join("dead-letters")) };
            let mut gone = 0;
            for nth in 0..35 {
                let kept = folder.keep(letter(100), &[nth; 100]).unwrap();
                gone += kept.gone;
                assert_eq!(fs::read(kept.file).unwrap(), [nth; 100]);
                let listed = list(&folder.path).unwrap();
                assert_eq!(listed.len() as u64 + gone, u64::from(nth) + 1);
                assert!(listed.len() <= 10 && listed.len() == files(&folder.path));
            }
            assert!(folder.keep(letter(2_000_000), &[]).is_err());
        }
    }

    /// Scenario: a process ends after a line and before its file, or in a line; another goes on.
    /// Guarantees: what is whole is listed, before and after, and the next letter too.
    #[test]
    fn a_crash_leaves_what_is_whole() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(place.path());
        folder.keep(letter(3), b"one").unwrap();
        let lost = serde_json::to_string(&Letter { file: "gone.pb".into(), ..letter(9) }).unwrap();
        let out = serde_json::to_string(&Letter { file: "../out".into(), ..letter(9) }).unwrap();
        let mut file = options().append(true).open(place.path().join(LIST)).unwrap();
        write!(file, "{lost}\n{out}\n{{\"time\":\"20").unwrap();
        assert_eq!(list(place.path()).unwrap().len(), 1);
        let mut next = Folder::new(place.path());
        let later = Letter { file: "later".into(), ..letter(3) };
        next.keep(later, b"two").unwrap();
        let listed = list(place.path()).unwrap();
        assert_eq!(
            listed.iter().map(|it| it.file.as_str()).collect::<Vec<_>>(),
            ["20261123T210704.123Z-otlp_a-traces-1.pb", "later-1.pb"]
        );
    }

    /// Scenario: the folder can not be made, for a file stands there; then it can.
    /// Guarantees: an error, and no more than that.
    #[test]
    fn what_can_not_be_written_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("taken");
        fs::write(&path, "").unwrap();
        let mut folder = Folder::new(&path);
        assert!(folder.keep(letter(3), b"one").is_err());
        fs::remove_file(&path).unwrap();
        assert!(folder.keep(letter(3), b"one").is_ok());
    }
}
