//! How the format's own shapes are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::{Ordered, Rates};
use crate::genai::usage::Bucket;
use crate::pricing::rate::Rate;
use crate::yaml::error::did_you_mean;

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByBucket;
        impl<'de> Visitor<'de> for ByBucket {
            type Value = Rates;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rates by bucket, such as {input: 5, output: 30}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rates, A::Error> {
                let mut rates: Vec<(Bucket, Option<Rate>)> = Vec::new();
                while let Some((bucket, rate)) = map.next_entry()? {
                    if rates.iter().any(|(known, _)| *known == bucket) {
                        return Err(A::Error::custom(format_args!("`{bucket}` stands twice; keep one")));
                    }
                    rates.push((bucket, rate));
                }
                Ok(Rates(rates))
            }
        }
        deserializer.deserialize_map(ByBucket)
    }
}

impl<'de> Deserialize<'de> for Bucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Bucket;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a bucket")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Bucket, E> {
                Bucket::from_name(name).ok_or_else(|| {
                    let remedy = did_you_mean(name, Bucket::ALL.iter().map(|bucket| bucket.name()));
                    E::custom(format_args!("`{name}` is nothing that has a rate; {remedy}"))
                })
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map by id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(entry) = map.next_entry::<String, T>()? {
                    entries.push(entry);
                }
                let mut seen = hashbrown::HashSet::with_capacity(entries.len());
                if let Some((key, _)) = entries.iter().find(|(key, _)| !seen.insert(key.as_str())) {
                    return Err(A::Error::custom(format_args!("`{key}` stands twice; keep one")));
                }
                drop(seen);
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Reads one value or a list of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut many = Vec::new();
            while let Some(one) = list.next_element()? {
                many.push(one);
            }
            Ok(many)
        }
    }
    deserializer.deserialize_any(OneOrMany(PhantomData))
}
