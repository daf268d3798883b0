//! What an LLM call is: how instrumentations write it on spans, and what it used. Pure.
//!
//! Read in this order: [`meaning`] (what an attribute can say), [`dialects`] (who says it with which keys, as data),
//! [`keys`] (those tables, ready for look-ups), [`recognise`] (one pass over a request that finds the calls; `events`:
//! the same for log records), `reading` (what one span's attributes say), [`call`] (what a call is), [`usage`] (totals and parts turned into disjoint
//! buckets).

mod asides;
pub mod call;
pub mod counts;
pub mod dialects;
pub mod dimensions;
mod document;
pub mod events;
pub mod found;
mod hints;
pub mod keys;
pub mod meaning;
pub mod pattern;
mod reading;
pub mod recognise;
pub mod sampling;
pub mod usage;
