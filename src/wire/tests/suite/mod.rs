//! The helpers and the properties of every dialect's tests: each test target takes them in as a module.
//!
//! A dialect implements [`Subject`] and writes `suite::properties!(…)`: every property then holds for it.

#![allow(dead_code, unused_imports, unused_macros, reason = "each dialect uses its part")]

mod carried;
mod deltas;
mod fast_path;
mod fates;
mod properties;
mod recordings;

pub(crate) use carried::{carried, finished};
pub(crate) use deltas::{
    calls, calls_of_choices, canonical, chunks, deltas, ended, frames, passed, shown, shown_with, tool_call,
};
pub(crate) use fast_path::{Sample, choices, fast_equals_slow};
pub(crate) use fates::{all_kept, keep, replaced};
pub(crate) use properties::{
    Cuts, REFUSED, SECRET, Subject, Turn, any_chunking, calls_of_the_answer, cuts, fate, no_part_of_a_held_call,
    policies, properties, secrets, stream_equals_answer,
};
pub(crate) use recordings::{recordings, text};
