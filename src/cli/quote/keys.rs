//! Keys that pricetag does not know, and those that may be meant.

use serde::de::Error;

/// How many names are proposed.
const PROPOSED: usize = 3;

/// Words of the providers' APIs, and those that stand for them here.
const WORDS: [(&str, &str); 6] = [
    ("prompt", "input"),
    ("completion", "output"),
    ("candidates", "output"),
    ("cached", "cache_read"),
    ("creation", "write"),
    ("reasoning", "output_reasoning"),
];

/// The error for a key: the names that come near it, or all of them where there are few.
pub(super) fn unknown<'k, E: Error>(path: &str, key: &str, known: impl IntoIterator<Item = &'k str>) -> E {
    let known: Vec<&str> = known.into_iter().collect();
    let near = near(key, &known);
    match near.as_slice() {
        [] if known.len() < 12 => {
            E::custom(format_args!("{path}: unknown key; known are {}", known.join(", ")))
        }
        [] => E::custom(format_args!("{path}: unknown key; docs/pricing.md lists those that there are")),
        near => E::custom(format_args!("{path}: unknown key; did you mean {}?", near.join(" or "))),
    }
}

/// Slips of the pen; else the same thing under the name that an API gives it; else names that share a word.
fn near(key: &str, known: &[&str]) -> Vec<String> {
    let quoted = |name: &&&str| format!("{:?}", **name);
    if key.len() >= 64 {
        return Vec::new();
    }
    let slips = known.iter().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
    if let Some((_, name)) = slips.filter(|(slips, _)| *slips <= 2) {
        return vec![quoted(&name)];
    }
    let words = |name: &str| -> Vec<String> {
        let name = WORDS.iter().fold(name.to_lowercase(), |name, (theirs, ours)| name.replace(theirs, ours));
        name.split(['_', '.', '-']).filter(|word| *word != "tokens").map(str::to_owned).collect()
    };
    let said = words(key);
    let mut near: Vec<(usize, &&str)> = known
        .iter()
        .filter_map(|name| {
            let own: Vec<&str> = name.split('_').filter(|word| *word != "tokens").collect();
            let shared = own.iter().filter(|word| said.iter().any(|said| said == *word)).count();
            (shared > 0).then(|| (said.len() + own.len() - 2 * shared, name))
        })
        .collect();
    near.sort_by_key(|(apart, _)| *apart);
    near.iter().take(PROPOSED).map(|(_, name)| quoted(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn names_of_other_apis_find_theirs() {
        let known = [
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_reasoning_tokens",
        ];
        for (said, meant) in [
            ("inptu_tokens", "input_tokens"),
            ("prompt_tokens", "input_tokens"),
            ("completion_tokens", "output_tokens"),
            ("cached_tokens", "cache_read_tokens"),
            ("cache_creation_tokens", "cache_write_tokens"),
            ("reasoning_tokens", "output_reasoning_tokens"),
        ] {
            assert_eq!(near(said, &known).first(), Some(&format!("{meant:?}")), "{said}");
        }
        assert!(near("colour", &known).is_empty());
        assert!(near(&"x".repeat(100), &known).is_empty());
    }
}
