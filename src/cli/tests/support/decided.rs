//! Contracts of one file, and the decisions on calls under them.

use callgate_contract::{Caller, Contract, Conversation, Files, ProposedCall, Verdict, decide, load};
use serde_json::Value;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("no {path}"))
    }
}

/// Compiles a contract without references to files. `name` is for the message of a fault.
pub fn compiled(name: &str, text: &str) -> Contract {
    load("c.yaml", text, &NoFiles).unwrap_or_else(|errors| panic!("{name}: {errors}\n{text}"))
}

/// Decides a call, and returns `allow`, `ask`, or the code with its place and reason.
pub fn verdict(contract: &Contract, role: &str, tool: &str, arguments: &Value) -> String {
    let text = arguments.to_string();
    let call = ProposedCall { name: tool, arguments: &text };
    match decide(contract, &Caller::new("acme", role), &Conversation::default(), &call) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(_) => "ask".to_owned(),
        Verdict::Deny(violation) => format!("{} {}: {}", violation.code, violation.pointer, violation.message),
    }
}
