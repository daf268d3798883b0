//! What goes on failing is said once, and once more when it is over: a line every second tells nothing new. What strangers, or a backend
//! that fails, can have said as often as they like is limited for all lines of the log in one place, [`Repeats`].

mod repeats;

pub use repeats::Repeats;

/// Whether something fails, as far as has been said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failing(bool);

impl Failing {
    /// Whether the last outcome was a failure.
    pub fn is_failing(self) -> bool {
        self.0
    }

    /// Whether this outcome is to be said: the first failure, and the first success after one.
    pub fn is_news<T, E>(&mut self, outcome: &Result<T, E>) -> bool {
        std::mem::replace(&mut self.0, outcome.is_err()) != self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_once_and_its_end_once() {
        let mut failing = Failing::default();
        let said = [true, false, false, true, true, false]
            .map(|works| failing.is_news(&if works { Ok(()) } else { Err(()) }));
        assert_eq!(said, [false, true, false, true, false, true]);
    }
}
