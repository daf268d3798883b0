//! What a span told, kept until its trace settles. Only for spans whose money may have to be worked out anew then: agents
//! that sum up their calls, and calls that name no model.

use std::sync::Arc;

use super::names::Names;
use crate::genai::call::{Call, Cloud, Known, Reported, Role};
use crate::genai::dialects::DialectId;
use crate::genai::sampling::Weight;
use crate::genai::usage::Usage;
use crate::otlp::view::{Scalar, Text};

/// An owned copy of what pricing and booking a call need.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    texts: Box<[u8]>,
    /// Where each text ends, in the order of [`Told::texts`].
    ends: [u32; TEXTS],
    role: Role,
    dialect: DialectId,
    kind: u8,
    end_unix_nano: u64,
    failed: bool,
    usage: Usage,
    clamped: bool,
    weight: Option<Weight>,
    /// The sender's cost, where it is no text.
    reported: Option<Scalar<'static>>,
}

/// How many texts there are.
const TEXTS: usize = 14;

impl Told {
    /// What a call tells, with the cloud that its resource names.
    pub fn of(call: &Call<'_>, cloud: Cloud<'_>) -> Self {
        let cloud = call.cloud.or(cloud);
        let (key, value) = call.reported.map_or(("", Scalar::Other), |it| (it.key, it.value));
        let (said, reported) = match value {
            Scalar::String(text) => (text, Scalar::String(Text::default())),
            Scalar::Int(number) => (Text::default(), Scalar::Int(number)),
            Scalar::Double(number) => (Text::default(), Scalar::Double(number)),
            Scalar::Bool(_) | Scalar::Other => (Text::default(), Scalar::Other),
        };
        let own: [Text<'_>; TEXTS] = [
            call.provider,
            call.host,
            call.model_asked,
            call.model_served,
            call.operation,
            call.tier_asked,
            call.tier_served,
            call.region,
            cloud.provider,
            cloud.region,
            call.scope,
            call.name,
            key.into(),
            said,
        ];
        let mut texts = Vec::new();
        let ends = own.map(|text| {
            texts.extend_from_slice(text.0);
            texts.len() as u32
        });
        let (usage, clamped) = match call.usage {
            Known::Usage { usage, clamped } => (usage, clamped),
            _ => (Usage::NOTHING, false),
        };
        Told {
            texts: texts.into(),
            ends,
            role: call.role,
            dialect: call.dialect,
            kind: call.kind,
            end_unix_nano: call.end_unix_nano,
            failed: call.failed,
            usage,
            clamped,
            weight: call.weight,
            reported: call.reported.map(|_| reported),
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Told>() + self.texts.len()
    }

    /// The names that it says.
    pub(super) fn names(&self) -> Names {
        Names::of(&self.call())
    }

    /// Its usage.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    fn text(&self, nth: usize) -> Text<'_> {
        let end = |nth: usize| self.ends[nth] as usize;
        Text(&self.texts[if nth == 0 { 0 } else { end(nth - 1) }..end(nth)])
    }

    /// The call again. It belongs to no request any more: its place in one is not to be used.
    pub fn call(&self) -> Call<'_> {
        let [
            provider,
            host,
            model_asked,
            model_served,
            operation,
            tier_asked,
            tier_served,
            region,
            cloud,
            cloud_region,
            scope,
            name,
            key,
            said,
        ] = std::array::from_fn(|nth| self.text(nth));
        let value = |scalar| if let Scalar::String(_) = scalar { Scalar::String(said) } else { scalar };
        Call {
            scope,
            dialect: self.dialect,
            name,
            kind: self.kind,
            end_unix_nano: self.end_unix_nano,
            failed: self.failed,
            role: self.role,
            operation,
            provider,
            host,
            model_asked,
            model_served,
            tier_asked,
            tier_served,
            region,
            cloud: Cloud { provider: cloud, region: cloud_region },
            usage: Known::Usage { usage: self.usage, clamped: self.clamped },
            reported: self.reported.map(|scalar| Reported { key: key.as_str(), value: value(scalar) }),
            weight: self.weight,
            ..Call::default()
        }
    }
}

/// Money of a span that was worked out anew when its trace settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Restated {
    /// What the span told.
    pub told: Box<Told>,
    /// The model, where it is another span that names it.
    pub names: Option<Arc<Names>>,
    /// What counts of its usage: all of it, or what no span below it has shown.
    pub usage: Usage,
}

impl Restated {
    /// The call that is to be priced.
    pub fn call(&self) -> Call<'_> {
        let mut call = self.told.call();
        if let Some(names) = &self.names {
            names.lend(&mut call);
        }
        if self.usage != *self.told.usage() {
            // The sender's cost is that of everything.
            call.reported = None;
            call.usage = Known::Usage { usage: self.usage, clamped: false };
        }
        call
    }
}
