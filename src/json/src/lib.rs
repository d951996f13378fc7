//! Strict reading and canonical writing of JSON text.
//!
//! Callgate decides on a parsed value and sends on what it wrote from that value. [`read`] therefore refuses every text that
//! two readers could take for different values (duplicate keys, numbers that are rounded, lone surrogates), and [`canonical`]
//! writes the one text (RFC 8785) that all of them take for the same.
//!
//! What it does not do: it gives JSON no meaning, and it reads whole texts only. `serde_json` must be built without
//! `arbitrary_precision`, which would hand numbers over as maps.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod canonical;
mod check;
mod error;
mod number;
mod object;
mod printable;
mod read;
pub mod span;
pub mod splice;
pub mod template;
mod text;

pub use canonical::canonical;
pub use check::check;
pub use error::ReadError;
pub use object::{Object, with_member};
pub use printable::printable;
pub use read::{MAX_DEPTH, MAX_VALUES, read, read_by_value, read_nearest};
pub use serde_json::{Map, Number, Value};
pub use span::Span;
pub use text::text;
