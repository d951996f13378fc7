//! A verdict for people and for programs, as the command and the executor print it.

use callgate_json::Value;
use serde_json::json;

use crate::decide::Verdict;
use crate::model::{Contract, Role, Tool};
use crate::nearest::nearest;
use crate::violation::{Code, Violation};

/// The maximum number of tool names in a message.
const LISTED_TOOLS: usize = 32;

/// Returns a denial for people, on four lines. It suggests the nearest name if the tool or the role is unknown.
pub fn denial_text(violation: &Violation, contract: &Contract, tool: &str, role: &str) -> String {
    let place = if violation.pointer.is_empty() { "the whole call" } else { &violation.pointer };
    let near = match (contract.tool(tool), contract.role(role)) {
        (None, _) => nearest(tool, contract.tools().iter().map(|tool| tool.name())),
        (_, None) => nearest(role, contract.roles().map(Role::name)),
        _ => None,
    };
    let hint = near.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
    format!(
        "deny   {tool} for {role}\n  code       {code}\n  at         {place}\n  because    {message}{hint}\n",
        tool = violation.tool,
        code = violation.code.as_str(),
        message = violation.message,
    )
}

/// Returns a verdict for programs: the tool, the contract, and the arguments or the reason.
pub fn verdict_json(verdict: &Verdict<'_>, contract: &Contract) -> Value {
    let named = json!({ "name": contract.name(), "version": contract.version(), "digest": contract.digest() });
    match verdict {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            let mut allowed = json!({
            "verdict": if matches!(verdict, Verdict::Allow(_)) { "allow" } else { "needs_approval" },
            "tool": &*approved.name,
            "run": approved.tool.run().as_str(),
            "arguments": approved.arguments,
            "contract": named,
            });
            if let (Value::Object(members), true) = (&mut allowed, approved.tool.is_glob()) {
                members.insert("glob".to_owned(), Value::from(approved.tool.name()));
            }
            if let (Value::Object(members), Some(violation)) = (&mut allowed, &approved.shadowed) {
                let shadowed = json!({ "code": violation.code.as_str(), "pointer": violation.pointer, "message": violation.message });
                members.insert("shadowed".to_owned(), shadowed);
            }
            allowed
        }
        Verdict::Deny(violation) => json!({
            "verdict": "deny",
            "tool": violation.tool,
            "code": violation.code.as_str(),
            "pointer": violation.pointer,
            "message": violation.message,
            "contract": named,
        }),
    }
}

/// The sentence of a violation as the model may read it.
///
/// If the role may not use the named tool, the sentence lists the tools it may use, at most 32. A model that is
/// asked again needs the list. It is for the model only: clients and logs get [`Violation::message`].
pub fn message_for_model(contract: &Contract, role: &str, violation: &Violation) -> String {
    let is_about_names = matches!(violation.code, Code::ToolNotInContract | Code::RoleForbidden);
    let mut names = contract.role(role).into_iter().flat_map(|role| role.tools(contract)).map(Tool::name);
    let listed: Vec<String> = names.by_ref().take(LISTED_TOOLS).map(|name| format!("`{name}`")).collect();
    if matches!(violation.code, Code::ArgumentUnreadable | Code::ArgumentForbidden) {
        return without_byte(&violation.message);
    }
    if violation.code == Code::ArgumentsNotJson {
        // The place of a fault tells how long the values before it are.
        let (sentence, _) = violation.message.split_once(": ").unwrap_or((&violation.message, ""));
        return sentence.to_owned();
    }
    if !is_about_names || listed.is_empty() {
        return violation.message.clone();
    }
    let more = match names.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}: {}{more}", violation.message, listed.join(", "))
}

/// Returns a sentence without the byte at fault, which tells how long the text before it is.
fn without_byte(message: &str) -> String {
    let Some((before, after)) = message.split_once("; byte ") else { return message.to_owned() };
    let reason = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    match reason.strip_prefix(": ") {
        Some(reason) => format!("{before}; {reason}"),
        None => message.to_owned(),
    }
}
