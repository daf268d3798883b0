//! A log that nobody can flood: what is said again and again is counted instead, whoever says it, libraries included.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, error, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many lines of a kind may come at once: more than any list in the log that ends by itself.
const AT_ONCE: u32 = 100;
/// How often one more of the kind may come, and how often it is said how many were left out.
const PAUSE: Duration = Duration::from_secs(10);

/// Which lines are of a kind: those of one place in the source, and of one exporter where they name it.
type Kind = (Identifier, String);

/// The lines of the log by their kinds: the first are written, then one now and then; the others are counted. Those that somebody has
/// asked for, by a level below `info`, are written all.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    kinds: Arc<Mutex<HashMap<Kind, Repeat>>>,
}

#[derive(Debug)]
struct Repeat {
    /// When the next line would be due if there were one each [`PAUSE`].
    due: Instant,
    left_out: u64,
    /// The first one that was left out.
    like: String,
    level: Level,
}

impl Repeat {
    fn new(level: Level, now: Instant) -> Self {
        Repeat { due: now, left_out: 0, like: String::new(), level }
    }

    /// One more comes: how many were left out since that was said last, it among them. Zero: it may be written.
    fn turn(&mut self, now: Instant) -> u64 {
        self.due = self.due.max(now);
        if self.due - now <= PAUSE * (AT_ONCE - 1) {
            self.due += PAUSE;
            return 0;
        }
        self.left_out += 1;
        self.left_out
    }
}

impl Repeats {
    /// Says from now on, in a thread, how many lines were left out.
    pub fn keep_telling(&self) {
        let repeats = self.clone();
        let telling = move || loop {
            std::thread::sleep(PAUSE);
            repeats.tell();
        };
        // Without a thread they are told in the end.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(telling);
    }

    /// Says how many lines have been left out since this was said last.
    pub fn tell(&self) {
        // Saying it takes the same lock.
        let mut left_out = Vec::new();
        for ((_, exporter), kind) in &mut *self.kinds() {
            if kind.left_out > 0 {
                let exporter = (!exporter.is_empty()).then(|| exporter.clone());
                left_out.push((exporter, std::mem::replace(kind, Repeat::new(kind.level, kind.due))));
            }
        }
        for (exporter, Repeat { left_out, like, level, .. }) in left_out {
            let words = format!("{left_out} more lines were left out that are like this one: {like}");
            match level {
                Level::ERROR => error!(exporter, "{words}"),
                Level::WARN => warn!(exporter, "{words}"),
                _ => info!(exporter, "{words}"),
            }
        }
    }

    /// Whether a line may be written now.
    fn may_be_said(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || metadata.target() == module_path!() {
            return true;
        }
        // What is formatted may say something itself: not under the lock.
        let kind = (metadata.callsite(), text_of(event, "exporter"));
        let new = || Repeat::new(*metadata.level(), now);
        let left_out = self.kinds().entry(kind.clone()).or_insert_with(new).turn(now);
        if left_out == 1 {
            let like = text_of(event, "message");
            self.kinds().entry(kind).and_modify(|repeat| repeat.like = like);
        }
        left_out == 0
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Kind, Repeat>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.may_be_said(event, Instant::now())
    }
}

/// What an event says in a field; nothing where it has none of that name.
fn text_of(event: &Event<'_>, name: &'static str) -> String {
    struct Text(&'static str, String);
    impl Visit for Text {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.record_debug(field, &format_args!("{value}"));
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == self.0 {
                self.1 = format!("{value:?}");
            }
        }
    }
    let mut text = Text(name, String::new());
    event.record(&mut text);
    text.1
}

#[cfg(test)]
mod tests {
    use tracing::debug;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The lines that a log has.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let [exporter, message] = ["exporter", "message"].map(|name| text_of(event, name));
            self.0.lock().unwrap().push(format!("{exporter} {message}"));
        }
    }

    impl Lines {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    /// Scenario: a thousand lines of one kind, among them others; then they are counted.
    /// Guarantees: a hundred of each kind, each exporter's are a kind; all others are left out, counted, and said once.
    #[test]
    fn what_is_said_again_and_again_is_counted() {
        let (repeats, lines) = (Repeats::default(), Lines::default());
        let log = tracing_subscriber::registry().with(lines.clone()).with(repeats.clone());
        with_default(log, || {
            let down = |exporter: &str, nth: u32| warn!(exporter, "down: {nth}");
            for nth in 0..1000 {
                down("otlp/a", nth);
                debug!("asked for");
            }
            down("otlp/b", 0);
            info!("ready");
            let said = lines.take();
            let of = |start: &str| said.iter().filter(|line| line.starts_with(start)).count();
            assert_eq!((of("otlp/a down"), of("otlp/b down: 0"), of(" ready")), (100, 1, 1));
            assert_eq!((of(" asked for"), said.len()), (1000, 1102));
            repeats.tell();
            assert_eq!(
                lines.take(),
                ["otlp/a 900 more lines were left out that are like this one: down: 100"]
            );
            repeats.tell();
            assert_eq!(lines.take().len(), 0);
        });
    }

    /// Scenario: a flood of an hour, a thousand lines a second; an hour of silence; the flood again.
    /// Guarantees: after the first hundred there is one each ten seconds; after the silence a hundred may come again.
    #[test]
    fn a_flood_trickles() {
        let begin = Instant::now();
        let mut repeat = Repeat::new(Level::WARN, begin);
        let mut flood = |seconds: std::ops::Range<u64>| {
            let times = seconds.flat_map(|second| [begin + Duration::from_secs(second); 1000]);
            times.filter(|now| repeat.turn(*now) == 0).count()
        };
        assert_eq!(flood(0..3600), 100 + 359);
        assert_eq!(flood(7200..7210), 100);
    }
}
