//! The literal provenance of values: does a value of a call occur in a text, or at a place of a result?
//!
//! - [`normal`]: the normal form in which all texts are compared.
//! - [`Text`]: a normalised text, and the search for whole tokens in it.
//! - [`Place`]: a JSON Pointer with wildcards, and the values at it.
//! - [`History`]: the texts, calls and results of a conversation, and the search of values in them.
//! - [`entities`]: the tokens of a text that name a host, an address, an account or a key.
//!
//! ```
//! use callgate_provenance::{Place, Text, normal};
//!
//! let said = Text::new("Please send it to Ann@Example.org, not to her home.");
//! assert!(said.holds(&normal("ann@example.org")));
//! assert!(!said.holds(&normal("example.org")), "a part of a token is another token");
//!
//! let place: Place = "#/*/email".parse()?;
//! let result = callgate_json::read(br#"[{"email": "ann@example.org"}]"#).unwrap();
//! assert_eq!(place.values(&result).count(), 1);
//! # Ok::<(), callgate_provenance::PlaceError>(())
//! ```
//!
//! Everything is linear in the bytes of the text. Not covered: values that are computed, translated or encoded.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod content;
mod entities;
mod history;
mod needle;
mod normal;
mod number;
mod output;
mod place;
mod scalars;
mod text;
mod yaml;

pub use content::Content;
pub use entities::{Entity, EntityKind, entities};
pub use history::{Finding, History, HistoryBuilder, ResultSource, Sighting, SightingPlace, Speaker, ValueSource};
pub use needle::Needle;
pub use normal::{is_invisible, normal};
pub use number::Decimal;
pub use output::{Extent, Outputs, ResultFormat, ToolOutput, Trust};
pub use place::{Place, PlaceError, PlaceValue, Values};
pub use text::Text;
