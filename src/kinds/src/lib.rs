//! Argument kinds: the meaning of string arguments, judged by rules that a person can read.
//!
//! A reader accepts only a text that every program which may receive it reads alike, and refuses all others with a place and a reason.
//! A refusal never holds a value. Rules are allow-lists: what no entry names is refused.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod characters;
pub mod cidr;
pub mod command;
pub mod email;
mod kind;
mod lines;
pub mod patch;
pub mod path;
mod profile;
mod profile_source;
mod refusal;
mod rule_error;
pub mod script;
pub mod sql;
pub mod url;

pub use kind::{CommandForm, Given, Judgement, Kind, KindRefusal, PathMode, Reading, judge};
pub use path::{Os, RootPattern, Workspace};
pub use profile::{Profile, ProfileFault};
pub use profile_source::{EmailSource, HostSource, ProfileSource};
pub use refusal::{Decision, Refusal, Spot};
pub use rule_error::RuleError;
