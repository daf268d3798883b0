//! The shapes a model's name takes on its way to a span: routes before it, dates and revisions after it.
//!
//! Everything here only ever removes what is known to carry no meaning for the price. What is not known stays, and
//! the name is unknown: a variant is never taken for its base.

use smallvec::SmallVec;

use super::region::Region;

/// Longer names are no names.
pub(super) const MAX_NAME: usize = 512;

/// Words of routers and clouds that stand before a model's name, besides the providers' own names.
const ROUTES: [&str; 15] = [
    "azure_ai",
    "bedrock",
    "claude",
    "cohere_chat",
    "converse",
    "converse_like",
    "deepseek-ai",
    "gemini",
    "invoke",
    "litellm_proxy",
    "mistralai",
    "models",
    "text-completion-openai",
    "together_ai",
    "global-standard",
];

/// Bedrock's inference profile of all regions together; a variant, see `variant`.
pub(super) const GLOBAL: &str = "global.";

/// Bedrock's regional inference profiles. `global.` is none of them: it has a price of its own.
pub(super) const PROFILES: [&str; 9] = ["us-gov", "us", "eu", "apac", "jp", "au", "in", "ca", "sa"];

/// Bedrock's word for who made a model, where lists leave it out.
const MAKER: &str = "anthropic.";

/// A name with its routes taken off, one after the other: the whole name first.
pub(super) struct Peeled<'a> {
    /// The names, longest first.
    pub(super) names: SmallVec<[&'a str; 6]>,
    /// The first route that was taken off, if it has the shape of `provider/…`.
    pub(super) route: Option<&'a str>,
    /// The region that a route named.
    pub(super) region: Option<&'a str>,
}

/// Takes routes off `name`; `is_provider` knows the names of providers.
pub(super) fn peel<'a>(name: &'a str, is_provider: impl Fn(&str) -> bool) -> Peeled<'a> {
    let mut peeled = Peeled { names: SmallVec::new(), route: None, region: None };
    let mut rest = name;
    while !rest.is_empty() && peeled.names.len() < 8 {
        peeled.names.push(rest);
        rest = if let Some((region, tail)) = resource_tail(rest) {
            peeled.region = region.or(peeled.region);
            tail
        } else if let Some((route, tail)) = rest.split_once('/')
            && (is_provider(route) || ROUTES.contains(&route) || is_region(route))
        {
            if is_region(route) {
                peeled.region = Some(route);
            }
            peeled.route = peeled.route.or(Some(route));
            tail
        } else if let Some((route, tail)) = rest.split_once(':')
            && is_provider(route)
        {
            peeled.route = peeled.route.or(Some(route));
            tail
        } else if let Some((profile, tail)) = PROFILES
            .iter()
            .find_map(|profile| Some((*profile, rest.strip_prefix(profile)?.strip_prefix('.')?)))
        {
            peeled.region = Some(profile);
            tail
        } else if let Some(tail) = rest.strip_prefix(MAKER) {
            tail
        } else {
            break;
        };
    }
    peeled
}

/// Region and model of a full resource name: Vertex AI's `projects/…/publishers/…/models/X`, Bedrock's ARN of a
/// foundation model or of one of its own inference profiles. Customers' endpoints and profiles hide their model.
fn resource_tail(name: &str) -> Option<(Option<&str>, &str)> {
    if let Some(arn) = name.strip_prefix("arn:aws") {
        let (resource, tail) = arn.split_once('/')?;
        let own = resource.ends_with(":foundation-model") || resource.ends_with(":inference-profile");
        return own.then_some((resource.split(':').nth(2).filter(|region| is_region(region)), tail));
    }
    if let Some(account) = name.strip_prefix("accounts/fireworks/models/") {
        return Some((None, account));
    }
    let (location, publisher) = match name.strip_prefix("publishers/") {
        Some(publisher) => (None, publisher),
        None => {
            let (project, publisher) = name.strip_prefix("projects/")?.split_once("/publishers/")?;
            (project.split_once("/locations/").map(|(_, location)| location), publisher)
        }
    };
    publisher.split_once("/models/").map(|(_, model)| (location, model))
}

/// `us-east-1`, `us-gov-west-1`, and what Azure writes before deployments in data zones and everywhere.
pub(super) fn is_region(text: &str) -> bool {
    if matches!(text, "us" | "eu" | Region::GLOBAL) {
        return true;
    }
    let mut parts = text.split('-');
    let country = parts.next().is_some_and(|part| part.len() == 2);
    let number = text.rsplit('-').next().is_some_and(|part| matches!(part.as_bytes(), [b'0'..=b'9']));
    country && number && matches!(text.split('-').count(), 3 | 4)
}

/// The name with one explicit date or revision less, or `None` if it ends in none.
pub(super) fn strip_once(name: &str) -> Option<&str> {
    strip_revision(name)
        .or_else(|| strip_pointer(name))
        .or_else(|| strip_date(name))
        .filter(|rest| !rest.is_empty())
}

/// The name without a word that means "the current one".
pub(super) fn strip_pointer(name: &str) -> Option<&str> {
    ["@default", "@latest", "-latest"].into_iter().find_map(|pointer| name.strip_suffix(pointer))
}

/// Bedrock's `-v1:0`, `:0`, and `-v2` of a dated model; Vertex AI's `-001`, `@001`.
pub(super) fn strip_revision(name: &str) -> Option<&str> {
    if let Some((rest, revision)) = name.rsplit_once(':')
        && is_digits(revision, 1..=2)
    {
        return Some(rest);
    }
    if let Some((rest, version)) = name.rsplit_once("-v")
        && is_digits(version, 1..=2)
        // A date pins the model; without one, a second version is another model.
        && (version == "1" || split_full_date(rest).is_some())
    {
        return Some(rest);
    }
    let (rest, revision) = split_last(name)?;
    (is_digits(revision, 3..=3) && revision.starts_with("00")).then_some(rest)
}

/// `-2024-08-06`, `-20240806`, `@20240806`, `-preview-09-2026`, `-09-2026`, `-preview-05-20`, `-0806`, `-2609`.
fn strip_date(name: &str) -> Option<&str> {
    if let Some((rest, _)) = split_full_date(name) {
        return Some(rest);
    }
    let (rest, last) = name.rsplit_once('-')?;
    if let Some((rest, month)) = rest.rsplit_once('-')
        && is_month(month)
    {
        let (bare, preview) = match rest.strip_suffix("-preview") {
            Some(bare) => (bare, true),
            None => (rest, false),
        };
        if is_year(last) || (preview && is_day(last)) {
            return Some(bare);
        }
    }
    let (a, b) = last.split_at_checked(2)?;
    let month_day = is_month(a) && is_day(b);
    let year_month = matches!(two(a), Some(23..=39)) && is_month(b);
    (last.len() == 4 && (month_day || year_month)).then_some(rest)
}

/// Splits a full date off; gives it as eight digits.
fn split_full_date(name: &str) -> Option<(&str, [u8; 8])> {
    let bytes = name.as_bytes();
    for (len, digits) in [(10, [0, 1, 2, 3, 5, 6, 8, 9]), (8, [0, 1, 2, 3, 4, 5, 6, 7])] {
        let Some(at) = bytes.len().checked_sub(len).filter(|at| *at > 1) else { continue };
        let date = &bytes[at..];
        if !matches!(bytes[at - 1], b'-' | b'@') || (len == 10 && (date[4] != b'-' || date[7] != b'-')) {
            continue;
        }
        let compact = digits.map(|nth: usize| date[nth]);
        let text = str::from_utf8(&compact).unwrap_or_default();
        if is_digits(text, 8..=8) && is_year(&text[..4]) && is_month(&text[4..6]) && is_day(&text[6..]) {
            return Some((&name[..at - 1], compact));
        }
    }
    None
}

/// The name with its date written in the one way that names are compared in: `-20240806`.
pub(super) fn with_compact_date(name: &str) -> Option<String> {
    let (rest, date) = split_full_date(name)?;
    Some(format!("{rest}-{}", str::from_utf8(&date).ok()?))
}

/// The name with the points of its versions written as dashes: `claude-opus-4.5` as `claude-opus-4-5`.
pub(super) fn with_dashes(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let point = |at: usize| bytes[at] == b'.' && at > 0 && digit(at - 1) && digit(at + 1);
    (0..bytes.len())
        .any(point)
        .then(|| name.char_indices().map(|(at, char)| if point(at) { '-' } else { char }).collect())
}

/// At the last `-` or `@`.
fn split_last(name: &str) -> Option<(&str, &str)> {
    let at = name.rfind(['-', '@'])?;
    Some((&name[..at], &name[at + 1..]))
}

fn is_digits(text: &str, len: std::ops::RangeInclusive<usize>) -> bool {
    len.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn two(text: &str) -> Option<u32> {
    if is_digits(text, 2..=2) { text.parse().ok() } else { None }
}

fn is_year(text: &str) -> bool {
    is_digits(text, 4..=4) && text.starts_with("20")
}

fn is_month(text: &str) -> bool {
    matches!(two(text), Some(1..=12))
}

fn is_day(text: &str) -> bool {
    matches!(two(text), Some(1..=31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_revisions_come_off() {
        for (name, rest) in [
            ("gpt-4o-2024-08-06", Some("gpt-4o")),
            ("gpt-4o-20240806", Some("gpt-4o")),
            ("claude-opus-4-7@20260416", Some("claude-opus-4-7")),
            ("gemini-3-flash-preview-09-2026", Some("gemini-3-flash")),
            ("command-r-08-2024", Some("command-r")),
            ("grok-4.3-0915", Some("grok-4.3")),
            ("mistral-large-2609", Some("mistral-large")),
            ("gemini-3.6-flash-001", Some("gemini-3.6-flash")),
            ("amazon.nova-micro-v1:0", Some("amazon.nova-micro-v1")),
            ("claude-opus-4@default", Some("claude-opus-4")),
            ("gpt-4o-latest", Some("gpt-4o")),
            ("claude-3-5-sonnet-20241022-v2", Some("claude-3-5-sonnet-20241022")),
        ] {
            assert_eq!(strip_once(name), rest, "{name}");
        }
    }

    #[test]
    fn what_means_something_stays() {
        for name in [
            "gpt-5-mini",
            "qwen3:thinking",
            "x:free",
            "gpt-4o:online",
            "claude-sonnet-4-5[1m]",
            "claude-opus-4-5",
            "llama-3-70b",
            "gpt-4-9999",
            "ft:gpt-4o:acme::abc123",
            "gpt-5.ft-0123456789abcdef",
            "o1-preview",
            "2024-08-06",
            "model-v2",
            "flux-1024x1024",
        ] {
            assert_eq!(strip_once(name), None, "{name}");
        }
    }

    /// The last one said: a profile counts more than where it was called from.
    #[test]
    fn routes_name_regions() {
        for (name, region) in [
            ("azure/eu/gpt-5", Some("eu")),
            ("bedrock/us-east-1/amazon.nova-pro-v1:0", Some("us-east-1")),
            ("bedrock/us-east-1/eu.amazon.nova-pro-v1:0", Some("eu")),
            ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.x", Some("eu")),
            ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.x", Some("us-gov-west-1")),
            ("projects/p/locations/europe-west4/publishers/google/models/gemini-x", Some("europe-west4")),
            ("projects/p/locations/global/publishers/google/models/gemini-x", Some("global")),
            ("publishers/google/models/gemini-x", None),
            ("azure/gpt-5", None),
        ] {
            assert_eq!(peel(name, |route| route == "azure").region, region, "{name}");
        }
    }

    #[test]
    fn routes_come_off_one_by_one() {
        let peeled = peel("bedrock/us-east-1/us.anthropic.claude-x", |_| false);
        assert_eq!(
            peeled.names[..],
            [
                "bedrock/us-east-1/us.anthropic.claude-x",
                "us-east-1/us.anthropic.claude-x",
                "us.anthropic.claude-x",
                "anthropic.claude-x",
                "claude-x"
            ]
        );
        assert_eq!(peeled.region, Some("us"));
        let last = |name| peel(name, |route| route == "openai").names.last().copied();
        assert_eq!(last("openai/gpt-5"), Some("gpt-5"));
        assert_eq!(last("acme/gpt-5"), Some("acme/gpt-5"), "someone's own model");
        assert_eq!(last("projects/p/locations/l/publishers/google/models/gemini-x"), Some("gemini-x"));
        assert_eq!(last("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.x"), Some("meta.x"));
        let hidden = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1";
        assert_eq!(last(hidden), Some(hidden));
        assert_eq!(last("global.anthropic.claude-x"), Some("global.anthropic.claude-x"));
        assert_eq!(last("openai:gpt-5"), Some("gpt-5"));
        assert_eq!(last("gpt-5:free"), Some("gpt-5:free"));
    }
}
