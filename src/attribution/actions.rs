//! What actions are called: few names, whatever stands in the paths.

use std::borrow::Cow;

use crate::genai::pattern::Pattern;

/// The most names of actions where a config says nothing. Applications have some hundred routes at most.
pub const MAX_NAMES: usize = 1000;

/// How actions get their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionNames {
    /// Patterns, and the name for what they match; the first that matches holds.
    pub patterns: Vec<(Pattern, String)>,
    /// The most names that are told apart.
    pub max_names: usize,
}

impl Default for ActionNames {
    fn default() -> Self {
        ActionNames { patterns: Vec::new(), max_names: MAX_NAMES }
    }
}

impl ActionNames {
    /// The name that the config gives to what is called so.
    pub fn configured(&self, called: &str) -> Option<&str> {
        let found = self.patterns.iter().find(|(pattern, _)| pattern.matches(called.as_bytes()));
        found.map(|(_, name)| name.as_str())
    }

    /// The name of an action from what its root span is called. What looks like an id in a path is one: `GET /orders/8123` is
    /// `GET /orders/{id}`.
    pub fn name<'a>(&'a self, called: &'a str) -> Cow<'a, str> {
        if let Some(name) = self.configured(called) {
            return Cow::Borrowed(name);
        }
        let is_path = called.contains('/');
        let is_id = |word: &str| is_id(word, is_path);
        if !called.split(['/', ' ']).any(is_id) {
            return Cow::Borrowed(called);
        }
        let mut name = String::with_capacity(called.len());
        for part in called.split_inclusive(['/', ' ']) {
            let (word, end) = part.split_at(part.trim_end_matches(['/', ' ']).len());
            name.push_str(if is_id(word) { "{id}" } else { word });
            name.push_str(end);
        }
        Cow::Owned(name)
    }
}

/// Whether a word is an id: an address of mail, a UUID, a hash, and in a path also a number, or letters and digits mixed at length. In a
/// sentence these may be a step, or a model's name.
fn is_id(word: &str, is_path: bool) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = || word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_token = || word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    match word.len() {
        0 => false,
        // An address of mail, also as browsers write it.
        _ if word.contains('@') || word.contains("%40") => true,
        len if !is_path => len >= 16 && digits > 0 && is_hex(),
        len if digits == len => true,
        len if len >= 8 && digits > 0 && is_hex() => true,
        len => len >= 16 && digits >= 4 && is_token(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_paths_make_no_names() {
        let names = ActionNames::default();
        for (called, name) in [
            ("POST /v1/chat", "POST /v1/chat"),
            ("GET /orders/8123", "GET /orders/{id}"),
            ("GET /orders/8123/lines", "GET /orders/{id}/lines"),
            ("GET /u/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GET /u/{id}"),
            ("GET /c/66d1f0a2b7c84e1f", "GET /c/{id}"),
            ("GET /t/sess_9XkQ2z81LmP0aa", "GET /t/{id}"),
            ("GET /items/{item_id}", "GET /items/{item_id}"),
            ("GET /u/ann@example.com", "GET /u/{id}"),
            ("GET /u/ann%40example.com/x", "GET /u/{id}/x"),
            ("agent run", "agent run"),
            ("Chat with GPT 4", "Chat with GPT 4"),
            ("chat claude-sonnet-4-5-20250929", "chat claude-sonnet-4-5-20250929"),
            ("run 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "run {id}"),
            ("summarise document", "summarise document"),
            ("/api/v2/internationalization", "/api/v2/internationalization"),
            ("", ""),
        ] {
            assert_eq!(names.name(called), name);
        }
    }

    #[test]
    fn patterns_come_first() {
        let pattern = |pattern: &str, name: &str| (Pattern::new(pattern), name.to_owned());
        let patterns = vec![pattern("POST /v*/chat*", "chat"), pattern("GET /orders/1", "first")];
        let names = ActionNames { patterns, ..ActionNames::default() };
        assert_eq!(names.name("POST /v1/chat/completions"), "chat");
        assert_eq!(names.name("POST /v1/complete"), "POST /v1/complete");
        assert_eq!(names.name("GET /orders/1"), "first");
        assert_eq!(names.name("GET /orders/12"), "GET /orders/{id}");
    }
}
