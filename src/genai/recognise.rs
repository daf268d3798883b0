//! The first pass: finds the calls of a request, and notes how all of its spans are related.

use super::asides::{Said, action_of};
use super::call::{Ids, LOG_EVENT};
use super::dialects::{DialectId, Dialects};
use super::dimensions::{ACTION, Mentions};
use super::found::{Aside, Found, Group, SpanNote};
use super::keys::Says;
use super::meaning::{Meaning, Name};
use super::reading::{Place, Reading};
use crate::otlp::expected::Beginning;
use crate::otlp::fields::{resource_spans, scope, scope_spans, span, status, traces};
use crate::otlp::items::{bounded, bounded_resources};
use crate::otlp::splice::{FrameId, Plan};
use crate::otlp::view::{Attribute, Scalar, Text};
use crate::otlp::wire::{Field, Malformed, Message};

/// Status code ERROR.
const ERROR: u32 = 2;

/// How to read spans.
#[derive(Debug)]
pub struct Recogniser {
    /// How calls are written.
    pub dialects: Dialects,
    /// Spans that another pricetag has priced are none of ours.
    pub trust_upstream: bool,
}

impl Recogniser {
    /// Reads a request. Registers in `plan` every message that an edit may have to mend.
    ///
    /// # Errors
    /// [`Malformed`], with the place; nothing has been counted then.
    pub fn read<'a>(&self, body: &'a [u8], plan: &mut Plan, found: &mut Found<'a>) -> Result<(), Malformed> {
        found.body = body;
        for field in Message::whole(body)?.fields() {
            let field = field?;
            if field.number == traces::RESOURCE_SPANS {
                let index = found.resources.len();
                self.resource_spans(&field, plan, found).map_err(|m| m.within("resource_spans", index))?;
            }
        }
        Ok(())
    }

    fn resource_spans<'a>(
        &self,
        field: &Field<'a>,
        plan: &mut Plan,
        found: &mut Found<'a>,
    ) -> Result<(), Malformed> {
        let (message, frame) = open(field, FrameId::BODY, plan)?;
        let index = found.open_resource();
        bounded_resources(found.resources.len(), message.end())?;
        let mut scopes = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                resource_spans::RESOURCE => {
                    // It may come in several parts, which protobuf merges: they fill one row.
                    self.resource(field.message()?, &mut found.resources[index], &mut found.mentions)
                        .map_err(|m| m.within("resource", 0))?;
                }
                resource_spans::SCOPE_SPANS => {
                    self.scope_spans(&field, frame, plan, found)
                        .map_err(|m| m.within("scope_spans", scopes))?;
                    scopes += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn scope_spans<'a>(
        &self,
        field: &Field<'a>,
        parent: FrameId,
        plan: &mut Plan,
        found: &mut Found<'a>,
    ) -> Result<(), Malformed> {
        let (message, frame) = open(field, parent, plan)?;
        let first_call = found.calls.len();
        let mut scope_name = Text::default();
        let mut dialect = None;
        let mut spans = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                scope_spans::SCOPE => scope_name = name_of(field.message()?, scope_name)?,
                scope_spans::SPANS => {
                    let dialect = match dialect {
                        Some(dialect) => dialect,
                        None => {
                            // The scope may stand behind its spans, or nowhere.
                            let name = if scope_name.is_empty() { scope_of(message)? } else { scope_name };
                            *dialect.insert(self.dialects.of_scope(name))
                        }
                    };
                    self.span(&field, dialect, frame, plan, found).map_err(|m| m.within("spans", spans))?;
                    spans += 1;
                    bounded(found.span_count + spans as u64, message.end())?;
                }
                _ => {}
            }
        }
        for call in &mut found.calls[first_call..] {
            call.scope = scope_name;
        }
        found.span_count += spans as u64;
        Ok(())
    }

    fn span<'a>(
        &self,
        field: &Field<'a>,
        dialect: DialectId,
        parent: FrameId,
        plan: &mut Plan,
        found: &mut Found<'a>,
    ) -> Result<(), Malformed> {
        let message = field.message()?;
        message.expect_end();
        let mut reading: Option<Reading<'a>> = None;
        let mut ids = (None, None, [0; 8]);
        let (mut name, mut trace_state) = (Text::default(), Text::default());
        let (mut kind, mut start, mut end, mut code) = (0, 0, 0, 0);
        let mut attributes = 0;
        found.asides.clear();
        let mut fields = message.fields();
        if let Some(beginning) = Beginning::read(&mut fields) {
            ids = (Some(beginning.trace), Some(beginning.span), beginning.parent);
            (name, kind) = (beginning.name, beginning.kind.into());
            (start, end) = (beginning.start, beginning.end);
        }
        let (shape, body) = (found.hints.shape(dialect, name, kind), found.body);
        let keys = self.dialects.keys();
        loop {
            let Found { hints, mentions, asides, .. } = &mut *found;
            // Attributes stand side by side in any span that an encoder has written.
            for hint in hints.expected_from(shape, attributes) {
                let Some(attribute) = hint.next(&mut fields, body) else { break };
                attributes += 1;
                if hint.says_nothing() {
                    continue;
                }
                let at = |m: Malformed| m.within("attributes", attributes - 1);
                if let (Some(meanings), Some(reading)) = (hint.meanings(), &mut reading) {
                    for &(meaning, rank) in meanings {
                        reading.take_meaning(meaning, rank, &attribute, mentions).map_err(at)?;
                    }
                } else {
                    let says = keys.numbered(hint.number);
                    self.note(attribute, says, dialect, asides, mentions, &mut reading).map_err(at)?;
                }
            }
            let Some(field) = fields.next() else { break };
            let field = field?;
            match field.number {
                span::ATTRIBUTES => {
                    let mut learn = || {
                        let attribute = Attribute::read(field.message()?)?;
                        let says = hints.learn(shape, attributes, attribute.key(), keys);
                        self.note(attribute, says, dialect, asides, mentions, &mut reading)
                    };
                    learn().map_err(|m| m.within("attributes", attributes))?;
                    attributes += 1;
                }
                span::TRACE_ID => ids.0 = field.message()?.bytes().try_into().ok(),
                span::SPAN_ID => ids.1 = field.message()?.bytes().try_into().ok(),
                span::TRACE_STATE => trace_state = Text(field.message()?.bytes()),
                span::PARENT_SPAN_ID => ids.2 = field.message()?.bytes().try_into().unwrap_or_default(),
                span::NAME => name = Text(field.message()?.bytes()),
                span::KIND => kind = int32(field.varint()?),
                span::START_TIME => start = field.fixed64()?,
                span::END_TIME => end = field.fixed64()?,
                span::STATUS => status_code(field.message()?, &mut code)?,
                _ => {}
            }
        }
        let ids = match ids {
            (Some(trace), Some(span), parent) if trace != [0; 16] && span != [0; 8] => {
                Some(Ids { trace, span, parent })
            }
            _ => None,
        };
        if let Some(reading) = &mut reading {
            let dialect = self.dialects.get(reading.dialect);
            reading.finish(dialect, name);
            if reading.wants_documents(dialect) {
                self.documents(message, span::ATTRIBUTES, reading, &mut found.mentions)?;
            }
        }
        let call = reading
            .as_ref()
            .and_then(|reading| reading.role(kind, self.trust_upstream).map(|role| (reading, role)));
        let is_agent = reading.as_ref().is_some_and(|reading| reading.is_agent(self.trust_upstream));
        let index = found.calls.len() as u32;
        let mut frame = None;
        if call.is_some() {
            frame = Some(open(field, parent, plan)?.1);
        }
        if let Some(ids) = ids {
            let is_root = ids.parent == [0; 8];
            let ours = match &reading {
                Some(reading) => reading.ours,
                None if is_root => self.ours(&found.asides),
                None => 0,
            };
            let mut said = match &reading {
                Some(reading) => Said { row: reading.dimensions, route: reading.names[Name::Route as usize] },
                None if found.asides.is_empty() => {
                    Said { row: found.mentions.open(), route: Text::default() }
                }
                None => self.mentions(found)?,
            };
            if is_root {
                let called = action_of(name, said.route);
                // What it says may be shared with the span before.
                said.row = found.mentions.again(said.row);
                found.mentions.say(&mut said.row, ACTION, 0, called);
            }
            if is_root || is_agent {
                let frame = match frame {
                    Some(frame) => frame,
                    None => open(field, parent, plan)?.1,
                };
                let (note, resource) = (found.spans.len() as u32, (found.resources.len() - 1) as u32);
                found.groups.push(Group { note, frame, ours, resource });
            }
            found.spans.push(SpanNote { ids, call: call.map(|_| index), said: said.row, is_agent });
        }
        if let (Some((reading, role)), Some(frame)) = (call, frame) {
            let place = Place {
                ids,
                frame,
                resource: (found.resources.len() - 1) as u32,
                name,
                kind: kind.min(u32::from(LOG_EVENT) - 1) as u8,
                end_unix_nano: if end == 0 { start } else { end },
                failed: code == ERROR,
                trace_state,
            };
            found.push_call(|call| reading.fill(call, role, self.dialects.get(reading.dialect), place));
        }
        Ok(())
    }

    fn note<'a>(
        &self,
        attribute: Attribute<'a>,
        says: &Says,
        dialect: DialectId,
        asides: &mut Vec<Aside<'a>>,
        mentions: &mut Mentions<'a>,
        reading: &mut Option<Reading<'a>>,
    ) -> Result<(), Malformed> {
        if says.meanings.is_empty() {
            return Ok(());
        }
        // Most spans with such a key are no calls: it is passed over until something tells one. Then all of them are.
        if says.is_common && reading.is_none() {
            asides.push(Aside { attribute, says: says.number });
            return Ok(());
        }
        let reading = match reading {
            Some(reading) => reading,
            None => {
                let new = reading.insert(Reading::new(dialect, mentions.open()));
                self.asides(asides, new, mentions)?;
                new
            }
        };
        for ranked in &says.meanings {
            reading.take(*ranked, &attribute, mentions)?;
        }
        Ok(())
    }

    /// Reads the documents among the attributes of a span or log record, which stand in the field of this number, now that
    /// it is known to be worth it.
    #[inline(never)]
    pub(super) fn documents<'a>(
        &self,
        message: Message<'a>,
        attributes: u32,
        reading: &mut Reading<'a>,
        mentions: &mut Mentions<'a>,
    ) -> Result<(), Malformed> {
        for field in message.fields() {
            let field = field?;
            if field.number != attributes {
                continue;
            }
            let attribute = Attribute::read(field.message()?)?;
            for ranked in self.dialects.keys().meanings(attribute.key()) {
                if let Meaning::Document(index) = ranked.meaning
                    && ranked.only == reading.dialect
                    && let Some(document) = self.dialects.document(index)
                    && let Scalar::String(text) = attribute.scalar()?
                {
                    document.read(text, |ranked, value| {
                        reading.take_member(ranked, attribute.key(), value, mentions);
                    });
                }
            }
        }
        Ok(())
    }
}

fn open<'a>(
    field: &Field<'a>,
    parent: FrameId,
    plan: &mut Plan,
) -> Result<(Message<'a>, FrameId), Malformed> {
    let message = field.message()?;
    // Empty ones take two bytes of the body, and many more of ours.
    bounded(plan.frames() as u64, message.end())?;
    Ok((message, plan.frame(parent, message)))
}

/// The name of a scope; `before` where this part of it does not say one.
pub(super) fn name_of<'a>(scope: Message<'a>, before: Text<'a>) -> Result<Text<'a>, Malformed> {
    scope.fields().try_fold(before, |name, field| {
        let field = field?;
        Ok(if field.number == scope::NAME { Text(field.message()?.bytes()) } else { name })
    })
}

/// The name of the scope of a `ScopeSpans`, wherever it stands.
fn scope_of(scope_spans: Message<'_>) -> Result<Text<'_>, Malformed> {
    scope_spans.fields().try_fold(Text::default(), |name, field| {
        let field = field?;
        if field.number == scope_spans::SCOPE { name_of(field.message()?, name) } else { Ok(name) }
    })
}

fn status_code(message: Message<'_>, code: &mut u32) -> Result<(), Malformed> {
    for field in message.fields() {
        let field = field?;
        if field.number == status::CODE {
            *code = int32(field.varint()?);
        }
    }
    Ok(())
}

/// An enum or `int32` is the lower half of its varint.
const fn int32(varint: u64) -> u32 {
    varint as u32
}
