//! Redaction: finds values which a model or a client must not see, in texts and in JSON, and puts marks in their places.
//!
//! - [`Kind`]: built-in kinds of values, with checksums if the kind has one.
//! - [`Pattern`]: own patterns, in linear time.
//! - [`Policy`]: kinds and patterns to redact, patterns of refused texts, a size, exemptions.
//!
//! ```
//! use callgate_redact::{RedactionCounter, Kind, Pattern, Policy, Redactor, Rule};
//!
//! let number = Rule::Pattern { pattern: Pattern::new("EMP-[0-9]{6}")?, name: "employee_number".to_owned() };
//! let redactor = Redactor::new(vec![Rule::Kind(Kind::Iban), Rule::Kind(Kind::Email), number], Vec::new());
//! let policy = Policy { redactor, ..Policy::default() };
//!
//! let result = r#"{"id": "EMP-123456", "mail": "ann@example.org", "note": "no match"}"#;
//! let counter = RedactionCounter::default();
//! let redacted = policy.result_text(None, result, &counter).unwrap().unwrap();
//! assert_eq!(redacted, r#"{"id": "[redacted employee_number]", "mail": "[redacted email]", "note": "no match"}"#);
//! assert_eq!(policy.result_text(None, &redacted, &counter), Ok(None), "a redacted text stays as it is");
//! assert!(counter.counts().iter().any(|(kind, count)| (kind, count) == (Some(Kind::Email), 1)));
//! # Ok::<(), callgate_redact::PatternError>(())
//! ```
//!
//! The same text always gives the same text, so a conversation that is sent again stays equal byte by byte. The work is linear in the
//! bytes. No error has anything of the text in it.
//!
//! Not covered: values in base64, compressed or encrypted; digits in words; letters of other scripts with the look of Latin ones; values
//! split over several texts.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod counts;
mod json;
mod kinds;
mod mark;
mod pattern;
mod policy;
mod redactor;
mod view;

pub use counts::{RedactionCounter, RedactionCounts};
pub use kinds::Kind;
pub use pattern::{Pattern, PatternError};
pub use policy::{BLOCK_WORDS, Exemption, Policy, Refused};
pub use redactor::{Redactor, Rule};
