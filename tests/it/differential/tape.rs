//! A tape of bytes from which a test draws its choices.
//!
//! At its end it gives zeros, and zero is always the plainest choice: so cutting and zeroing the tape is all
//! that it takes to shrink whatever was built from it, and drawing costs next to nothing.

use proptest::prelude::*;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Reads choices.
#[derive(Debug)]
pub(crate) struct Tape<'a> {
    bytes: &'a [u8],
}

impl<'a> Tape<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Tape { bytes }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// A number below `limit`, which is at most 65,536.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let drawn = if limit <= 256 {
            usize::from(self.byte())
        } else {
            usize::from(self.byte()) << 8 | usize::from(self.byte())
        };
        drawn % limit
    }

    /// True in so many of a hundred cases; false on an empty tape.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        (255 - usize::from(self.byte())) * 100 < percent * 255 && !self.bytes.is_empty()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Puts a list in another order; an empty tape leaves it.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let back = self.below(end + 1);
            list.swap(end, end - back);
        }
    }
}

/// Runs a property on so many tapes, the same ones every time.
pub(crate) fn check(cases: u32, longest: usize, property: impl Fn(&[u8]) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    match runner.run(&Tapes { longest }, |tape| property(&tape)) {
        Ok(()) => {}
        // The tape itself tells nobody anything.
        Err(TestError::Fail(reason, tape)) => panic!("{reason}\n(a tape of {} bytes)", tape.len()),
        Err(error) => panic!("{error}"),
    }
}

#[derive(Debug)]
struct Tapes {
    longest: usize,
}

impl Strategy for Tapes {
    type Tree = TapeTree;
    type Value = Vec<u8>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let length = runner.rng().next_u32() as usize % (self.longest + 1);
        let mut tape = vec![0; length];
        runner.rng().fill_bytes(&mut tape);
        Ok(TapeTree { block: length.max(1), at: 0, zeroing: false, before: None, tape })
    }
}

/// Shrinks by cutting out blocks, then by zeroing them, each time in smaller blocks.
struct TapeTree {
    tape: Vec<u8>,
    before: Option<Vec<u8>>,
    block: usize,
    at: usize,
    zeroing: bool,
}

impl ValueTree for TapeTree {
    type Value = Vec<u8>;

    fn current(&self) -> Vec<u8> {
        self.tape.clone()
    }

    fn simplify(&mut self) -> bool {
        loop {
            if self.at >= self.tape.len() {
                match (self.block / 2, self.zeroing) {
                    (0, true) => return false,
                    (0, false) => {
                        self.zeroing = true;
                        self.block = self.tape.len().max(1);
                    }
                    (half, _) => self.block = half,
                }
                self.at = 0;
                if self.tape.is_empty() {
                    return false;
                }
            }
            let end = (self.at + self.block).min(self.tape.len());
            let before = self.tape.clone();
            if self.zeroing {
                self.tape[self.at..end].fill(0);
                self.at = end;
            } else {
                self.tape.drain(self.at..end);
            }
            if self.tape != before {
                self.before = Some(before);
                return true;
            }
        }
    }

    fn complicate(&mut self) -> bool {
        let Some(before) = self.before.take() else { return false };
        self.tape = before;
        if !self.zeroing {
            self.at += self.block;
        }
        true
    }
}
