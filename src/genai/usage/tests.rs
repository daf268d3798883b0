//! Totals and parts, taken apart.

use super::*;

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
    let a = inclusive.disjoint(InputMeans::WithCache);
    let b = exclusive.disjoint(InputMeans::WithoutCache);
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
    let Disjoint { usage, clamped } = counts.disjoint(InputMeans::WithCache);
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
    let Disjoint { usage, clamped } = counts.disjoint(InputMeans::WithCache);
    assert!(!clamped);
    assert_eq!((usage[Bucket::InputAudio], usage[Bucket::CacheReadAudio]), (600, 400));
    assert_eq!((usage[Bucket::InputVideo], usage[Bucket::OutputImage]), (7, 5));
    assert_eq!((usage.input_tokens(), usage.output_tokens()), (1007, 5));
}
