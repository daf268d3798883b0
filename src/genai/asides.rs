//! What spans that are no calls say, and what a call's span says before something tells that it is one.

use super::dimensions::{Mentions, Row, cut_text};
use super::found::{Aside, Found, Resource};
use super::keys::Ranked;
use super::meaning::{Meaning, Name};
use super::reading::Reading;
use super::recognise::Recogniser;
use crate::otlp::fields::resource;
use crate::otlp::view::{Attribute, Scalar, Text};
use crate::otlp::wire::{Malformed, Message};

/// What tells senders apart.
const SENDER: [&[u8]; 3] = [b"service.namespace", b"service.name", b"service.instance.id"];

impl Recogniser {
    /// Takes in the attributes of a span that were passed over.
    pub(super) fn asides<'a>(
        &self,
        asides: &[Aside<'a>],
        reading: &mut Reading<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        for Aside { attribute, says } in asides {
            for ranked in &self.dialects.keys().numbered(*says).meanings {
                reading.take(*ranked, attribute, mentions)?;
            }
        }
        Ok(())
    }

    /// Which of the attributes that we may write are there, as [`Call::ours`](super::call::Call::ours).
    pub(super) fn ours(&self, asides: &[Aside<'_>]) -> u64 {
        let says = |aside: &Aside<'_>| &self.dialects.keys().numbered(aside.says).meanings;
        asides.iter().flat_map(says).fold(0, |ours, ranked| match ranked.meaning {
            Meaning::Ours(index) | Meaning::OursToo(index) => ours | 1 << index,
            _ => ours,
        })
    }

    /// What a span that is no call, and says nothing that only calls do, says of dimensions. Where baggage is copied to all spans they
    /// say the same one after the other: comparing their bytes is cheaper than reading them.
    pub(super) fn mentions<'a>(&self, found: &mut Found<'a>) -> Result<Said<'a>, Malformed> {
        let same = |(one, other): (&Aside<'_>, &Aside<'_>)| one.attribute.is_same(&other.attribute);
        if found.asides.len() == found.before.0.len() && found.asides.iter().zip(&found.before.0).all(same) {
            return Ok(found.before.1);
        }
        let (mut row, mut route) = (found.mentions.open(), Text::default());
        for Aside { attribute, says } in &found.asides {
            for ranked in &self.dialects.keys().numbered(*says).meanings {
                match ranked.meaning {
                    _ if ranked.only != Ranked::ANY => {}
                    Meaning::Dimension(index) => {
                        found.mentions.say(&mut row, index, ranked.rank, attribute.scalar()?);
                    }
                    Meaning::Name(Name::Route) if route.is_empty() => {
                        route = attribute.scalar()?.text().unwrap_or_default();
                    }
                    _ => {}
                }
            }
        }
        let said = Said { row, route };
        std::mem::swap(&mut found.asides, &mut found.before.0);
        found.before.1 = said;
        Ok(said)
    }

    /// Reads a resource, or a part of one.
    pub(super) fn resource<'a>(
        &self,
        resource: Message<'a>,
        says: &mut Resource<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        for field in resource.fields() {
            let field = field?;
            if field.number == resource::ATTRIBUTES {
                let attribute = Attribute::read(field.message()?)?;
                if let Some(nth) = SENDER.iter().position(|key| attribute.key() == *key) {
                    says.sender[nth] = attribute.scalar()?.text().unwrap_or_default();
                }
                let meanings = self.dialects.keys().meanings(attribute.key()).iter();
                // A resource has no dialect: a key that only one understands says nothing here.
                for ranked in meanings.filter(|ranked| ranked.only == Ranked::ANY) {
                    let text = || attribute.scalar().map(|value| value.text().unwrap_or_default());
                    match ranked.meaning {
                        Meaning::Dimension(index) => {
                            let value = attribute.scalar()?;
                            mentions.say_of_resource(&mut says.dimensions, index, ranked.rank, value);
                        }
                        Meaning::Name(Name::CloudProvider) => says.cloud.provider = text()?,
                        Meaning::Name(Name::CloudRegion) => says.cloud.region = text()?,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a span that is no call says, as far as others want to know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) row: Row,
    pub(super) route: Text<'a>,
}

/// What the action of a root span is called: as the span, unless that names no route and an attribute does (older
/// instrumentations call every span `HTTP POST`).
pub(super) fn action_of<'a>(name: Text<'a>, route: Text<'a>) -> Scalar<'a> {
    let (name, route) = (cut_text(name), cut_text(route));
    let says_route = route.is_empty() || name.0.windows(route.0.len()).any(|part| part == route.0);
    Scalar::String(if says_route { name } else { route })
}
