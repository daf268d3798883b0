//! What judging needs to know of calls, as hashes.

use crate::genai::call::{Call, LOG_EVENT};
use crate::genai::usage::Usage;
use crate::otlp::view::Text;
use crate::settlement::{Facts, OpenTraces, PARTS};

/// What the call before said, and its hashes: neighbours mostly have one resource, one scope and one model, and comparing
/// texts is cheaper than hashing them.
#[derive(Default)]
pub(super) struct Neighbour<'a> {
    /// One more than the number of the resource; zero: there was no call before.
    resource: u32,
    pub(super) sender: u64,
    scope: (Text<'a>, u64),
    names: [(Text<'a>, u64); 4],
    all_names: u64,
}

impl<'a> Neighbour<'a> {
    pub(super) fn meet(&mut self, table: &OpenTraces, call: &Call<'a>, sender: [Text<'_>; 3]) {
        if self.resource != call.resource + 1 {
            self.resource = call.resource + 1;
            self.sender = table.hash_all(sender.map(|text| table.hash(text)));
            self.all_names = 0;
        }
        if self.scope.0 != call.scope {
            self.scope = (call.scope, table.hash(call.scope));
        }
        let names = [call.provider, call.host, call.model_asked, call.model_served];
        if self.all_names == 0 || names.iter().zip(&self.names).any(|(now, (before, _))| now != before) {
            self.names = names.map(|name| (name, table.hash(name)));
            self.all_names = table.hash_all(self.names.map(|(_, hash)| hash));
        }
    }

    /// What judging needs to know of the call that was met.
    pub(super) fn facts(&self, table: &OpenTraces, call: &Call<'_>, event: u64) -> Facts {
        let usage = call.usage().unwrap_or(&Usage::NOTHING);
        let [provider, _, asked, served] = self.names.map(|(_, hash)| hash);
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
