//! What attributes say of counts.

use super::super::counts::Counts;
use super::super::dialects::{BASE, Dialects};
use super::*;

/// Scenario: members of a document: words, absurd numbers, and better or worse keys that say the same count otherwise.
/// Guarantees: words say nothing; the preferred key of each count holds; what is absurd is named.
#[test]
fn the_preferred_key_of_a_count_holds() {
    let dialects = Dialects::new(&[], &[]);
    let read = |said: &[(Count, u8, &'static str, Scalar<'static>)]| {
        let mut mentions = Mentions::default();
        let mut reading = Reading::new(BASE, mentions.open());
        for (count, rank, key, value) in said {
            let ranked = Ranked { meaning: Meaning::Count(*count), rank: *rank, only: Ranked::ANY };
            reading.take_member(ranked, key.as_bytes(), *value, &mut mentions);
        }
        let mut known = Known::Nothing;
        reading.tell_usage(dialects.get(BASE), &mut known);
        match known {
            Known::Usage { usage, .. } => format!("{:?}", usage.iter().collect::<Vec<_>>()),
            Known::Nothing => "nothing".to_owned(),
            Known::Implausible(key) => key.to_owned(),
        }
    };
    let word = |word: &'static str| Scalar::String(word.into());
    let input = |rank, value| (Count::Input, rank, "in", value);
    let output = |rank, value| (Count::Output, rank, "out", value);
    assert_eq!(read(&[input(0, word("n/a")), input(1, Scalar::Bool(true))]), "nothing");
    assert_eq!(read(&[input(0, word("n/a")), output(0, word("7"))]), "[(Output, 7)]");
    assert_eq!(read(&[(Count::Total, 0, "all", Scalar::Int(-7)), input(0, Scalar::Int(7))]), "[(Input, 7)]");
    for absurd in [word("-7"), word("1e99"), Scalar::Double(0.5), Scalar::Int(-7)] {
        assert_eq!(read(&[output(0, Scalar::Int(7)), input(0, absurd)]), "in");
        assert_eq!(read(&[input(0, absurd), input(1, Scalar::Int(7))]), "in");
        assert_eq!(read(&[input(1, absurd), input(0, Scalar::Int(7))]), "[(Input, 7)]");
        assert_eq!(read(&[input(0, Scalar::Int(7)), input(1, absurd)]), "[(Input, 7)]");
        assert_eq!(read(&[output(0, absurd), input(1, absurd), input(0, Scalar::Int(7))]), "output");
    }
}

/// Guarantees: no count is forgotten on its way from a span, and no two go to one place.
#[test]
fn every_count_has_a_place_of_its_own() {
    let mut seen = vec![Counts::default()];
    for slot in Count::ALL {
        let mut said = [0; Count::COUNT];
        said[slot as usize] = 1;
        seen.push(counts(&said));
    }
    for (nth, one) in seen.iter().enumerate() {
        assert!(!seen[..nth].contains(one), "{:?}", Count::ALL[nth - 1]);
    }
}
