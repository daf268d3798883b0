//! What a backend must not get: attributes, and bodies of events, taken out of a request before it leaves for one exporter. Pure.
//!
//! The request in the queue stays whole: it has been priced and booked, and other exporters may get all of it. What is dropped is
//! dropped as a whole, a document in an attribute too. What can not be read is dropped as well: nobody can say what it holds.

pub mod keys;
pub mod messages;

use bytes::Bytes;

use crate::otlp::Signal;
use crate::otlp::cut::{Cuts, Fate};
use crate::otlp::fields::{
    event, link, log_record, logs, resource, resource_logs, resource_spans, scope, scope_logs, scope_spans,
    span, traces,
};
use crate::otlp::view::{Attribute, Scalar, Text};
use crate::otlp::wire::{Field, Malformed, Message, Value};
use keys::Keys;

/// The word that stands for all of [`messages`] in a list of keys.
pub const MESSAGES: &str = "messages";

/// The attribute that some SDKs write an event's name into.
const EVENT_NAME: &[u8] = b"event.name";

/// What is dropped.
#[derive(Clone, Debug)]
pub struct Redaction {
    keys: Keys,
    /// Messages in events are dropped too.
    messages: bool,
}

/// A request without what was dropped.
#[derive(Clone, Debug)]
pub struct Redacted {
    /// The same allocation where nothing was dropped.
    pub body: Bytes,
    /// Attributes and bodies of log records that were dropped.
    pub dropped: u64,
}

impl Redaction {
    /// Drops these keys, in which `*` stands for any text and [`MESSAGES`] for that group.
    pub fn new(drop: &[String]) -> Self {
        let messages = drop.iter().any(|key| key == MESSAGES);
        let mut keys: Vec<&str> = drop.iter().map(String::as_str).collect();
        if messages {
            keys.extend(messages::of(messages::ANYWHERE).map(|key| -> &str { key }));
        }
        Redaction { keys: Keys::new(keys), messages }
    }

    /// A request without it. Metrics are left alone: without a label, two of their series would be one.
    ///
    /// # Errors
    /// [`Malformed`]: the body as a whole can not be read, so that nobody can say what it holds.
    pub fn apply(&self, signal: Signal, body: &Bytes) -> Result<Redacted, Malformed> {
        let (mut pass, mut cuts) = (Pass { redaction: self, dropped: 0 }, Cuts::default());
        let whole = Message::whole(body)?;
        let lost = match signal {
            Signal::Traces => pass.nest(&mut cuts, whole, traces::RESOURCE_SPANS, Pass::resource_spans)?,
            Signal::Logs => pass.nest(&mut cuts, whole, logs::RESOURCE_LOGS, Pass::resource_logs)?,
            Signal::Metrics => 0,
        };
        Ok(Redacted { body: cuts.apply(body, lost), dropped: pass.dropped })
    }
}

/// What `look` finds in a message.
type Look<'r, 'a> = fn(&mut Pass<'r>, &mut Cuts, Message<'a>) -> Result<usize, Malformed>;

/// One look through a body.
struct Pass<'r> {
    redaction: &'r Redaction,
    dropped: u64,
}

impl<'r> Pass<'r> {
    /// Looks into the fields of one number.
    fn nest<'a>(
        &mut self,
        cuts: &mut Cuts,
        message: Message<'a>,
        number: u32,
        look: Look<'r, 'a>,
    ) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            it if it == number => self.into(cuts, field, look),
            _ => Fate::Keep,
        })
    }

    /// Looks into one field.
    fn into<'a>(&mut self, cuts: &mut Cuts, field: &Field<'a>, look: Look<'r, 'a>) -> Fate {
        let before = self.dropped;
        let fate = cuts.inside(field, |cuts, message| look(self, cuts, message));
        if fate == Fate::Cut {
            self.dropped = before + 1;
        }
        fate
    }

    fn resource_spans(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            resource_spans::RESOURCE => self.into(cuts, field, Pass::resource),
            resource_spans::SCOPE_SPANS => self.into(cuts, field, Pass::scope_spans),
            _ => Fate::Keep,
        })
    }

    fn resource_logs(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            resource_logs::RESOURCE => self.into(cuts, field, Pass::resource),
            resource_logs::SCOPE_LOGS => self.into(cuts, field, Pass::scope_logs),
            _ => Fate::Keep,
        })
    }

    fn scope_spans(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            scope_spans::SCOPE => self.into(cuts, field, Pass::scope),
            scope_spans::SPANS => self.into(cuts, field, Pass::span),
            _ => Fate::Keep,
        })
    }

    fn scope_logs(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            scope_logs::SCOPE => self.into(cuts, field, Pass::scope),
            scope_logs::LOG_RECORDS => self.into(cuts, field, Pass::record),
            _ => Fate::Keep,
        })
    }

    fn resource(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        self.attributes(cuts, message, resource::ATTRIBUTES, false)
    }

    fn scope(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        self.attributes(cuts, message, scope::ATTRIBUTES, false)
    }

    fn link(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        self.attributes(cuts, message, link::ATTRIBUTES, false)
    }

    fn span(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        cuts.look_through(message, |cuts, field| match field.number {
            span::ATTRIBUTES => self.attribute(field, false),
            span::EVENTS => self.into(cuts, field, Pass::event),
            span::LINKS => self.into(cuts, field, Pass::link),
            _ => Fate::Keep,
        })
    }

    fn event(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        let has_messages =
            self.redaction.messages && Names::of(message, event::NAME, event::ATTRIBUTES, None)?.any();
        self.attributes(cuts, message, event::ATTRIBUTES, has_messages)
    }

    fn record(&mut self, cuts: &mut Cuts, message: Message<'_>) -> Result<usize, Malformed> {
        use log_record::{ATTRIBUTES, BODY, EVENT_NAME};
        let (mut has_messages, mut keeps_body) = (false, true);
        if self.redaction.messages {
            let names = Names::of(message, EVENT_NAME, ATTRIBUTES, Some(BODY))?;
            has_messages = names.any();
            keeps_body = !has_messages || names.body.is_some();
        }
        let mut has_body = false;
        cuts.look_through(message, |_, field| match field.number {
            ATTRIBUTES => self.attribute(field, has_messages),
            BODY if !keeps_body => {
                // It may come in several parts, and is one all the same.
                self.dropped += u64::from(!std::mem::replace(&mut has_body, true));
                Fate::Cut
            }
            _ => Fate::Keep,
        })
    }

    fn attributes(
        &mut self,
        cuts: &mut Cuts,
        message: Message<'_>,
        number: u32,
        in_event: bool,
    ) -> Result<usize, Malformed> {
        cuts.look_through(message, |_, field| match field.number {
            it if it == number => self.attribute(field, in_event),
            _ => Fate::Keep,
        })
    }

    fn attribute(&mut self, field: &Field<'_>, in_event: bool) -> Fate {
        let Value::Len(message) = field.value else { return self.drop() };
        match Attribute::read(message) {
            Ok(attribute) if !self.is_dropped(attribute.key(), in_event) => Fate::Keep,
            _ => self.drop(),
        }
    }

    fn is_dropped(&self, key: &[u8], in_event: bool) -> bool {
        self.redaction.keys.contains(key) || in_event && messages::is_dropped_in_event(key)
    }

    fn drop(&mut self) -> Fate {
        self.dropped += 1;
        Fate::Cut
    }
}

/// What an event is called, in the places where names stand.
#[derive(Default)]
struct Names<'a> {
    name: Option<Text<'a>>,
    attribute: Option<Text<'a>>,
    /// A body that is a name of an event with messages, and nothing else.
    body: Option<Text<'a>>,
}

impl<'a> Names<'a> {
    /// Reads them; of several, the last one holds.
    fn of(message: Message<'a>, name: u32, attributes: u32, body: Option<u32>) -> Result<Self, Malformed> {
        let mut names = Names::default();
        for field in message.fields() {
            let field = field?;
            let Value::Len(inner) = field.value else { continue };
            if field.number == name {
                names.name = Some(Text(inner.bytes()));
            } else if field.number == attributes {
                // What can not be read is dropped later on.
                if let Ok(attribute) = Attribute::read(inner)
                    && attribute.key() == EVENT_NAME
                    && let Ok(Scalar::String(text)) = attribute.scalar()
                {
                    names.attribute = Some(text);
                }
            } else if Some(field.number) == body && !inner.bytes().is_empty() {
                names.body = match Scalar::of(inner) {
                    Ok(Scalar::String(text)) if messages::is_name(text.0) => Some(text),
                    _ => None,
                };
            }
        }
        names.body = names.body.filter(|text| messages::is_event(text.0));
        Ok(names)
    }

    /// Whether any of them is that of an event with messages.
    fn any(&self) -> bool {
        [self.name, self.attribute, self.body].into_iter().flatten().any(|name| messages::is_event(name.0))
    }
}
