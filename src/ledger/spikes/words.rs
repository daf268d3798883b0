//! Spikes in words, for people.

use super::state::Change;
use super::{Spike, Watched};
use crate::pricing::Rounded;
use crate::text::{escaped, printable};
use crate::time::rfc3339;

/// The longest value in a message, in characters. Discord takes 2,000 for all of it.
const MAX_VALUE: usize = 100;
/// Breaks words that chats make something of, and is not seen.
const BREAK: char = '\u{200b}';

/// One line about a change, for the log and the event.
pub(super) fn line(watched: &Watched, change: &Change) -> String {
    sentence(&watched.by, &printable(&change.spike().value), change)
}

/// The same line for a chat.
pub(super) fn message(watched: &Watched, change: &Change) -> String {
    sentence(&watched.by, &inert(&change.spike().value), change)
}

fn sentence(by: &str, value: &str, change: &Change) -> String {
    let Spike { hour, cost, usual, .. } = change.spike();
    let (cost, from) = (Rounded(*cost), time(*hour));
    let much = format!("{:.1} times its usual hour of {}", change.spike().times(), Rounded(usual.hour()));
    match change {
        Change::Fired(_) => format!("{by} {value} has cost {cost} since {from}, {much}"),
        Change::Resolved(_) => {
            format!(
                "{by} {value} costs no more than it may again; its dearest hour, from {from}, cost {cost}, {much}"
            )
        }
    }
}

fn time(hour: u32) -> String {
    let time = rfc3339(hour);
    time.strip_suffix(":00Z").map_or_else(|| time.clone(), |time| format!("{} UTC", time.replace('T', " ")))
}

/// A stranger's word as a chat shows it and does nothing else. A span of code has no formatting, links or mentions in Slack, Mattermost,
/// Rocket.Chat and Discord; as some of them once looked for mentions in code all the same, and for URLs, these are broken besides. Slack
/// wants its own three marks as entities.
fn inert(value: &str) -> String {
    let value = value.trim();
    let mut out = String::from("`");
    let short = escaped(value, MAX_VALUE);
    let mut chars = short.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '`' => out.push('\''),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.extend(['@', BREAK]),
            ':' if chars.peek() == Some(&'/') => out.extend([':', BREAK]),
            c => out.push(c),
        }
    }
    match value.char_indices().nth(MAX_VALUE) {
        Some(_) => out.push_str("…`"),
        // Nothing between two marks is no code.
        None if value.is_empty() => out.push_str(" `"),
        None => out.push('`'),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::spikes::{Rule, Times, Usual};
    use crate::pricing::Picodollars;

    fn watched() -> Watched {
        let rule = Rule { times: Times::whole(5), above: Picodollars::ZERO, baseline: 1, warm_up: 1 };
        Watched::new("user", &[], rule)
    }

    fn spike(value: &str) -> Spike {
        let money = |dollars: &str| dollars.parse::<Picodollars>().unwrap();
        Spike {
            value: value.to_owned(),
            began: 498_710,
            hour: 498_710,
            cost: money("12.3456"),
            usual: Usual::of([(1, money("0.08")), (2, money("0.081235555"))]).unwrap(),
        }
    }

    #[test]
    fn a_change_is_one_line() {
        let spike = spike("<!here>\n& ann");
        let fired = line(&watched(), &Change::Fired(spike.clone()));
        assert_eq!(
            fired,
            "user <!here>\\n& ann has cost $12.35 since 2026-11-22 14:00 UTC, 153.1 times its usual hour of $0.081"
        );
        let resolved = line(&watched(), &Change::Resolved(spike));
        assert!(
            resolved.contains("dearest hour, from 2026-11-22 14:00 UTC, cost $12.35, 153.1 times"),
            "{resolved}"
        );
    }

    /// Scenario: users with names that call everybody, link, close the code, turn lines around, or are very long.
    /// Guarantees: a message shows them in one span of code on one line, where nothing is a mention, a URL or a mark of Slack's.
    #[test]
    fn names_call_nobody_and_link_nowhere() {
        let shown = |value: &str| {
            let message = message(&watched(), &Change::Fired(spike(value)));
            let (name, rest) = message.strip_prefix("user ").unwrap().split_once(" has cost $12.35").unwrap();
            assert!(!rest.contains('`') && !name.contains('\n'), "{message}");
            let inner = name.strip_prefix('`').unwrap().strip_suffix('`').unwrap();
            assert!(!inner.is_empty() && !inner.contains(['`', '<', '>']), "{message}");
            inner.to_owned()
        };
        for (value, expected) in [
            ("ann", "ann"),
            (" ", " "),
            ("@everyone", "@\u{200b}everyone"),
            ("@channel @here @all", "@\u{200b}channel @\u{200b}here @\u{200b}all"),
            ("<!channel> <@U1> a&b", "&lt;!channel&gt; &lt;@\u{200b}U1&gt; a&amp;b"),
            ("[x](http://evil)", "[x](http:\u{200b}//evil)"),
            ("` @here `", "' @\u{200b}here '"),
            ("tenant:7", "tenant:7"),
            ("a\nb\u{202e}c\u{7}", "a\\nb\\u202ec\\u0007"),
        ] {
            assert_eq!(shown(value), expected);
        }
        let long = shown(&"@".repeat(1_000_000));
        assert_eq!(long.chars().filter(|c| *c == '@').count(), MAX_VALUE);
        assert!(long.ends_with('…'));
    }
}
