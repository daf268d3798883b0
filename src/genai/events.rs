//! Calls that are told by log records: coding assistants send an event for each request to a model.
//!
//! Only records of scopes that some dialect names are read; of all others the framing is checked, and no more. Records are
//! never edited.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::call::{Ids, LOG_EVENT};
use super::dialects::{DialectId, UNKNOWN};
use super::found::{Found, SpanNote};
use super::reading::{Place, Reading};
use super::recognise::{Recogniser, name_of};
use crate::otlp::fields::{log_record, logs, resource_logs, scope_logs};
use crate::otlp::items::{bounded, bounded_resources};
use crate::otlp::splice::FrameId;
use crate::otlp::view::{Attribute, Scalar, Text};
use crate::otlp::wire::{Malformed, Message};

/// The trace of a record that has none, from the record's identity. It is alone there: settlement finds the span of the same call
/// by what both tell.
pub const fn lone_trace(identity: u64) -> [u8; 16] {
    ((identity as u128) << 64 | identity.rotate_left(32) as u128).to_be_bytes()
}

/// Whether a trace is one that [`lone_trace`] made up.
pub fn is_lone(trace: [u8; 16]) -> bool {
    let trace = u128::from_be_bytes(trace);
    lone_trace((trace >> 64) as u64) == trace.to_be_bytes()
}

impl Recogniser {
    /// Reads a request of log records; `self` knows the dialects' events.
    ///
    /// # Errors
    /// [`Malformed`], with the place; nothing has been counted then.
    pub fn read_logs<'a>(&self, body: &'a [u8], found: &mut Found<'a>) -> Result<(), Malformed> {
        for field in Message::whole(body)?.fields() {
            let field = field?;
            if field.number == logs::RESOURCE_LOGS {
                let index = found.resources.len();
                self.resource_logs(field.message()?, found).map_err(|m| m.within("resource_logs", index))?;
            }
        }
        Ok(())
    }

    fn resource_logs<'a>(&self, message: Message<'a>, found: &mut Found<'a>) -> Result<(), Malformed> {
        let index = found.open_resource();
        bounded_resources(found.resources.len(), message.end())?;
        let mut scopes = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                resource_logs::RESOURCE => {
                    self.resource(field.message()?, &mut found.resources[index], &mut found.mentions)
                        .map_err(|m| m.within("resource", 0))?;
                }
                resource_logs::SCOPE_LOGS => {
                    self.scope_logs(field.message()?, found).map_err(|m| m.within("scope_logs", scopes))?;
                    scopes += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn scope_logs<'a>(&self, message: Message<'a>, found: &mut Found<'a>) -> Result<(), Malformed> {
        let scope = message.fields().try_fold(Text::default(), |name, field| {
            let field = field?;
            if field.number == scope_logs::SCOPE { name_of(field.message()?, name) } else { Ok(name) }
        })?;
        let dialect = self.dialects.of_scope(scope);
        let mut records = 0;
        for field in message.fields() {
            let field = field?;
            if field.number == scope_logs::LOG_RECORDS {
                let record = field.message()?;
                let read = match dialect {
                    UNKNOWN => record.fields().try_for_each(|field| field.map(drop)),
                    _ => self.record(record, scope, dialect, found),
                };
                read.map_err(|m| m.within("log_records", records))?;
                records += 1;
                bounded(found.span_count + records as u64, record.end())?;
            }
        }
        found.span_count += records as u64;
        Ok(())
    }

    fn record<'a>(
        &self,
        message: Message<'a>,
        scope: Text<'a>,
        dialect: DialectId,
        found: &mut Found<'a>,
    ) -> Result<(), Malformed> {
        let table = self.dialects.get(dialect);
        let conditions = table.conditions();
        // Bit n: the n-th condition holds.
        let mut held = 0_u64;
        let mut holds = |key: &[u8], value: Text<'_>| {
            for (nth, (name, pattern)) in conditions.iter().enumerate().take(64) {
                held |= u64::from(**name == *key && pattern.matches(value.0)) << nth;
            }
        };
        let (mut ids, mut time, mut observed) = ((None, [0; 8]), 0, 0);
        let mut reading = Reading::new(dialect, found.mentions.open());
        let mut attributes = 0;
        for field in message.fields() {
            let field = field?;
            match field.number {
                log_record::ATTRIBUTES => {
                    let attribute = Attribute::read(field.message()?)?;
                    for ranked in self.dialects.keys().meanings(attribute.key()) {
                        reading
                            .take(*ranked, &attribute, &mut found.mentions)
                            .map_err(|m| m.within("attributes", attributes))?;
                    }
                    match attribute.scalar()? {
                        Scalar::String(text) => holds(attribute.key(), text),
                        Scalar::Int(number) => holds(attribute.key(), number.to_string().as_str().into()),
                        Scalar::Bool(bit) => {
                            holds(attribute.key(), if bit { "true" } else { "false" }.into())
                        }
                        _ => {}
                    }
                    attributes += 1;
                }
                log_record::EVENT_NAME => holds(b"event.name", Text(field.message()?.bytes())),
                log_record::BODY => {
                    if let Scalar::String(text) = Scalar::of(field.message()?)? {
                        holds(b"body", text);
                    }
                }
                log_record::TRACE_ID => ids.0 = field.message()?.bytes().try_into().ok(),
                log_record::SPAN_ID => ids.1 = field.message()?.bytes().try_into().unwrap_or_default(),
                log_record::TIME => time = field.fixed64()?,
                log_record::OBSERVED_TIME => observed = field.fixed64()?,
                _ => {}
            }
        }
        reading.finish(table, Text::default());
        if reading.wants_documents(table) {
            self.documents(message, log_record::ATTRIBUTES, &mut reading, &mut found.mentions)?;
        }
        let all = u64::MAX.checked_shr(64 - conditions.len().min(64) as u32).unwrap_or(0);
        let role = reading.role(LOG_EVENT.into(), self.trust_upstream);
        let (true, true, Some(role)) = (held == all, reading.tells_usage(), role) else {
            return Ok(());
        };
        // A record has no id: its bytes make one, so that the same record sent again is known.
        let own = FixedState::default().hash_one(message.bytes());
        let trace = ids.0.filter(|trace| *trace != [0; 16]);
        let ids = Ids {
            trace: trace.unwrap_or(lone_trace(own)),
            span: own.to_be_bytes(),
            // Without a span above it, it is its own: no record is the root of a trace.
            parent: Some(ids.1).filter(|id| trace.is_some() && *id != [0; 8]).unwrap_or(own.to_be_bytes()),
        };
        found.spans.push(SpanNote {
            ids,
            call: Some(found.calls.len() as u32),
            said: reading.dimensions,
            is_agent: false,
        });
        let place = Place {
            ids: Some(ids),
            frame: FrameId::BODY,
            resource: (found.resources.len() - 1) as u32,
            name: scope,
            kind: LOG_EVENT,
            end_unix_nano: if time == 0 { observed } else { time },
            failed: false,
            trace_state: Text::default(),
        };
        found.push_call(|call| {
            reading.fill(call, role, table, place);
            call.scope = scope;
        });
        Ok(())
    }
}
