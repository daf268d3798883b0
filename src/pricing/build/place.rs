//! Where in which layer something is said, without a word on the heap until something is wrong there.

use crate::yaml::path::Path;

/// A place in a layer: a step, and the place that it was taken from.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    layer: u8,
    before: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    /// No step: the file.
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The whole file of a layer.
    pub(super) const fn root(layer: u8) -> Self {
        Self { layer, before: None, step: Step::Root }
    }

    pub(super) const fn layer(&self) -> u8 {
        self.layer
    }

    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        Self { layer: self.layer, before: Some(self), step: Step::Key(key) }
    }

    pub(super) const fn index(&'a self, nth: usize) -> Self {
        Self { layer: self.layer, before: Some(self), step: Step::Index(nth) }
    }

    /// The same for a report.
    pub(super) fn path(&self) -> Path {
        let before = self.before.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Root => before,
            Step::Key(key) => before.key(key),
            Step::Index(nth) => before.index(nth),
        }
    }
}
