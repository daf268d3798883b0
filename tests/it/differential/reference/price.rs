//! What a handful of models cost, by hand.

/// Tokens as a span tells them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    reasoning: u64,
    /// A part was larger than its whole.
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    Input,
    Read,
    Write,
    WriteHour,
    Output,
    Reasoning,
}

impl Counts {
    /// Input, output, cache read, cache written, of that for minutes, for an hour, reasoning.
    pub(crate) fn of([input, output, read, write, minutes, hour, reasoning]: [Option<u64>; 7]) -> Self {
        let (read, hour, reasoning) = (read.unwrap_or(0), hour.unwrap_or(0), reasoning.unwrap_or(0));
        let write = write.unwrap_or(minutes.unwrap_or(0) + hour);
        // A total that is smaller than its part does not hold it.
        let input = input.map(|input| if read + write > input { input + read + write } else { input });
        let output = output.map(|output| if reasoning > output { output + reasoning } else { output });
        let (input, output) = (input.unwrap_or(read + write), output.unwrap_or(reasoning));
        let cache_read = read.min(input);
        let cache_write = write.min(input - cache_read);
        let cache_write_1h = hour.min(cache_write);
        let cut = hour > cache_write;
        Counts { input, output, cache_read, cache_write, cache_write_1h, reasoning, cut }
    }

    pub(crate) fn totals(&self) -> [u64; 2] {
        [self.input, self.output]
    }

    pub(crate) fn buckets(&self) -> [(Bucket, u64); 6] {
        [
            (Bucket::Input, self.input - self.cache_read - self.cache_write),
            (Bucket::Read, self.cache_read),
            (Bucket::Write, self.cache_write - self.cache_write_1h),
            (Bucket::WriteHour, self.cache_write_1h),
            (Bucket::Output, self.output - self.reasoning),
            (Bucket::Reasoning, self.reasoning),
        ]
    }
}

/// Dollars for a million tokens: input, cache read, cache written, written for an hour, output.
type Rates = [&'static str; 5];

/// Model, its provider, rates, and rates for input beyond 200,000 tokens.
const PRICES: [Price; 7] = [
    ("gpt-4o", "openai", ["2.5", "1.25", "", "", "10"], None),
    ("gpt-4o-mini", "openai", ["0.15", "0.075", "", "", "0.6"], None),
    ("o3", "openai", ["2", "0.5", "", "", "8"], None),
    (
        "claude-sonnet-4-5",
        "anthropic",
        ["3", "0.3", "3.75", "6", "15"],
        Some(["6", "0.6", "7.5", "12", "22.5"]),
    ),
    ("gemini-2.5-pro", "gcp.gemini", ["1.25", "0.125", "", "", "10"], Some(["2.5", "0.25", "", "", "15"])),
    ("mistral-large", "mistral_ai", ["2", "", "", "", "6"], None),
    ("text-embedding-3-small", "openai", ["0.02", "", "", "", ""], None),
];

/// Dollars for a million tokens are so many picodollars for one.
fn picodollars_a_token(rate: &str) -> u128 {
    let (whole, part) = rate.split_once('.').unwrap_or((rate, ""));
    format!("{whole}{part:0<6}").parse().unwrap()
}

/// What a call costs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bill {
    pub(crate) status: &'static str,
    pub(crate) has_reason: bool,
    pub(crate) model: &'static str,
    pub(crate) total: Option<u128>,
    pub(crate) input: u128,
    pub(crate) output: u128,
    pub(crate) cache_read: u128,
    pub(crate) cache_write: u128,
}

impl Bill {
    pub(crate) fn unpriced(status: &'static str) -> Self {
        Bill { status, has_reason: true, ..Bill::default() }
    }
}

/// Who was asked for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) provider: &'a str,
    pub(crate) served: &'a str,
    pub(crate) asked: &'a str,
    pub(crate) tier: &'a str,
}

type Price = (&'static str, &'static str, Rates, Option<Rates>);

impl Names<'_> {
    fn provider_is_known(&self) -> bool {
        PRICES.iter().any(|(_, seller, ..)| *seller == self.provider)
    }

    fn find(&self, name: &str) -> Option<Price> {
        PRICES.into_iter().find(|(model, seller, ..)| {
            // Google resells Claude.
            let resold = self.provider == "gcp.gemini" && model.starts_with("claude");
            *model == name && (!self.provider_is_known() || self.provider == *seller || resold)
        })
    }

    /// The catalog's model; empty if there is none.
    pub(crate) fn model(&self) -> &'static str {
        self.find(self.served).or_else(|| self.find(self.asked)).map_or("", |(model, ..)| model)
    }
}

pub(crate) fn bill(names: Names<'_>, counts: &Counts) -> Bill {
    let Some((model, _, rates, beyond)) = names.find(names.served).or_else(|| names.find(names.asked)) else {
        let known = names.provider_is_known() || names.provider.is_empty();
        return Bill::unpriced(if known { "unknown_model" } else { "unknown_provider" });
    };
    let rates = beyond.filter(|_| counts.input > 200_000).unwrap_or(rates);
    let or = |rate: &'static str, other: &'static str| if rate.is_empty() { other } else { rate };
    let write = or(rates[2], rates[0]);
    let mut bill = Bill { model, ..Bill::default() };
    let (mut total, mut unpriced, mut priced) = (0, false, false);
    for (bucket, tokens) in counts.buckets().into_iter().filter(|(_, tokens)| *tokens > 0) {
        let (rate, part) = match bucket {
            Bucket::Input => (rates[0], &mut bill.input),
            Bucket::Read => (or(rates[1], rates[0]), &mut bill.cache_read),
            Bucket::Write => (write, &mut bill.cache_write),
            Bucket::WriteHour => (or(rates[3], write), &mut bill.cache_write),
            Bucket::Output | Bucket::Reasoning => (rates[4], &mut bill.output),
        };
        if rate.is_empty() {
            unpriced = true;
            continue;
        }
        priced = true;
        *part += u128::from(tokens) * picodollars_a_token(rate);
        total += u128::from(tokens) * picodollars_a_token(rate);
    }
    let other_tier = !matches!(names.tier, "" | "default" | "auto" | "standard");
    bill.has_reason = unpriced
        || counts.cut
        || other_tier
        || (!names.served.is_empty() && names.find(names.served).is_none());
    bill.status = match (unpriced, priced) {
        (true, false) => "unknown_model",
        (true, true) => "partial",
        (false, _) => "priced",
    };
    bill.total = priced.then_some(total);
    bill
}
