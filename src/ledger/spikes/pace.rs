//! Few messages, whatever happens: if a thousand users spike at once, nobody reads a thousand lines.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

/// Messages in a [`MINUTE`].
pub const MOST: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// A line to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// A spike has begun; otherwise one has ended.
    pub is_firing: bool,
    /// What to say.
    pub line: String,
}

/// Posts what comes, until nothing more can come. The last message of a minute waits for its end and stands for all that came until then.
pub async fn pace(mut messages: Receiver<Message>, mut post: impl AsyncFnMut(String)) {
    let (mut began, mut posted) = (Instant::now(), 0);
    while let Some(first) = messages.recv().await {
        if began.elapsed() >= MINUTE {
            (began, posted) = (Instant::now(), 0);
        }
        let mut rest = Rest { fired: 0, resolved: 0 };
        if posted + 1 == MOST {
            while let Ok(Some(message)) = timeout_at(began + MINUTE, messages.recv()).await {
                rest.add(&message);
            }
            posted = 0;
            began = Instant::now();
        } else {
            posted += 1;
        }
        post(rest.after(first.line)).await;
    }
}

/// What is told in sum.
struct Rest {
    fired: usize,
    resolved: usize,
}

impl Rest {
    fn add(&mut self, message: &Message) {
        if message.is_firing {
            self.fired += 1;
        } else {
            self.resolved += 1;
        }
    }

    fn after(&self, line: String) -> String {
        match (self.fired, self.resolved) {
            (0, 0) => line,
            (fired, resolved) => format!("{line}\n… and {fired} more that began, {resolved} more that ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a thousand messages at once, then one a minute later.
    /// Guarantees: twenty lines in a minute, the last with the sum of what they leave out; then again one for each.
    #[tokio::test(start_paused = true)]
    async fn many_messages_are_few() {
        let (send, messages) = tokio::sync::mpsc::channel(1000);
        let posted = std::cell::RefCell::new(Vec::new());
        let start = Instant::now();
        let receiving =
            pace(messages, async |line: String| posted.borrow_mut().push((start.elapsed().as_secs(), line)));
        let sending = async {
            for n in 0..1000 {
                send.send(Message { is_firing: n % 10 > 0, line: format!("line {n}") }).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(90)).await;
            send.send(Message { is_firing: true, line: "late".to_owned() }).await.unwrap();
            drop(send);
        };
        tokio::join!(receiving, sending);
        let posted = posted.into_inner();
        assert_eq!(posted.len(), MOST + 1);
        assert_eq!(posted[0], (0, "line 0".to_owned()));
        assert_eq!(posted[18], (0, "line 18".to_owned()));
        let sum = "line 19\n… and 882 more that began, 98 more that ended";
        assert_eq!(posted[19], (60, sum.to_owned()));
        assert_eq!(posted[20], (90, "late".to_owned()));
    }
}
