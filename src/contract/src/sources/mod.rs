//! Rules about the sources of a call's values: `origin`, entities, confidential values, `requires`.
//!
//! | file | does |
//! |---|---|
//! | `leaves` | lists the values of the arguments, and the rules that cover them |
//! | `notes` | lists for a person the places that have a value |
//! | `origin`, `outgoing`, `requires` | decide one kind of rule each |
//! | `schema` | finds the part of a schema for a value |

mod leaves;
mod notes;
mod origin;
mod outgoing;
mod requires;
pub(crate) mod schema;

use std::sync::Arc;

use callgate_json::Value;
use callgate_provenance::{Extent, History, Outputs, Place, ToolOutput, ValueSource};
use regex::Regex;

use crate::decide::Conversation;
use crate::model::{Contract, Tool};
use crate::violation::{Code, Violation};
use leaves::Leaves;
pub use notes::{SourceNote, source_notes};

/// The texts of the conversation, for rules about the sources of values.
#[derive(Clone, Copy, Debug, Default)]
pub enum Texts<'h> {
    /// Nobody knows them. A value under such a rule counts as missing.
    #[default]
    Unknown,
    /// They are here.
    Known(&'h History),
    /// A gate that knows them decided these rules. With a violation, a person must approve the call because of it.
    Decided(Option<&'h Violation>),
}

/// The consequence of a broken rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// The call is refused; the default.
    #[default]
    Deny,
    /// A person must approve the call.
    Approve,
    /// The model is told, once in an exchange. After that a person must approve the call.
    Feedback,
    /// The call is allowed, and the broken rule is reported: the rule has `shadow: true`.
    Shadow,
}

/// The rules of one tool.
#[derive(Debug, Default)]
pub(crate) struct SourceRules {
    /// The view of the tool's own results.
    pub(crate) output: Arc<ToolOutput>,
    pub(crate) origins: Vec<OriginRule>,
    /// The consequence of a confidential value in the arguments, if they leave the organisation.
    pub(crate) egress: Option<Otherwise>,
    /// The consequence of an entity without an honest source.
    pub(crate) entities: Option<Otherwise>,
    pub(crate) requires: Option<Requires>,
}

/// A rule of `origin`.
#[derive(Debug)]
pub(crate) struct OriginRule {
    /// The place in the arguments. The rule covers every value at it and inside of it.
    pub(crate) place: Place,
    /// The sources of `from`; `None` without it.
    pub(crate) from: Option<From>,
    /// `notFrom: [untrusted]`.
    pub(crate) not_from_untrusted: bool,
    /// The consequence if the value is elsewhere.
    pub(crate) otherwise: Otherwise,
    /// The consequence if the value is nowhere.
    pub(crate) missing: Otherwise,
}

/// The sources of `from`.
#[derive(Debug)]
pub(crate) struct From {
    pub(crate) sources: Vec<ValueSource>,
    /// True if the values that the schema enumerates need no other source.
    pub(crate) contract: bool,
    /// The sources as the contract has them, for a sentence.
    pub(crate) shown: String,
}

/// The rule `requires`.
#[derive(Debug)]
pub(crate) struct Requires {
    pub(crate) untainted: bool,
    pub(crate) user: Option<Regex>,
    pub(crate) otherwise: Otherwise,
}

/// One decision on the rules of a call.
struct Check<'c> {
    tool: &'c Tool,
    conversation: &'c Conversation<'c>,
    /// The first broken rule for which a person must approve.
    held: Option<Violation>,
    /// The first broken rule that is not enforced.
    shadowed: Option<Violation>,
}

/// The rules that a call breaks and that do not deny it.
#[derive(Default)]
pub(crate) struct Broken {
    /// The first one for which a person must approve.
    pub(crate) held: Option<Violation>,
    /// The first one that is not enforced.
    pub(crate) shadowed: Option<Violation>,
}

/// Decides the rules about sources on valid arguments.
pub(crate) fn check(
    contract: &Contract,
    tool: &Tool,
    conversation: &Conversation<'_>,
    arguments: &Value,
) -> Result<Broken, Violation> {
    let rules = &tool.sources;
    if !rules.reads_texts() {
        return Ok(Broken::default());
    }
    let history = match conversation.texts {
        Texts::Unknown => None,
        Texts::Known(history) => Some(history),
        Texts::Decided(held) => return Ok(Broken { held: held.cloned(), shadowed: None }),
    };
    let leaves = Leaves::of(rules, arguments);
    let mut check = Check { tool, conversation, held: None, shadowed: None };
    origin::check(&mut check, history, &leaves)?;
    outgoing::check_entities(&mut check, history, &leaves)?;
    if contract.has_confidential() {
        outgoing::check_flow(&mut check, history, &leaves)?;
    }
    requires::check(&mut check, history)?;
    Ok(Broken { held: check.held, shadowed: check.shadowed })
}

// === impl SourceRules ===

impl SourceRules {
    /// Returns true if a decision needs the texts of the conversation.
    pub(crate) fn reads_texts(&self) -> bool {
        !self.origins.is_empty() || self.egress.is_some() || self.entities.is_some() || self.requires.is_some()
    }

    /// Returns true if a person may have to approve a call because of a broken rule. A rule that tells the model holds the call the next time.
    pub(crate) fn may_hold(&self) -> bool {
        let origins = self.origins.iter().flat_map(|rule| [rule.otherwise, rule.missing]);
        let others = [self.egress, self.entities, self.requires.as_ref().map(|requires| requires.otherwise)];
        origins.chain(others.into_iter().flatten()).any(|otherwise| otherwise != Otherwise::Deny)
    }

    /// Returns true if the model may be told of a broken rule.
    pub(crate) fn may_feed_back(&self) -> bool {
        let mut all = self.origins.iter().flat_map(|rule| [rule.otherwise, rule.missing]);
        all.any(|otherwise| otherwise == Otherwise::Feedback)
            || self.requires.as_ref().is_some_and(|requires| requires.otherwise == Otherwise::Feedback)
    }
}

// === impl Otherwise ===

impl Otherwise {
    /// Returns [`Self::Shadow`] for a rule with `shadow: true`, whatever its `otherwise` is.
    pub(crate) fn or_shadow(self, shadow: bool) -> Self {
        if shadow { Self::Shadow } else { self }
    }
}

// === impl Check ===

impl Check<'_> {
    /// Takes a broken rule: denies the call, or remembers that a person must approve it.
    fn broken(&mut self, otherwise: Otherwise, code: Code, pointer: &str, message: String) -> Result<(), Violation> {
        let violation = Violation::new(code, self.tool.name(), pointer.to_owned(), message);
        match otherwise {
            Otherwise::Deny => Err(violation),
            Otherwise::Feedback if self.conversation.can_feed_back => Err(Violation { feeds_back: true, ..violation }),
            Otherwise::Shadow => {
                self.shadowed.get_or_insert(violation);
                Ok(())
            }
            Otherwise::Approve | Otherwise::Feedback => {
                self.held.get_or_insert(violation);
                Ok(())
            }
        }
    }
}

// === impl Contract ===

impl Contract {
    /// Returns true if a tool has confidential results.
    fn has_confidential(&self) -> bool {
        self.tools().iter().any(|tool| tool.sources.output.confidential != Extent::Nowhere)
    }
}

impl Outputs for Contract {
    fn output(&self, tool: &str) -> Option<Arc<ToolOutput>> {
        Some(Arc::clone(&self.tool(tool)?.sources.output))
    }

    fn entry<'a>(&'a self, tool: &'a str) -> &'a str {
        self.tool(tool).map_or(tool, Tool::name)
    }

    fn trusts_users(&self) -> bool {
        self.trusts_users
    }
}
