//! What an LLM call is: how instrumentations write it on spans, and what it used. Pure.
//!
//! Read in this order: [`dialect`] (which attribute means what, as data), [`keys`] (those tables, ready for
//! look-ups), [`recognise`] (one pass over a request that finds the calls), `reading` (what one span's
//! attributes say), [`call`] (what a call is),
//! [`usage`] (totals and parts turned into disjoint buckets).

pub mod call;
pub mod dialect;
pub mod dimensions;
pub mod keys;
mod reading;
pub mod recognise;
pub mod usage;
