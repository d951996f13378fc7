//! Code mode: the calls of a program are decided as calls of the same role.
//!
//! A program may call only tools whose rules are decided here in full. A tool with a rule that needs more than the call itself (sources of
//! values, rates, approval, facts of the conversation, a run at the executor) is refused inside a program, and may be called directly.

use callgate_json::{Value, name_in_sentence};
use callgate_kinds::Reading;
use callgate_kinds::script::InnerCall;
use callgate_limits::Unit;
use callgate_provenance::Extent;

use super::JudgedString;
use crate::conditions::reads_conversation;
use crate::decide::{Caller, Conversation, ProposedCall, Verdict, decide};
use crate::model::{Approval, Contract, Role, Tool};
use crate::run::Run;
use crate::violation::{Code, Violation};

/// The result of the calls of a program.
#[derive(Default)]
pub(crate) struct InnerOutcome {
    /// The first call for which a person must approve the program.
    pub(crate) held: Option<Violation>,
    /// The first broken rule that is not enforced.
    pub(crate) shadowed: Option<Violation>,
}

/// Decides each call of each program in the arguments.
pub(crate) fn check(
    contract: &Contract,
    caller: &Caller,
    conversation: &Conversation<'_>,
    tool: &Tool,
    judged: &[JudgedString],
) -> Result<InnerOutcome, Violation> {
    let mut outcome = InnerOutcome::default();
    let mut before = conversation.calls_before;
    for JudgedString { pointer, judgement, .. } in judged {
        let Reading::Script(calls) = &judgement.reading else { continue };
        for (position, call) in calls.iter().enumerate() {
            // The program itself is a call too.
            before = before.saturating_add(1);
            let inner = Conversation { calls_before: before, ..*conversation };
            let place = InnerPlace { tool, pointer, position, call };
            match one(contract, caller, &inner, &place) {
                Ok(Verdict::Allow(approved)) => {
                    outcome.shadowed = outcome.shadowed.or(approved.shadowed.map(|inner| place.named(&inner)))
                }
                Ok(Verdict::NeedsApproval(approved)) => {
                    outcome.shadowed = outcome.shadowed.or(approved.shadowed.map(|inner| place.named(&inner)));
                    let asked = || place.violation(Code::ApprovalRequired, "", "expected a person's approval");
                    let because = approved.because.map_or_else(asked, |inner| place.named(&inner));
                    outcome.held.get_or_insert(because);
                }
                Ok(Verdict::Deny(inner)) => return Err(place.named(&inner)),
                Err(reason) => return Err(place.violation(Code::ArgumentForbidden, "", reason)),
            }
        }
    }
    Ok(outcome)
}

fn one<'c>(
    contract: &'c Contract,
    caller: &Caller,
    conversation: &Conversation<'_>,
    place: &InnerPlace<'_>,
) -> Result<Verdict<'c>, &'static str> {
    let name = &place.call.name;
    let arguments = match contract.tool(name) {
        Some(tool) => {
            callable(contract, contract.role(&caller.role), tool)?;
            of_text(tool, &place.call.arguments)?
        }
        None => place.call.arguments.clone(),
    };
    Ok(decide(contract, caller, conversation, &ProposedCall { name, arguments: &arguments }))
}

/// Refuses a tool with a rule that only a call by itself is held to.
fn callable(contract: &Contract, role: Option<&Role>, tool: &Tool) -> Result<(), &'static str> {
    let counts_calls = |role: &Role| role.limits.iter().any(|limit| limit.unit == Unit::Calls);
    let conditions = tool.when.iter().chain(role.and_then(|role| role.when.as_ref())).map(|when| &when.condition);
    let rules = contract.conversation.as_ref().map(|policy| &policy.rules);
    let reasons = [
        (tool.marks.iter().any(|mark| mark.kind == callgate_kinds::Kind::Script), "expected no program in a program"),
        (!matches!(tool.run, Run::Client), "expected a tool that the client runs; call this one directly"),
        (tool.reads_texts(), "expected a tool without rules about the sources of values; call this one directly"),
        (
            tool.sources.output.confidential != Extent::Nowhere,
            "expected a tool without confidential results; call this one directly",
        ),
        (tool.approval != Approval::Never, "expected a tool that needs no approval; call this one directly"),
        (
            !tool.limits.is_empty() || role.is_some_and(counts_calls),
            "expected a tool and a role whose calls have no rate; call this one directly",
        ),
        (
            rules.is_some_and(|rules| rules.max_calls.is_some()),
            "expected a contract without `maxCalls`; call this tool directly",
        ),
        (contract.authorize, "expected a contract without `authorize`; call this tool directly"),
        (
            conditions.into_iter().any(reads_conversation),
            "expected a tool whose conditions do not read the conversation; call this one directly",
        ),
    ];
    match reasons.into_iter().find(|(is_there, _)| *is_there) {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

/// Returns the arguments as an object. A text alone is the only member of a tool that takes one text.
fn of_text(tool: &Tool, arguments: &str) -> Result<String, &'static str> {
    if !arguments.trim_start().starts_with('"') {
        return Ok(arguments.to_owned());
    }
    let members = tool.parameters().get("properties").and_then(Value::as_object);
    let mut names = members.into_iter().flatten();
    match (names.next(), names.next()) {
        (Some((name, schema)), None) if schema.get("type").and_then(Value::as_str) == Some("string") => {
            Ok(format!("{{{}:{arguments}}}", Value::from(name.as_str())))
        }
        _ => Err("expected an object of arguments; the tool takes more than one text"),
    }
}

/// A call in a program.
struct InnerPlace<'p> {
    tool: &'p Tool,
    /// The place of the program.
    pointer: &'p str,
    position: usize,
    call: &'p InnerCall,
}

// === impl InnerPlace ===

impl InnerPlace<'_> {
    /// Returns the violation of an inner call as one of the program.
    fn named(&self, inner: &Violation) -> Violation {
        self.violation(inner.code, &inner.pointer, &inner.message)
    }

    fn violation(&self, code: Code, inner: &str, message: &str) -> Violation {
        let place = if inner.is_empty() { String::new() } else { format!(" at {inner}") };
        // A name of the model's is not repeated: only the program's own call could show it.
        let sentence = message.to_owned();
        let message = format!("{sentence} (call {} of the program, line {}{place})", self.position + 1, self.call.line);
        Violation::new(code, &inner_name(self), self.pointer.to_owned(), message)
    }
}

/// Returns the program's tool and the inner one.
fn inner_name(place: &InnerPlace<'_>) -> String {
    format!("{}/{}", place.tool.name(), name_in_sentence(&place.call.name))
}
