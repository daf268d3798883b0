//! Parts of a model's name that carry a meaning for the price, and the rule for each.
//!
//! A variant that the catalog lists under its own name has that entry's price. Only for others is there a rule, which
//! the receipt names. None drops a part and goes on as if it had not been there.

/// A part of a model's name that says more than which model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Variant {
    /// OpenRouter's `:free`: no charge for tokens or requests.
    Free,
    /// OpenRouter's `:batch`: the model's price for batches.
    Batch,
    /// OpenRouter's `:online`: the model's price, and web searches beside it, whose number the call must tell.
    Online,
    /// OpenRouter's `:thinking`, a model with a price of its own.
    Thinking,
    /// OpenRouter's `:extended`, a model with a price of its own.
    Extended,
    /// Claude Code's `[1m]`, which asks for a long context. The model is the same one; what a long prompt costs is told
    /// by its tokens (`over`).
    LongContext,
    /// Bedrock's `global.` inference profile: the region of the price is `global`.
    Global,
    /// A fine-tuned model: `ft:BASE:organisation:name:id` (OpenAI, Mistral), `BASE.ft-id` (Azure). It costs more than its
    /// base, so it has a price only where the catalog lists `ft:BASE`.
    FineTune,
}

impl Variant {
    const ALL: [Self; 8] = [
        Self::Free,
        Self::Batch,
        Self::Online,
        Self::Thinking,
        Self::Extended,
        Self::LongContext,
        Self::Global,
        Self::FineTune,
    ];

    /// How the name says it.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Free => ":free",
            Self::Batch => ":batch",
            Self::Online => ":online",
            Self::Thinking => ":thinking",
            Self::Extended => ":extended",
            Self::LongContext => "[1m]",
            Self::Global => "global.",
            Self::FineTune => "fine-tune",
        }
    }

    /// The rule by which a call of it is priced, as receipts say it.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Free => "variant :free: no charge for tokens",
            Self::Batch => "variant :batch: batch price",
            Self::Online => "variant :online: web searches cost extra",
            Self::Thinking => "variant :thinking: a price of its own",
            Self::Extended => "variant :extended: a price of its own",
            Self::LongContext => "variant [1m]: same model, long context by its tokens",
            Self::Global => "variant global.: price of region global",
            Self::FineTune => "variant fine-tune: price of the fine-tuned base",
        }
    }

    /// Why a call of it has no price.
    pub(super) const fn unpriced(self) -> &'static str {
        match self {
            Self::Batch => "no batch price in catalog",
            Self::Global => "no price of region global in catalog",
            Self::FineTune => "no price of the fine-tuned base in catalog",
            _ => "a price of its own, not in catalog",
        }
    }

    /// The only provider that marks it so, by id; `None`: anyone.
    pub(super) const fn said_by(self) -> Option<&'static str> {
        match self {
            Self::Free | Self::Batch | Self::Online | Self::Thinking | Self::Extended => Some("openrouter"),
            Self::Global => Some("aws"),
            Self::LongContext | Self::FineTune => None,
        }
    }

    /// Whether only an entry of its own has its price, never its base.
    pub(super) const fn has_own_price(self) -> bool {
        matches!(self, Self::Thinking | Self::Extended | Self::FineTune)
    }
}

/// A set of variants: `:free:online` is two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variants(u8);

impl Variants {
    /// Whether the name is no variant.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `variant` is among them.
    pub const fn contains(self, variant: Variant) -> bool {
        self.0 >> variant as u8 & 1 == 1
    }

    /// These and `variant`.
    pub(super) const fn with(self, variant: Variant) -> Self {
        Self(self.0 | 1 << variant as u8)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Variant> {
        Variant::ALL.into_iter().filter(move |variant| self.contains(*variant))
    }
}

/// The marks at the end of a name.
const ENDINGS: [Variant; 6] = [
    Variant::Free,
    Variant::Batch,
    Variant::Online,
    Variant::Thinking,
    Variant::Extended,
    Variant::LongContext,
];

/// The last mark of a name, and the name without it.
pub(super) fn split_ending(name: &str) -> Option<(Variant, &str)> {
    ENDINGS
        .into_iter()
        .find_map(|variant| Some((variant, name.strip_suffix(variant.mark())?)))
        .filter(|(_, rest)| !rest.is_empty())
}

/// The name without the marks at its end.
pub(super) fn without_endings(mut name: &str) -> &str {
    while let Some((_, rest)) = split_ending(name) {
        name = rest;
    }
    name
}

/// What was fine-tuned.
pub(super) enum Tuned<'a> {
    /// `ft:gpt-4o-2024-08-06` of `ft:gpt-4o-2024-08-06:acme::id`: the name of its price.
    Listed(&'a str),
    /// `gpt-4o-2024-08-06` of `gpt-4o-2024-08-06.ft-0123`, Azure's way: hosted there, so no other list's price holds.
    Deployed(&'a str),
}

/// The base of a fine-tuned model.
pub(super) fn tuned(name: &str) -> Option<Tuned<'_>> {
    if let Some(rest) = name.strip_prefix("ft:") {
        let end = rest.find(':').filter(|end| *end > 0)?;
        return Some(Tuned::Listed(&name[..end + 3]));
    }
    let (base, _) = name.split_once(".ft-")?;
    (!base.is_empty()).then_some(Tuned::Deployed(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_off_one_by_one() {
        assert_eq!(split_ending("x/y:free:online"), Some((Variant::Online, "x/y:free")));
        assert_eq!(without_endings("x/y:free:online"), "x/y");
        assert_eq!(split_ending("claude-sonnet-5[1m]"), Some((Variant::LongContext, "claude-sonnet-5")));
        for plain in ["x/y", ":free", "x:freedom", "x:online-2", "free", "x-thinking"] {
            assert_eq!(split_ending(plain), None, "{plain}");
        }
    }

    #[test]
    fn fine_tunes_name_their_base() {
        let listed = |name| match tuned(name) {
            Some(Tuned::Listed(base)) => Some(base),
            _ => None,
        };
        assert_eq!(listed("ft:gpt-4o-2024-08-06:acme::a1"), Some("ft:gpt-4o-2024-08-06"));
        assert_eq!(listed("ft:gpt-4o:acme:bot:a1:ckpt-step-100"), Some("ft:gpt-4o"));
        assert!(matches!(tuned("gpt-5.1.ft-0123"), Some(Tuned::Deployed("gpt-5.1"))));
        for plain in ["ft:", "ft::acme", "gpt-4o", ".ft-0123", "gpt-4o-ft"] {
            assert!(tuned(plain).is_none(), "{plain}");
        }
    }

    #[test]
    fn a_set_tells_its_variants() {
        let both = Variants::default().with(Variant::Online).with(Variant::Free);
        assert_eq!(both.iter().collect::<Vec<_>>(), [Variant::Free, Variant::Online]);
        assert!(Variants::default().is_empty() && !both.is_empty());
    }
}
