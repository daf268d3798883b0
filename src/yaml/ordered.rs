//! Maps in which order means something.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads a map as a list of few entries, in their order. A key that stands twice is a mistake.
pub(crate) fn in_order<'de, D, K, V>(deserializer: D) -> Result<Vec<(K, V)>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + PartialEq + Display,
    V: Deserialize<'de>,
{
    struct InOrder<K, V>(PhantomData<(K, V)>);
    impl<'de, K: Deserialize<'de> + PartialEq + Display, V: Deserialize<'de>> Visitor<'de> for InOrder<K, V> {
        type Value = Vec<(K, V)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<(K, V)>, A::Error> {
            let mut entries: Vec<(K, V)> = Vec::new();
            while let Some((key, value)) = map.next_entry()? {
                if entries.iter().any(|(known, _)| *known == key) {
                    return Err(A::Error::custom(format_args!("`{key}` stands twice; keep one")));
                }
                entries.push((key, value));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(InOrder(PhantomData))
}
