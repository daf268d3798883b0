//! What an LLM call is: how instrumentations write it on spans, and what it used. Pure.

pub mod usage;
