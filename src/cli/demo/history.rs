//! The demo's day: what a small product's users did, as data. The same for everybody who looks at the same hour.

use super::sample::{
    EMBEDDING, GEMINI, GPT_4O, GPT_5_MINI, MISTRAL, Model, OWN, SONNET, SampleCall, Twist, call,
};

/// One thing that a user did: a trace with its calls.
#[derive(Clone, Debug)]
pub struct SampleAction {
    /// What its root span is called.
    pub name: &'static str,
    /// `gen_ai.workflow.name`
    pub workflow: &'static str,
    /// `tenant.id`
    pub tenant: &'static str,
    /// `tenant.tier`
    pub tier: &'static str,
    /// Its calls, the first one first; user and feature stand there.
    pub calls: Vec<SampleCall>,
}

/// A user, the tenant, the tier, and how often that user does something.
type User = (&'static str, &'static str, &'static str, u64);

/// Who uses the product.
const USERS: [User; 10] = [
    ("ann", "acme", "enterprise", 9),
    ("ben", "acme", "enterprise", 6),
    ("gus", "acme", "enterprise", 4),
    ("cleo", "globex", "pro", 7),
    ("dan", "globex", "pro", 5),
    ("hal", "globex", "pro", 2),
    ("ivy", "initech", "pro", 4),
    ("joe", "hooli", "free", 3),
    (RUNAWAY, "hooli", "free", 2),
    ("kim", "umbrella", "free", 1),
];

/// The user whose cost runs away.
pub const RUNAWAY: &str = "finn";

/// A call of an action: model, input (all, from a cache, into a cache), output (all, reasoning).
type Shape = (Model, (i64, i64, i64), (i64, i64));

/// What a kind of action is called, its feature and workflow, its calls, and how often it is done.
type Kind = (&'static str, &'static str, &'static str, &'static [Shape], u64);

const KINDS: [Kind; 6] = [
    (
        "GET /search",
        "search",
        "retrieve",
        &[(EMBEDDING, (48, 0, 0), (0, 0)), (GPT_5_MINI, (1_700, 1_024, 0), (360, 192))],
        11,
    ),
    (
        "POST /assistant",
        "assistant",
        "chat",
        &[(SONNET, (8_900, 6_900, 1_200), (640, 160)), (GPT_4O, (2_600, 1_152, 0), (410, 0))],
        8,
    ),
    ("support reply", "support", "triage", &[(GEMINI, (13_100, 9_000, 0), (700, 300))], 7),
    ("summarise document", "summary", "summarise", &[(MISTRAL, (19_000, 0, 0), (1_020, 0))], 5),
    (
        "research report",
        "research",
        "deep-research",
        &[
            (EMBEDDING, (90, 0, 0), (0, 0)),
            (SONNET, (21_000, 0, 18_000), (1_900, 900)),
            (SONNET, (34_000, 18_000, 12_000), (2_600, 1_200)),
            (SONNET, (41_000, 30_000, 8_000), (3_300, 1_100)),
        ],
        2,
    ),
    ("tag message", "support", "triage", &[(OWN, (640, 0, 0), (95, 0))], 1),
];

/// How many actions there are in each hour of a day, UTC.
const BY_HOUR: [u64; 24] =
    [9, 6, 5, 4, 5, 8, 14, 22, 34, 43, 47, 41, 36, 44, 49, 46, 38, 31, 27, 24, 22, 18, 15, 11];

const HOUR: u64 = 3600;

/// The actions of the day before a time, in seconds since 1970: the oldest first.
pub fn day(now: u64) -> Vec<SampleAction> {
    let mut dice = Dice(0);
    let mut actions = Vec::new();
    for hours_ago in (0..24).rev() {
        let hour = (now / HOUR + 24 - hours_ago) % 24;
        let mut ages: Vec<u64> =
            (0..BY_HOUR[hour as usize]).map(|_| hours_ago * HOUR + dice.below(HOUR) + 60).collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        // Whose cost is to run away needs hours that are usual.
        if hour.is_multiple_of(3) {
            actions.push(action(&mut dice, hours_ago * HOUR + HOUR, person(RUNAWAY), KINDS[4]));
        }
        actions.extend(ages.into_iter().map(|ago| {
            let user = pick(&mut dice, &USERS, |it| it.3);
            let kind = pick(&mut dice, &KINDS, |it| it.4);
            action(&mut dice, ago, user, kind)
        }));
    }
    actions
}

/// What happens in the n-th second of the demo: two things; and the runaway's, from the twentieth to the fiftieth.
pub fn second(n: u64) -> Vec<SampleAction> {
    let mut dice = Dice(n << 32);
    let usual = |dice: &mut Dice| {
        let (user, kind) = (pick(dice, &USERS, |it| it.3), KINDS[dice.below(4) as usize]);
        action(dice, 0, user, kind)
    };
    let mut actions = vec![usual(&mut dice)];
    actions.push(if (20..50).contains(&n) {
        let looping: Kind =
            ("research report", "research", "deep-research", &[(SONNET, (96_000, 0, 0), (4_100, 2_500))], 1);
        action(&mut dice, 0, person(RUNAWAY), looping)
    } else {
        usual(&mut dice)
    });
    actions
}

fn person(name: &str) -> User {
    USERS.into_iter().find(|user| user.0 == name).unwrap_or(USERS[0])
}

fn action(
    dice: &mut Dice,
    ago: u64,
    (user, tenant, tier, _): User,
    (name, feature, workflow, shapes, _): Kind,
) -> SampleAction {
    let percent = 50 + dice.below(100) as i64;
    let some = |count: i64| count * percent / 100;
    let shape = |(model, (input, read, write), (output, reasoning)): &Shape| {
        let (input, output) = ((some(*input), some(*read), some(*write)), (some(*output), some(*reasoning)));
        call(ago, (user, feature), *model, input, output, Twist::None)
    };
    SampleAction { name, workflow, tenant, tier, calls: shapes.iter().map(shape).collect() }
}

/// One of several, the heavier ones more often.
fn pick<T: Copy>(dice: &mut Dice, from: &[T], weight: impl Fn(&T) -> u64) -> T {
    let mut left = dice.below(from.iter().map(&weight).sum());
    for one in from {
        match left.checked_sub(weight(one)) {
            Some(rest) => left = rest,
            None => return *one,
        }
    }
    from[0]
}

/// SplitMix64: the same numbers on every machine, in every release.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
