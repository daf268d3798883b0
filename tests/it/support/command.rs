//! Commands of the binary that end by themselves.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::AMPLE;
use super::process::BINARY;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `pricetag` with these arguments to its end.
pub(crate) fn pricetag(arguments: &[&str]) -> Ended {
    pricetag_with(arguments, &[], b"")
}

/// The same, with variables and standard input.
pub(crate) fn pricetag_with(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Ended {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .env_remove("RUST_LOG")
        // Nothing of a test is kept: there is no such folder.
        .env("XDG_STATE_HOME", "")
        .env_remove("HOME")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = input.to_vec();
    std::thread::spawn(move || stdin.write_all(&input));
    let err = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let out = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let deadline = Instant::now() + AMPLE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{arguments:?} does not end:\n{}", err.join().unwrap().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ended { code: status.code(), out: out.join().unwrap().unwrap(), err: err.join().unwrap().unwrap() }
}
