//! Conditions of a contract: a typed subset of the Common Expression Language (CEL, `cel-spec/doc/langdef.md`).
//!
//! [`Condition::compile`] parses a source and checks it against the types of an [`Environment`]. It refuses unknown names, wrong types,
//! unguarded optional members, and conditions whose cost has no bound. [`Condition::holds`] evaluates it on [`Facts`] with a bound on
//! steps. If the evaluation fails, the caller denies.
//!
//! ```
//! use callgate_condition::{Condition, Environment, Fact, Facts, Member, ObjectType, Type};
//! use callgate_json::read;
//!
//! let args = ObjectType::new([
//!     ("amount".to_owned(), Member::required(Type::Number)),
//!     ("note".to_owned(), Member::optional(Type::Text)),
//! ]);
//! let environment =
//!     Environment::default().fact("args", Member::required(Type::object(args))).fact("caller.role", Member::required(Type::Text));
//!
//! let condition = Condition::compile("args.amount <= 1000 || caller.role == 'manager'", &environment)?;
//! assert!(Condition::compile("args.note.size() < 10", &environment).is_err(), "an optional member needs a guard");
//!
//! struct Call(callgate_json::Value);
//! impl Facts for Call {
//!     fn fact(&self, index: usize) -> Option<Fact<'_>> {
//!         Some(if index == 0 { Fact::Json(&self.0) } else { Fact::Text("clerk".into()) })
//!     }
//! }
//! let call = |text: &str| Call(read(text.as_bytes()).unwrap());
//! assert_eq!(condition.holds(&call(r#"{"amount": 20.5}"#)), Ok(true));
//! assert_eq!(condition.holds(&call(r#"{"amount": 1000.5}"#)), Ok(false));
//! # Ok::<(), callgate_condition::ConditionError>(())
//! ```
//!
//! **Left out of CEL**: maps and messages, bytes, unsigned integers, indexes, `map`, `exists_one`, conversions, dynamic types. A whole
//! number literal may stand for a double. Numbers compare by value.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod check;
mod environment;
mod error;
mod evaluate;
mod guards;
mod parse;
mod patterns;
mod program;
mod syntax;
mod text;
mod time;
mod token;
mod types;
mod value;

pub use environment::Environment;
pub use error::{ConditionError, EvalError, Place, Problem};
pub use evaluate::Facts;
pub use patterns::Patterns;
pub use program::{Condition, LiteralArgument};
pub use time::{Duration, Timestamp};
pub use types::{ListType, Member, ObjectType, Type};
pub use value::Fact;

/// The maximum length of a source in bytes.
pub const MAX_SOURCE: usize = 4096;
/// The maximum nesting of a source.
pub const MAX_NESTING: usize = 48;
/// The maximum steps of an evaluation: one for each operation, and one for each 64 bytes of text that an operation reads.
pub const MAX_STEPS: u64 = 100_000;
