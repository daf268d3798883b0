//! The first pass: finds the calls of a request, and notes how all of its spans are related.

use super::call::{Call, Cloud, Ids};
use super::dialect::{Meaning, Name};
use super::dimensions::{DimensionTable, Row};
use super::keys::{Hints, KeyTable};
use super::reading::Reading;
use crate::otlp::fields::{resource, resource_spans, scope, scope_spans, span, status, traces};
use crate::otlp::splice::{FrameId, Plan};
use crate::otlp::view::{Attribute, Text};
use crate::otlp::wire::{Field, Malformed, Message};

/// Status code ERROR.
const ERROR: u32 = 2;

/// A span's place in its trace, and its call if it is one.
#[derive(Clone, Copy, Debug)]
pub struct SpanNote {
    /// Trace, span, parent.
    pub ids: Ids,
    /// Index in [`Found::calls`].
    pub call: Option<u32>,
}

/// What a resource says of the calls below it.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Its dimensions.
    pub dimensions: Row,
    /// Where it runs.
    pub cloud: Cloud<'a>,
    /// Who sends: the service's namespace and name, and which instance of it.
    pub sender: [Text<'a>; 3],
}

/// What tells senders apart.
const SENDER: [&[u8]; 3] = [b"service.namespace", b"service.name", b"service.instance.id"];

/// What a request holds.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// Every span with valid ids.
    pub spans: Vec<SpanNote>,
    /// The calls, in the order of the body.
    pub calls: Vec<Call<'a>>,
    /// For each `ResourceSpans` its resource.
    pub resources: Vec<Resource<'a>>,
    /// The dimensions of calls and resources.
    pub dimensions: DimensionTable<'a>,
    /// Spans of any kind.
    pub span_count: u64,
    /// What the last spans were like.
    hints: Hints,
}

impl<'a> Found<'a> {
    /// Empties it for another request. The vectors keep their allocations: collecting an emptied vector
    /// into one of the same layout is done in place.
    pub fn recycle<'b>(mut self, dimensions: usize) -> Found<'b> {
        self.spans.clear();
        self.calls.clear();
        self.resources.clear();
        Found {
            spans: self.spans,
            calls: self.calls.into_iter().map(|_| unreachable!("emptied above")).collect(),
            resources: self.resources.into_iter().map(|_| unreachable!("emptied above")).collect(),
            dimensions: self.dimensions.recycle(dimensions),
            span_count: 0,
            hints: self.hints,
        }
    }
}

/// How to read spans.
#[derive(Debug)]
pub struct Recogniser {
    /// Keys and their meanings.
    pub keys: KeyTable,
    /// Spans that another pricetag has priced are none of ours.
    pub trust_upstream: bool,
}

impl Recogniser {
    /// Reads a request. Registers in `plan` every message that an edit may have to mend.
    ///
    /// # Errors
    /// [`Malformed`], with the place; nothing has been counted then.
    pub fn read<'a>(&self, body: &'a [u8], plan: &mut Plan, found: &mut Found<'a>) -> Result<(), Malformed> {
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
        let (cloud, sender) = Default::default();
        let mut resource = Resource { dimensions: found.dimensions.open(), cloud, sender };
        let index = found.resources.len();
        found.resources.push(resource);
        let mut scopes = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                resource_spans::RESOURCE => {
                    // It may come in several parts, which protobuf merges: they fill one row.
                    self.resource(field.message()?, &mut resource, &mut found.dimensions)
                        .map_err(|m| m.within("resource", 0))?;
                    found.resources[index] = resource;
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
        let mut spans = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                scope_spans::SCOPE => {
                    for inner in field.message()?.fields() {
                        let inner = inner?;
                        if inner.number == scope::NAME {
                            scope_name = Text(inner.message()?.bytes());
                        }
                    }
                }
                scope_spans::SPANS => {
                    self.span(&field, frame, plan, found).map_err(|m| m.within("spans", spans))?;
                    spans += 1;
                }
                _ => {}
            }
        }
        // The scope may stand behind its spans.
        for call in &mut found.calls[first_call..] {
            call.scope = scope_name;
        }
        found.span_count += spans as u64;
        Ok(())
    }

    fn span<'a>(
        &self,
        field: &Field<'a>,
        parent: FrameId,
        plan: &mut Plan,
        found: &mut Found<'a>,
    ) -> Result<(), Malformed> {
        let message = field.message()?;
        let mut reading: Option<Reading<'a>> = None;
        let mut ids = (None, None, [0; 8]);
        let mut name = Text::default();
        let (mut kind, mut start, mut end, mut code) = (0, 0, 0, 0);
        let mut attributes = 0;
        let mut fields = message.fields();
        while let Some(field) = fields.next() {
            let field = field?;
            match field.number {
                span::ATTRIBUTES => {
                    let mut attribute = Some(field.message()?);
                    // Attributes stand side by side in any span that an encoder has written.
                    while let Some(message) = attribute {
                        self.attribute(message, attributes, found, &mut reading)
                            .map_err(|m| m.within("attributes", attributes))?;
                        attributes += 1;
                        attribute = fields.next_usual::<{ span::ATTRIBUTES }>();
                    }
                }
                span::TRACE_ID => ids.0 = field.message()?.bytes().try_into().ok(),
                span::SPAN_ID => ids.1 = field.message()?.bytes().try_into().ok(),
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
        let call = reading
            .as_ref()
            .and_then(|reading| reading.role(kind, self.trust_upstream).map(|role| (reading, role)));
        let index = found.calls.len() as u32;
        if let Some(ids) = ids {
            found.spans.push(SpanNote { ids, call: call.is_some().then_some(index) });
        }
        if let Some((reading, role)) = call {
            let (_, frame) = open(field, parent, plan)?;
            let [
                operation,
                provider,
                host,
                asked,
                served,
                response_id,
                tier_asked,
                tier_served,
                error_type,
                cloud,
                cloud_region,
            ] = reading.names;
            found.calls.push(Call {
                ids,
                frame,
                resource: (found.resources.len() - 1) as u32,
                scope: Text::default(),
                name,
                kind: kind as u8,
                end_unix_nano: if end == 0 { start } else { end },
                failed: code == ERROR || !error_type.is_empty(),
                role,
                operation,
                provider,
                host,
                model_asked: asked,
                model_served: served,
                response_id,
                tier_asked,
                tier_served,
                cloud: Cloud { provider: cloud, region: cloud_region },
                usage: reading.usage(),
                reported: reading.reported,
                ours: reading.ours,
                dimensions: reading.dimensions,
            });
        } else if let Some(reading) = reading {
            found.dimensions.drop_last(reading.dimensions);
        }
        Ok(())
    }

    #[inline(always)]
    fn attribute<'a>(
        &self,
        message: Message<'a>,
        position: usize,
        found: &mut Found<'a>,
        reading: &mut Option<Reading<'a>>,
    ) -> Result<(), Malformed> {
        match Attribute::usual(message) {
            Some(attribute) => self.note(attribute, position, found, reading),
            None => self.odd_attribute(message, position, found, reading),
        }
    }

    /// Apart from the usual ones, which so stay in registers: a third of the time went into meeting here.
    #[inline(never)]
    fn odd_attribute<'a>(
        &self,
        message: Message<'a>,
        position: usize,
        found: &mut Found<'a>,
        reading: &mut Option<Reading<'a>>,
    ) -> Result<(), Malformed> {
        self.note(Attribute::any(message)?, position, found, reading)
    }

    #[inline(always)]
    fn note<'a>(
        &self,
        attribute: Attribute<'a>,
        position: usize,
        found: &mut Found<'a>,
        reading: &mut Option<Reading<'a>>,
    ) -> Result<(), Malformed> {
        let meanings = self.keys.meanings_at(position, attribute.key, &mut found.hints);
        if !meanings.is_empty() {
            let reading = reading.get_or_insert_with(|| Reading::new(found.dimensions.open()));
            for ranked in meanings {
                reading.take(*ranked, &attribute, &mut found.dimensions)?;
            }
        }
        Ok(())
    }

    fn resource<'a>(
        &self,
        resource: Message<'a>,
        says: &mut Resource<'a>,
        dimensions: &mut DimensionTable<'a>,
    ) -> Result<(), Malformed> {
        for field in resource.fields() {
            let field = field?;
            if field.number == resource::ATTRIBUTES {
                let attribute = Attribute::read(field.message()?)?;
                if let Some(nth) = SENDER.iter().position(|key| attribute.key == *key) {
                    says.sender[nth] = attribute.scalar()?.text().unwrap_or_default();
                }
                for ranked in self.keys.meanings(attribute.key) {
                    let text = || attribute.scalar().map(|value| value.text().unwrap_or_default());
                    match ranked.meaning {
                        Meaning::Dimension(index) => {
                            dimensions.say(says.dimensions, index, ranked.rank, attribute.scalar()?);
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

fn open<'a>(
    field: &Field<'a>,
    parent: FrameId,
    plan: &mut Plan,
) -> Result<(Message<'a>, FrameId), Malformed> {
    let message = field.message()?;
    Ok((message, plan.frame(parent, message)))
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
