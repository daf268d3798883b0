//! What has been spent below roots, agents and workflows, as known when their spans pass.

use super::arena::{NONE, Slot};
use super::chain::Calls;
use super::tree::Tree;
use super::{Facts, Verdict};

/// Spans below the agents of one request that are looked at: a hundred thousand agents nested in each other would cost their square.
pub(super) const MAX_BELOW: usize = 1 << 17;

/// Money and tokens of calls that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Money, as far as known.
    pub picodollars: i128,
    /// How many calls.
    pub calls: u64,
    /// How many of them cost nobody knows how much.
    pub unpriced: u64,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
}

impl Spent {
    /// Adds a call.
    pub(super) fn add(&mut self, facts: &Facts, price: Option<i128>) {
        self.picodollars = self.picodollars.saturating_add(price.unwrap_or(0));
        self.calls += 1;
        self.unpriced += u64::from(price.is_none());
        self.input = self.input.saturating_add(facts.input);
        self.output = self.output.saturating_add(facts.output);
    }
}

/// What a root or an agent gets to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// A root: everything that its trace has spent.
    pub trace: Option<Spent>,
    /// An agent or a workflow: what it spent itself, agents below it left out, and with them.
    pub agent: Option<[Spent; 2]>,
}

impl Slot for Spent {
    fn vacant() -> Self {
        Spent::default()
    }
}

/// What was spent at and below a span; `None`: more stands below it than `left`, from which is taken what was looked at.
pub(super) fn below(tree: &Tree, calls: &Calls, node: u32, left: &mut usize) -> Option<[Spent; 2]> {
    let [mut direct, mut inclusive] = [Spent::default(); 2];
    // Spans with whether an agent stands between.
    let mut open: smallvec::SmallVec<[(u32, bool); 32]> = smallvec::smallvec![(node, false)];
    while let Some((at, is_within)) = open.pop() {
        *left = left.checked_sub(1)?;
        let found = tree.node(at);
        let is_within = is_within || at != node && found.is_agent();
        if found.call != NONE {
            let call = &calls[found.call];
            if call.forwarded == Some(Verdict::Counts) {
                inclusive.add(&call.facts, call.price);
                if !is_within {
                    direct.add(&call.facts, call.price);
                }
            }
        }
        let mut child = found.first_child;
        while child != NONE {
            open.push((child, is_within));
            child = tree.node(child).next_sibling;
        }
    }
    Some([direct, inclusive])
}
