//! Reads JSON strictly, writes it canonically, and edits it in place.
//!
//! Callgate decides on a parsed value and forwards the text written from that value. [`read`] therefore refuses every text that
//! two readers could take for different values: duplicate keys, rounded numbers, lone surrogates. [`canonical`] writes the one text
//! (RFC 8785) that all of them take for the same value. [`Span`], [`Object`] and [`splice`] read and change single values of a text
//! and keep the bytes of all others. [`template`] recognises a text that differs from an earlier one in a few values.
//!
//! ```
//! use callgate_json::{Object, ReadError, Span, canonical, read};
//!
//! // Strict reading, canonical writing.
//! let value = read(br#"{"b": 1.0, "a": "\u00e9"}"#)?;
//! assert_eq!(canonical(&value), r#"{"a":"é","b":1}"#);
//! assert!(matches!(read(br#"{"a": 1, "a": 2}"#), Err(ReadError::DuplicateKey { .. })));
//!
//! // Editing in place: unchanged members keep their bytes.
//! let mut request = Object::new(br#"{"model": "m", "temperature": 0.70}"#.to_vec());
//! assert_eq!(request.get("model").and_then(Span::string).as_deref(), Some("m"));
//! request.set("stream", "false".to_owned());
//! assert_eq!(request.write(), br#"{"model":"m","temperature":0.70,"stream":false}"#);
//! # Ok::<(), ReadError>(())
//! ```
//!
//! It gives JSON no meaning. [`TextScan`] checks a text while it arrives, and all else reads whole texts. `serde_json` must be built
//! without `arbitrary_precision`, which would hand numbers over as maps.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod accept;
mod canonical;
mod check;
mod error;
mod explain;
mod number;
mod object;
pub mod outline;
mod places;
mod pool;
mod printable;
mod read;
mod scan;
pub mod span;
pub mod splice;
mod survey;
pub mod template;
mod text;
mod text_scan;

pub use canonical::{canonical, read_canonical};
pub use check::{check, check_object, check_places};
pub use error::ReadError;
pub use object::{Members, Object, with_member};
pub use outline::{Changes, Item, Outline};
pub use places::Places;
pub use printable::{name_in_record, name_in_sentence};
pub use read::{MAX_DEPTH, MAX_VALUES, read, read_by_value, read_nearest};
pub use serde_json::{Map, Number, Value};
pub use span::{Key, Span};
pub use survey::Objects;
pub use text::text;
pub use text_scan::TextScan;
