//! From the tree to the raw types, with every error and its place.
//!
//! serde stops at the first error. `read` writes that one down, takes what it blames out of the tree
//! and goes on without it; all raw fields are optional, so what is left still reads.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::error::{Problem, Report, did_you_mean};
use super::path::{Mark, Path, Step};
use super::scalar::{Typed, boolean, typed};
use super::tree::{Entry, Kind, Node};

/// Reads what can be read of the tree and reports the rest. A problem is taken out of `tree`.
pub(crate) fn read<T: for<'de> Deserialize<'de> + Default>(tree: &mut Node, report: &mut Report) -> T {
    loop {
        match T::deserialize(Reader(tree)) {
            Ok(raw) => return raw,
            Err(error) => {
                let steps: Vec<Step> = error.steps.into_iter().rev().collect();
                let removed = tree.remove(&steps);
                report.add(Problem {
                    mark: error.mark,
                    path: Path(steps),
                    message: error.message,
                    remedy: error.remedy,
                });
                if !removed {
                    return T::default();
                }
            }
        }
    }
}

/// What a deserializer found wrong, and where; the steps are collected from the inside out.
#[derive(Debug)]
pub(crate) struct Error {
    message: String,
    remedy: Option<String>,
    mark: Option<Mark>,
    steps: Vec<Step>,
}

impl Error {
    fn new(message: String, remedy: Option<String>) -> Self {
        Error { message, remedy, mark: None, steps: Vec::new() }
    }

    /// The innermost place is the one to blame.
    fn at(mut self, mark: Mark) -> Self {
        self.mark.get_or_insert(mark);
        self
    }

    fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    /// A message of our own types; `; ` parts it from its remedy.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.rsplit_once("; ") {
            Some((message, remedy)) => Error::new(message.to_owned(), Some(remedy.to_owned())),
            None => Error::new(text, None),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Error::new("unknown key".to_owned(), Some(did_you_mean(field, expected.iter().copied())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Error::new(
            format!("{variant:?} is not one of the values"),
            Some(did_you_mean(variant, expected.iter().copied())),
        )
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Never the text itself: it may be a secret out of the environment.
        let found = match found {
            Unexpected::Str(_) => "text".to_owned(),
            Unexpected::Unit => "nothing".to_owned(),
            Unexpected::Bool(value) => value.to_string(),
            Unexpected::Unsigned(value) => value.to_string(),
            Unexpected::Signed(value) => value.to_string(),
            Unexpected::Float(value) => value.to_string(),
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            other => other.to_string(),
        };
        let expected = match expected.to_string().as_str() {
            "u16" => "a whole number from 0 to 65535".to_owned(),
            "u32" => "a whole number from 0 to 4294967295".to_owned(),
            "u64" => "a whole number, 0 or more".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a string" => "text".to_owned(),
            "a sequence" => "a list".to_owned(),
            "a map" => "a mapping".to_owned(),
            structure if structure.starts_with("struct ") => "a mapping".to_owned(),
            other => other.to_owned(),
        };
        let remedy = format!("write {expected} here, or remove the key to have the default");
        Error::new(format!("expected {expected}, found {found}"), Some(remedy))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

/// A node being read.
struct Reader<'a>(&'a Node);

impl Reader<'_> {
    fn wrong(&self, expected: &dyn Expected) -> Error {
        let found = match &self.0.kind {
            Kind::Map(_) => Unexpected::Map,
            Kind::Seq(_) => Unexpected::Seq,
            Kind::Scalar { text, plain: false } => Unexpected::Str(text),
            Kind::Scalar { text, plain: true } => match typed(text) {
                Typed::Null => Unexpected::Unit,
                Typed::Bool(value) => Unexpected::Bool(value),
                Typed::Unsigned(value) => Unexpected::Unsigned(value),
                Typed::Signed(value) => Unexpected::Signed(value),
                Typed::Float(value) => Unexpected::Float(value),
                Typed::Text(text) => Unexpected::Str(text),
            },
        };
        de::Error::invalid_type(found, expected)
    }

    fn any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
            Kind::Seq(elements) => visitor.visit_seq(Elements { elements: elements.iter().enumerate() }),
            Kind::Scalar { text, plain: false } => visitor.visit_str(text),
            Kind::Scalar { text, plain: true } => match typed(text) {
                Typed::Null => visitor.visit_unit(),
                Typed::Bool(value) => visitor.visit_bool(value),
                Typed::Unsigned(value) => visitor.visit_u64(value),
                Typed::Signed(value) => visitor.visit_i64(value),
                Typed::Float(value) => visitor.visit_f64(value),
                Typed::Text(text) => visitor.visit_str(text),
            },
        }
    }

    fn plain(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    fn place<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| error.at(self.0.mark))
    }
}

/// The methods that ask for a whole number: `1e3` is one too.
macro_rules! whole_numbers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let result = match self.plain().map(typed) {
                // In f64, whole numbers are exact up to 2^53.
                Some(Typed::Float(value)) if value.fract() == 0.0 && (0.0..=9e15).contains(&value) => {
                    visitor.visit_u64(value as u64)
                }
                _ => self.any(visitor),
            };
            self.place(result)
        }
    )* };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.place(self.any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match self.plain().and_then(boolean) {
            Some(value) => visitor.visit_bool(value),
            None => self.any(visitor),
        };
        self.place(result)
    }

    /// Where text is asked for, a plain `8` or `true` is that text.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.0.kind {
            Kind::Scalar { text, .. } if !self.0.is_null() => visitor.visit_str(text),
            _ => Err(self.wrong(&visitor)),
        };
        self.place(result)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(Reader(self.0)) };
        self.place(result)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = visitor.visit_newtype_struct(Reader(self.0));
        self.place(result)
    }

    /// A key with nothing after it, as in `grpc:`, is a mapping of defaults.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.0.kind {
            Kind::Map(_) => self.any(visitor),
            _ if self.0.is_null() => visitor.visit_map(Entries { entries: [].iter(), value: None }),
            _ => Err(self.wrong(&visitor)),
        };
        self.place(result)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.0.kind {
            Kind::Seq(_) => self.any(visitor),
            _ if self.0.is_null() => visitor.visit_seq(Elements { elements: [].iter().enumerate() }),
            _ => Err(self.wrong(&visitor)),
        };
        self.place(result)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match &self.0.kind {
            // As in the Collector, `INFO` is `info`.
            Kind::Scalar { text, .. } => {
                let known = words.iter().copied().find(|word| word.eq_ignore_ascii_case(text));
                visitor.visit_enum(Word(known.unwrap_or(text)))
            }
            _ => Err(self.wrong(&"a word")),
        };
        self.place(result)
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The word of an enum without data.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let word: de::value::StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        Err(de::Error::custom("expected a word without a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("expected a word without a value"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("expected a word without a value"))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(entry);
        let key: de::value::StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
        let read = seed.deserialize(key);
        read.map(Some).map_err(|error| error.at(entry.key_mark).inside(Step::Key(entry.key.clone())))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(entry) = self.value.take() else { return Err(de::Error::custom("a value without a key")) };
        seed.deserialize(Reader(&entry.value)).map_err(|error| error.inside(Step::Key(entry.key.clone())))
    }
}

struct Elements<'a> {
    elements: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some((index, element)) = self.elements.next() else { return Ok(None) };
        seed.deserialize(Reader(element)).map(Some).map_err(|error| error.inside(Step::Index(index)))
    }
}
