//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// Asks for as many as the system gives, as every program in Go does, the Collector included: by habit shells and service managers give 1024
/// until somebody asks, and connections of strangers would use up those of exporters and of the ledger.
pub(super) fn ask_for_all() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // macOS refuses more than it has, whatever it says that there may be: then it stays as it is.
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        debug!("open files stay limited to {current:?}: {error}");
    }
}
