//! Totals and parts, taken apart.

use super::*;
use crate::genai::usage::Group;

/// Scenario: the stand-in's Anthropic call, stated inclusively and exclusively (DIALECTS.md).
/// Guarantees: both give the same buckets.
#[test]
fn inclusive_and_exclusive_counts_meet() {
    let inclusive = Counts {
        input: Some(1500),
        output: Some(350),
        cache_read: Some(1024),
        cache_write: Some(300),
        cache_write_1h: Some(100),
        reasoning: Some(200),
        ..Counts::default()
    };
    let exclusive = Counts { input: Some(176), ..inclusive };
    let a = inclusive.disjoint(Means::default());
    let b = exclusive.disjoint(Means { input: InputMeans::WithoutCache, ..Means::default() });
    assert_eq!(a, b);
    assert!(!a.clamped);
    assert_eq!(a.usage[Bucket::Input], 176);
    assert_eq!(a.usage[Bucket::CacheRead], 1024);
    assert_eq!(a.usage[Bucket::CacheWrite], 200);
    assert_eq!(a.usage[Bucket::CacheWrite1h], 100);
    assert_eq!(a.usage[Bucket::Output], 150);
    assert_eq!(a.usage[Bucket::Reasoning], 200);
    assert_eq!(a.usage.input_tokens(), 1500);
    assert_eq!(a.usage.output_tokens(), 350);
}

/// Scenario: cache 60 + 50 of an input of 100 (PRICING.md).
/// Guarantees: clamped and flagged, the sum is the total, nothing is negative.
#[test]
fn parts_beyond_the_whole_are_clamped() {
    let counts =
        Counts { input: Some(100), cache_read: Some(60), cache_write: Some(50), ..Counts::default() };
    let Disjoint { usage, clamped } = counts.disjoint(Means::default());
    assert!(clamped);
    assert_eq!(usage.input_tokens(), 100);
    assert_eq!((usage[Bucket::CacheRead], usage[Bucket::CacheWrite]), (60, 40));
}

/// Guarantees: the runs that token sums add up are just the token buckets of their side.
#[test]
fn sums_cover_the_buckets_of_their_side() {
    for bucket in Bucket::ALL {
        let mut usage = Usage::default();
        usage[bucket] = 1;
        let input = bucket.is_tokens() && !matches!(bucket.group(), Group::Output);
        let output = bucket.is_tokens() && bucket.group() == Group::Output;
        assert_eq!(usage.input_tokens(), u64::from(input), "{bucket}");
        assert_eq!(usage.output_tokens(), u64::from(output), "{bucket}");
        assert_eq!(usage.cached_tokens(), u64::from(bucket.group() == Group::CacheRead), "{bucket}");
        assert_eq!(usage.cache_write_tokens(), u64::from(bucket.group() == Group::CacheWrite), "{bucket}");
    }
}

#[test]
fn names_are_unique_and_found() {
    for bucket in Bucket::ALL {
        assert_eq!(Bucket::from_name(bucket.name()), Some(bucket));
    }
}

/// Scenario: parts of a total that nobody said.
/// Guarantees: they count, and nothing is clamped.
#[test]
fn parts_without_their_whole_count() {
    let counts = Counts {
        input_audio: Some(1000),
        cache_read_audio: Some(400),
        input_video: Some(7),
        output_image: Some(5),
        ..Counts::default()
    };
    let Disjoint { usage, clamped } = counts.disjoint(Means::default());
    assert!(!clamped);
    assert_eq!((usage[Bucket::InputAudio], usage[Bucket::CacheReadAudio]), (600, 400));
    assert_eq!((usage[Bucket::InputVideo], usage[Bucket::OutputImage]), (7, 5));
    assert_eq!((usage.input_tokens(), usage.output_tokens()), (1007, 5));
}

/// Scenario: the stand-in's calls (DIALECTS.md) as instrumentations state them, right and wrong about what their totals hold.
/// Guarantees: what the numbers prove wins over what is claimed; what they do not prove leaves the claim.
#[test]
fn numbers_prove_what_totals_hold() {
    let inclusive = Counts {
        input: Some(1500),
        output: Some(350),
        cache_read: Some(1024),
        cache_write: Some(300),
        reasoning: Some(200),
        ..Counts::default()
    };
    let (with, without) = (InputMeans::WithCache, InputMeans::WithoutCache);
    let (within, beside) = (ReasoningMeans::InOutput, ReasoningMeans::BesideOutput);
    let exclusive = Counts { input: Some(176), ..inclusive };
    let separate = Counts { output: Some(150), ..inclusive };
    let means = |counts: Counts, input, reasoning| {
        let means = counts.means(Means { input, reasoning });
        (means.input, means.reasoning)
    };
    // Nothing is proved.
    assert_eq!(means(inclusive, with, within), (with, within));
    assert_eq!(means(inclusive, without, within), (without, within));
    assert_eq!(means(inclusive, with, beside), (with, beside));
    // A cache larger than the input; reasoning larger than the output.
    assert_eq!(means(exclusive, with, within), (without, within));
    assert_eq!(means(separate, with, within), (with, beside));
    // A total tells it even where the cache is small.
    let small = Counts { cache_read: Some(10), cache_write: Some(0), reasoning: Some(7), ..inclusive };
    let total = |total| Counts { total: Some(total), ..small };
    assert_eq!(means(total(1850), with, within), (with, within));
    assert_eq!(means(total(1860), with, within), (without, within));
    assert_eq!(means(total(1857), with, within), (with, beside));
    assert_eq!(means(total(1867), with, within), (without, beside));
    // Some add up what they report, whatever it holds: no proof against the claim.
    assert_eq!(means(total(1850), without, beside), (without, beside));
    // What was not cached is said by itself, alone or under another name.
    let uncached = Counts { input: None, input_uncached: Some(2000), ..inclusive };
    assert_eq!(means(uncached, with, within), (without, within));
    assert_eq!(means(Counts { input: Some(2000), ..uncached }, with, within), (without, within));
    assert_eq!(means(Counts { input: Some(3324), ..uncached }, with, within), (with, within));
    for counts in [inclusive, exclusive, Counts { input: None, input_uncached: Some(176), ..inclusive }] {
        let usage = counts.disjoint(counts.means(Means::default())).usage;
        assert_eq!((usage.input_tokens(), usage.output_tokens(), usage[Bucket::Input]), (1500, 350, 176));
    }
}

/// Scenario: the stand-in's OpenAI call in Langfuse's buckets, of which each token stands in one.
/// Guarantees: the rests are not taken for totals, and everything adds up to them.
#[test]
fn rests_stand_beside_the_parts() {
    let counts = Counts {
        input_rest: Some(356),
        cache_read: Some(1024),
        cache_write: Some(100),
        input_audio: Some(20),
        output_rest: Some(140),
        reasoning: Some(200),
        output_audio: Some(10),
        ..Counts::default()
    };
    for input in [InputMeans::WithCache, InputMeans::WithoutCache] {
        let Disjoint { usage, clamped } = counts.disjoint(Means { input, ..Means::default() });
        assert!(!clamped);
        assert_eq!((usage[Bucket::Input], usage[Bucket::InputAudio]), (356, 20));
        assert_eq!((usage[Bucket::Output], usage[Bucket::Reasoning]), (140, 200));
        assert_eq!((usage.input_tokens(), usage.output_tokens()), (1500, 350));
    }
}

/// Scenario: Gemini's counts as Spring AI hands them on: thoughts in the total only; and OpenAI's and Anthropic's there.
/// Guarantees: thoughts are what the total has besides, and where it has nothing there are none.
#[test]
fn thoughts_are_what_a_total_has_besides() {
    let counts = |input, output, total| Counts {
        input: Some(input),
        output: Some(output),
        total: Some(total),
        cache_read: Some(1024),
        ..Counts::default()
    };
    let beside = Means { reasoning: ReasoningMeans::BesideOutput, ..Means::default() };
    let read = |counts: Counts, claimed: Means| {
        let Disjoint { usage, clamped } = counts.disjoint(counts.means(claimed));
        assert!(!clamped);
        (usage[Bucket::Input], usage[Bucket::Output], usage[Bucket::Reasoning])
    };
    assert_eq!(read(counts(1500, 150, 1850), beside), (476, 150, 200));
    assert_eq!(read(counts(1500, 350, 1850), beside), (476, 350, 0));
    assert_eq!(
        read(counts(176, 350, 526), Means { input: InputMeans::WithoutCache, ..beside }),
        (176, 350, 0)
    );
    assert_eq!(read(counts(1500, 150, 1850), Means::default()), (476, 150, 0));
}

/// Scenario: all combinations of small usual counts, zero standing for "not said".
/// Guarantees: the quick way says what the long one does, or nothing; and it says something wherever nothing is odd.
#[test]
fn usual_counts_are_taken_apart_as_all_others() {
    const VALUES: [u64; 6] = [0, 1, 2, 3, 5, 8];
    let said = |value: u64| Some(value).filter(|value| *value > 0);
    let nth = |n: usize, place: u32| VALUES[n / VALUES.len().pow(place) % VALUES.len()];
    let mut quick = 0;
    for n in 0..VALUES.len().pow(6) {
        let [input, output, total, cache_read, cache_write, reasoning] =
            [0, 1, 2, 3, 4, 5].map(|p| nth(n, p));
        let usual = Usual { input, output, total, cache_read, cache_write, reasoning };
        let counts = Counts {
            input: said(input),
            output: said(output),
            total: said(total),
            cache_read: said(cache_read),
            cache_write: said(cache_write),
            reasoning: said(reasoning),
            ..Counts::default()
        };
        let is_plain = cache_read + cache_write <= input && reasoning <= output;
        let mut usage = Usage::NOTHING;
        let is_put = usual.put(&mut usage).is_some();
        assert_eq!(is_put, is_plain && (total == 0 || total == input + output), "{usual:?}");
        if is_put {
            quick += 1;
            let slow = counts.disjoint(counts.means(Means::default()));
            assert_eq!(slow, Disjoint { usage, clamped: false }, "{usual:?}");
        }
    }
    assert!(quick > 1_000, "{quick}");
}
