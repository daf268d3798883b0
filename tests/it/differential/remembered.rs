//! What is read does not hang on what was read before.

use std::cell::{Cell, RefCell};

use pricetag::genai::dialects::Dialects;
use pricetag::genai::found::Found;
use pricetag::genai::recognise::Recogniser;
use pricetag::otlp::splice::Plan;
use prost::Message as _;

use super::reference::DIMENSIONS;
use super::tape::{self, Tape};
use super::wire::{self, Kind};
use super::{brief, fail, traffic};

/// Everything that was found, in words.
fn read(recogniser: &Recogniser, body: &[u8], found: Found<'static>) -> (String, Found<'static>) {
    let (mut plan, mut found) = (Plan::default(), found.recycle());
    let result = recogniser.read(body, &mut plan, &mut found);
    let Found { spans, calls, resources, mentions, groups, span_count, .. } = &found;
    let said = format!(
        "{result:?} {plan:?} {spans:?} {calls:#?} {resources:?} {mentions:?} {groups:?} {span_count}"
    );
    (said, found.recycle())
}

/// Scenario: 5,000 requests, of which every other one is written in unusual bytes. Each is read by somebody who has read nothing, by
/// somebody who has read this one just before, and by somebody who has read all the others.
/// Guarantees: all of them find the same.
#[test]
fn what_is_expected_changes_nothing() {
    let dimensions = DIMENSIONS
        .map(|(name, _, keys)| (name.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect()));
    let recogniser = Recogniser { dialects: Dialects::new(&[], &dimensions), trust_upstream: true };
    let all = RefCell::new(Found::default());
    let calls = Cell::new(0);
    tape::check(5_000, 3_000, |tape| {
        let (content, noise) = tape.split_at(tape.len() / 2);
        let request = traffic::request(&mut Tape::new(content));
        let mut body = request.encode_to_vec();
        if tape.len() % 2 == 0 {
            body = wire::scramble(Kind::Request, &body, &mut Tape::new(noise));
        }
        let (at_first, found) = read(&recogniser, &body, Found::default());
        let (again, _) = read(&recogniser, &body, found);
        let (after_others, found) = read(&recogniser, &body, all.take());
        all.replace(found);
        calls.set(calls.get() + at_first.matches("Call {").count());
        for said in [again, after_others] {
            if said != at_first {
                return Err(fail(format!("of {}\nfirst {at_first}\nthen {said}", brief(&request))));
            }
        }
        Ok(())
    });
    assert!(calls.get() > 2_000, "{calls:?}");
}
