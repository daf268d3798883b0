//! Attributes that hold a whole document: JSON in a string, or the text that Python prints for a dictionary.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::keys::Ranked;
use crate::otlp::view::{Scalar, Text};

/// A longer text is content, not accounting; reading it would cost more than all the rest.
const MAX_BYTES: usize = 256 * 1024;
/// The longest Python text that is read: it has to be rewritten first.
const MAX_PYTHON_BYTES: usize = 16 * 1024;

/// Which members of a document say something, as a tree of names.
#[derive(Debug)]
pub(super) struct Document {
    /// The first is the document itself.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    members: Vec<(Box<str>, usize)>,
    says: Vec<Ranked>,
}

impl Document {
    pub(super) fn new() -> Self {
        Document { nodes: vec![Node::default()] }
    }

    /// Adds what the member at a path of names, with dots between them, says; the path `.` is the document itself.
    pub(super) fn insert(&mut self, path: &str, says: Ranked) {
        let mut at = 0;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            at = match self.member(at, name) {
                Some(member) => member,
                None => {
                    self.nodes.push(Node::default());
                    let new = self.nodes.len() - 1;
                    self.nodes[at].members.push((name.into(), new));
                    new
                }
            };
        }
        self.nodes[at].says.push(says);
    }

    fn member(&self, node: usize, name: &str) -> Option<usize> {
        self.nodes[node].members.iter().find(|(known, _)| **known == *name).map(|(_, index)| *index)
    }

    /// Says what stands in `text`: all of it, or what comes before a mistake, for texts are cut at limits. In a Python
    /// text only numbers are read.
    pub(super) fn read<'a>(&self, text: Text<'a>, mut say: impl FnMut(Ranked, Scalar<'a>)) {
        let text = text.0.trim_ascii_start();
        if text.len() > MAX_BYTES || !matches!(text.first(), Some(b'{' | b'"')) {
            return;
        }
        if text[1..].trim_ascii_start().first() == Some(&b'\'') {
            let Some(json) = json_of_python(text) else { return };
            self.json(&json, |ranked, scalar| {
                // A text would not outlive the rewritten document.
                match scalar {
                    Scalar::Int(int) => say(ranked, Scalar::Int(int)),
                    Scalar::Double(double) => say(ranked, Scalar::Double(double)),
                    _ => {}
                }
            });
        } else {
            self.json(text, say);
        }
    }

    fn json<'t>(&self, text: &'t [u8], mut say: impl FnMut(Ranked, Scalar<'t>)) {
        let mut json = serde_json::Deserializer::from_slice(text);
        // What was read before a mistake has been said.
        let _ = At { document: self, node: 0, say: &mut say }.deserialize(&mut json);
    }
}

/// A place in a document.
struct At<'d, S> {
    document: &'d Document,
    node: usize,
    say: &'d mut S,
}

impl<'de, S: FnMut(Ranked, Scalar<'de>)> At<'_, S> {
    fn says<E>(self, scalar: Scalar<'de>) -> Result<(), E> {
        for ranked in &self.document.nodes[self.node].says {
            (self.say)(*ranked, scalar);
        }
        Ok(())
    }
}

impl<'de, S: FnMut(Ranked, Scalar<'de>)> DeserializeSeed<'de> for At<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: FnMut(Ranked, Scalar<'de>)> Visitor<'de> for At<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key_seed(Member { document: self.document, node: self.node })? {
            match member {
                Some(node) => {
                    map.next_value_seed(At { document: self.document, node, say: &mut *self.say })?
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, bit: bool) -> Result<(), E> {
        self.says(Scalar::Bool(bit))
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<(), E> {
        self.says(Scalar::Int(int))
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<(), E> {
        self.says(i64::try_from(int).map_or(Scalar::Other, Scalar::Int))
    }

    fn visit_f64<E: Error>(self, double: f64) -> Result<(), E> {
        self.says(Scalar::Double(double))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.says(Scalar::String(Text(text.as_bytes())))
    }

    /// A text with escapes: no name or count has any.
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a member, as its node.
struct Member<'d> {
    document: &'d Document,
    node: usize,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Member<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.document.member(self.node, name))
    }
}

/// What Python prints for a dictionary of numbers, texts and dictionaries, as JSON.
fn json_of_python(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_PYTHON_BYTES {
        return None;
    }
    let mut json = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\'' | b'"' => {
                json.push(b'"');
                loop {
                    let (&inner, after) = rest.split_first()?;
                    rest = after;
                    match inner {
                        _ if inner == byte => break,
                        b'\\' => {
                            // No name that means something has an escape.
                            rest = rest.get(1..)?;
                            json.push(b'?');
                        }
                        b'"' | 0..0x20 => json.push(b'?'),
                        inner => json.push(inner),
                    }
                }
                json.push(b'"');
            }
            b'(' => json.push(b'['),
            b')' => json.push(b']'),
            byte => {
                let words: [(&[u8], &[u8]); 3] =
                    [(b"None", b"null"), (b"True", b"true"), (b"False", b"false")];
                let word =
                    words.iter().find(|(python, _)| byte == python[0] && rest.starts_with(&python[1..]));
                match word {
                    Some((python, word)) => {
                        json.extend_from_slice(word);
                        rest = &rest[python.len() - 1..];
                    }
                    None => json.push(byte),
                }
            }
        }
    }
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genai::meaning::{Count, Meaning, Name};

    fn read(text: &str) -> Vec<(Count, i64)> {
        let mut document = Document::new();
        for (path, count) in
            [("input", Count::Input), ("usage.cached", Count::CacheRead), ("usage.deep.er", Count::Reasoning)]
        {
            document.insert(path, Ranked { meaning: Meaning::Count(count), rank: 0, only: Ranked::ANY });
        }
        let mut said = Vec::new();
        document.read(text.into(), |ranked, scalar| {
            if let (Meaning::Count(count), Scalar::Int(int)) = (ranked.meaning, scalar) {
                said.push((count, int));
            }
        });
        said
    }

    #[test]
    fn members_say_what_their_paths_mean() {
        let all = [(Count::Input, 7), (Count::CacheRead, 3), (Count::Reasoning, 2)];
        assert_eq!(
            read(r#" {"input": 7, "usage": {"x": [1, {"cached": 9}], "cached": 3, "deep": {"er": 2}}}"#),
            all
        );
        let python = "{'input': 7, 'a': None, 'b': (True, 'it\\'s', \"it's \\\" {\"), 'usage': {'cached': 3, 'deep': {'er': 2}}}";
        assert_eq!(read(python), all);
    }

    /// Scenario: an instrumentation that writes every value as JSON, plain texts too.
    /// Guarantees: the text is read without its quotes, and a document in its place says nothing.
    #[test]
    fn a_document_may_be_one_text() {
        let mut document = Document::new();
        let meaning = Meaning::Name(Name::ModelServed);
        document.insert(".", Ranked { meaning, rank: 0, only: Ranked::ANY });
        let read = |text: &'static str| {
            let mut said = Vec::new();
            document.read(text.into(), |_, scalar| said.push(scalar.text().unwrap_or_default().0));
            said
        };
        assert_eq!(read("\"gpt-5\""), [b"gpt-5"]);
        for other in ["gpt-5", "\"gpt-5", "{\"model\": \"gpt-5\"}", ""] {
            assert!(read(other).is_empty(), "{other}");
        }
    }

    /// Scenario: texts that were cut, are no documents, or are nested beyond reason.
    /// Guarantees: what stands before the mistake is read, and nothing breaks.
    #[test]
    fn broken_documents_say_what_they_can() {
        assert_eq!(
            read(r#"{"input": 7, "usage": {"cached": 3, "de"#),
            [(Count::Input, 7), (Count::CacheRead, 3)]
        );
        assert_eq!(read("{'input': 7, 'usage': {'cached"), []);
        for text in [
            "",
            "7",
            "null",
            "input",
            "[]",
            "{",
            "{'",
            "{\"input\": \"7\\u0030\"}",
            &"{\"usage\":".repeat(9999),
        ] {
            assert_eq!(read(text), [], "{text:.20}");
        }
    }
}
