//! `cargo bench --bench pricing`: what one call's price costs, with a name seen before and with a new one.
//!
//! Absolute times, the best of many rounds: what the machine can do when nobody disturbs it.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::time::Instant;

use pricetag::genai::usage::{Bucket, Usage};
use pricetag::pricing::{Catalog, Conditions, Resolver};

const ROUNDS: usize = 60;

/// Provider, host, and a model's name. `#` stands for a date that is new in each call.
type Names = (&'static str, &'static str, &'static str);

const SEEN: [Names; 4] = [
    ("openai", "api.openai.com", "gpt-5-mini-2025-08-07"),
    ("aws.bedrock", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("openrouter", "openrouter.ai", "openai/gpt-5.2"),
    ("openai", "api.openai.com", "nobody-knows-this"),
];

/// Names that resolve, each time under a new spelling: the last thing that matching tries.
const NEW: [Names; 5] = [
    ("openai", "api.openai.com", "gpt-5-mini-#"),
    ("azure.ai.openai", "", "azure/gpt-5-mini@#"),
    (
        "aws.bedrock",
        "",
        "arn:aws:bedrock:us-east-1:#:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    ("openrouter", "", "openrouter/openai/gpt-5.2-#:online"),
    ("", "", "openai/ft:gpt-4o-2024-08-06:acme::#"),
];

/// Names that nobody knows.
const UNKNOWN: [Names; 5] = [
    ("openai", "api.openai.com", "deployment-#"),
    ("azure.ai.openai", "x.openai.azure.com", "prod-gpt-5-eastus-#"),
    ("aws.bedrock", "", "arn:aws:bedrock:us-east-1:1:application-inference-profile/#"),
    ("some.provider.#", "llm.example.com", "llama-9-#-v1:0"),
    ("", "", "us-east-1/openrouter/openai/google/azure/models/gpt-9.9.9-x-#-latest-001:free:online"),
];

fn main() {
    let catalog = Catalog::embedded();
    let mut usage = Usage::default();
    for (bucket, tokens) in
        [(Bucket::Input, 476), (Bucket::CacheRead, 1024), (Bucket::Output, 150), (Bucket::Reasoning, 200)]
    {
        usage[bucket] = tokens;
    }
    let conditions = Conditions { end_unix_nano: 1_795_380_559_000_000_000, ..Conditions::default() };
    println!("resolve and receipt, nanoseconds a call: the best of {ROUNDS} rounds\n");

    println!("a name seen before");
    for names in SEEN {
        let mut resolver = Resolver::default();
        let wire = [names.0, names.1, names.2, ""].map(str::as_bytes);
        let time = best(1_000, |_| {
            let found = resolver.resolve(catalog, black_box(wire));
            black_box(catalog.receipt(&found, &conditions, &usage));
        });
        let looked_up = best(1_000, |_| {
            black_box(resolver.resolve(catalog, black_box(wire)));
        });
        println!("  {time:>6.0}  {}, {looked_up:.0} of it to resolve", names.2);
    }
    for (title, cases) in [("\na new name that resolves", NEW), ("\na new name that nobody knows", UNKNOWN)] {
        println!("{title}");
        for names in cases {
            let mut resolver = Resolver::default();
            let calls: Vec<[String; 3]> = (0..1_000)
                .map(|nth| [names.0, names.1, names.2].map(|name| name.replace('#', &date(nth))))
                .collect();
            let mut resolved = 0;
            let time = best(calls.len(), |nth| {
                if nth == 0 {
                    resolver = Resolver::default();
                }
                let [provider, host, model] = &calls[nth];
                let wire = [provider, host, model, ""].map(str::as_bytes);
                let found = resolver.resolve(catalog, black_box(wire));
                resolved += usize::from(found.model.is_some());
                black_box(catalog.receipt(&found, &conditions, &usage));
            });
            println!("  {time:>6.0}  {}", names.2);
            let all = resolved == calls.len() * ROUNDS;
            assert!(if title.contains("resolves") { all } else { resolved == 0 }, "{}", names.2);
        }
    }
}

/// One of 1,008 days, `20240101` the first.
fn date(nth: usize) -> String {
    format!("{}{:02}{:02}", 2024 + nth / 336, 1 + nth / 28 % 12, 1 + nth % 28)
}

/// Nanoseconds for one of `calls` calls, in the best round.
fn best(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(&mut call);
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .fold(f64::INFINITY, f64::min)
}
