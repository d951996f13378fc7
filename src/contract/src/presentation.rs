//! A verdict for people and for programs, as the command and the executor print it.

use callgate_json::Value;
use serde_json::json;

use crate::decide::Verdict;
use crate::model::{Contract, Role};
use crate::nearest::nearest;
use crate::violation::Violation;

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
            "tool": approved.tool.name(),
            "run": approved.tool.run().as_str(),
            "arguments": approved.arguments,
            "contract": named,
            });
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
