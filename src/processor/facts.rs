//! What judging needs to know of calls, as hashes.

use crate::genai::call::{Call, LOG_EVENT};
use crate::genai::usage::Usage;
use crate::otlp::view::Text;
use crate::settlement::{Facts, OpenTraces, PARTS};

/// Hashes of what the call before said: neighbours mostly have one resource, one scope and one model.
#[derive(Default)]
pub(super) struct Neighbour<'a> {
    /// One more than the number of the resource; zero: there was no call before.
    resource: u32,
    pub(super) sender: u64,
    scope: (Text<'a>, u64),
    /// One more than [`Call::names`].
    named: u32,
    names: [u64; 4],
    all_names: u64,
}

impl<'a> Neighbour<'a> {
    pub(super) fn meet(&mut self, table: &OpenTraces, call: &Call<'a>, sender: [Text<'_>; 3]) {
        if self.resource != call.resource + 1 {
            self.resource = call.resource + 1;
            self.sender = table.hash_all(sender.map(|text| table.hash(text)));
        }
        // The calls of one `ScopeSpans` share the bytes of its name.
        if !std::ptr::eq(self.scope.0.0, call.scope.0) {
            self.scope = (call.scope, table.hash(call.scope));
        }
        if self.named != call.names + 1 {
            let names = [call.provider, call.host, call.model_asked, call.model_served];
            self.named = call.names + 1;
            self.names = names.map(|name| table.hash(name));
            self.all_names = table.hash_all(self.names);
        }
    }

    /// What judging needs to know of the call that was met.
    pub(super) fn facts(&self, table: &OpenTraces, call: &Call<'_>, event: u64) -> Facts {
        let usage = call.usage().unwrap_or(&Usage::NOTHING);
        let [provider, _, asked, served] = self.names;
        Facts {
            role: call.role,
            scope: self.scope.1,
            kind: call.kind,
            is_event: call.kind == LOG_EVENT,
            response_id: table.hash(call.response_id),
            asked,
            served,
            provider,
            names: self.all_names,
            sender: self.sender,
            event,
            input: usage.input_tokens(),
            output: usage.output_tokens(),
            parts: PARTS.map(|bucket| u32::try_from(usage[bucket]).unwrap_or(u32::MAX)),
            richness: usage.richness() as u8,
        }
    }
}
