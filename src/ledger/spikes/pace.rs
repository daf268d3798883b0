//! Few messages, whatever happens: if a thousand users spike at once, nobody reads a thousand lines. At the end one says all that waits.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

/// Messages in a [`MINUTE`].
pub const MOST: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Characters of the lines that the last message takes: Discord takes 2,000, and how many there were is to be said as well.
const LONG: usize = 1800;

/// A line to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// A spike has begun; otherwise one has ended.
    pub is_firing: bool,
    /// What to say.
    pub line: String,
}

/// Messages as they may be posted.
#[derive(Debug)]
pub struct Paced {
    messages: Receiver<Message>,
    /// When the minute began, and how many went out in it.
    began: Instant,
    posted: usize,
}

/// What is to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// What to say.
    pub text: String,
    /// How many messages it stands for.
    pub messages: usize,
}

impl Paced {
    /// These messages.
    pub fn new(messages: Receiver<Message>) -> Self {
        Paced { messages, began: Instant::now(), posted: 0 }
    }

    /// Nothing more can come: what waits is all that there is.
    pub fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }

    /// What to post next, when it may be posted; `None` when nothing more can come. The last message of a minute waits for its end
    /// and stands for all that come until then. What waits when nothing more can come goes out at once, in one message.
    pub async fn next(&mut self) -> Option<Post> {
        let first = self.messages.recv().await?;
        if self.began.elapsed() >= MINUTE {
            (self.began, self.posted) = (Instant::now(), 0);
        }
        self.posted += 1;
        let (mut text, mut messages) = (first.line, 1);
        let mut rest = Rest { fired: 0, resolved: 0 };
        if self.posted >= MOST {
            while let Ok(Some(message)) = timeout_at(self.began + MINUTE, self.messages.recv()).await {
                rest.add(&message);
                messages += 1;
            }
        }
        if self.is_closed() {
            let mut length = text.chars().count();
            while let Ok(message) = self.messages.try_recv() {
                length += 1 + message.line.chars().count();
                if length > LONG {
                    rest.add(&message);
                } else {
                    text = text + "\n" + &message.line;
                }
                messages += 1;
            }
        }
        Some(Post { text: rest.after(text), messages })
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
        let (mut paced, mut posted, start) = (Paced::new(messages), Vec::new(), Instant::now());
        let receiving = async {
            while let Some(post) = paced.next().await {
                posted.push((start.elapsed().as_secs(), post.text));
            }
        };
        let sending = async {
            for n in 0..1000 {
                send.send(Message { is_firing: n % 10 > 0, line: format!("line {n}") }).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(90)).await;
            send.send(Message { is_firing: true, line: "late".to_owned() }).await.unwrap();
            drop(send);
        };
        tokio::join!(receiving, sending);
        assert_eq!(posted.len(), MOST + 1);
        assert_eq!(posted[0], (0, "line 0".to_owned()));
        assert_eq!(posted[18], (0, "line 18".to_owned()));
        let sum = "line 19\n… and 882 more that began, 98 more that ended";
        assert_eq!(posted[19], (60, sum.to_owned()));
        assert_eq!(posted[20], (90, "late".to_owned()));
    }

    /// Scenario: a thousand messages of which two were posted, and nobody who sends more.
    /// Guarantees: one message has as many lines as fit, and the number of the others; so does the one that waits for its minute.
    #[tokio::test(start_paused = true)]
    async fn what_waits_at_the_end_is_one_message() {
        for posted in [2, MOST - 1] {
            let (send, messages) = tokio::sync::mpsc::channel(1000);
            for n in 0..1000 {
                send.try_send(Message { is_firing: true, line: format!("line {n}") }).unwrap();
            }
            let mut paced = Paced::new(messages);
            for n in 0..posted {
                assert_eq!(paced.next().await, Some(Post { text: format!("line {n}"), messages: 1 }));
            }
            drop(send);
            let last = paced.next().await.unwrap();
            assert_eq!(last.messages, 1000 - posted);
            assert!(last.text.chars().count() <= 1900, "{}", last.text);
            let (lines, more) = last.text.rsplit_once("\n… and ").unwrap();
            let more: usize = more.split_once(' ').unwrap().0.parse().unwrap();
            assert_eq!(lines.lines().count() + more, 1000 - posted);
            assert!(lines.starts_with(&format!("line {posted}")), "{lines}");
            assert_eq!(paced.next().await, None);
        }
    }
}
