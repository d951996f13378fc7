//! The input of a policy.

use serde_json::{Value, json};

use crate::settings::PolicyFact;

/// Everything a policy can see of a call.
#[derive(Clone, Debug, Default)]
pub struct PolicyInput {
    /// The tool.
    pub tool: String,
    /// Its effects: `read`, `write` or `destructive`.
    pub effects: &'static str,
    /// The arguments as they were checked: RFC 8785 text of an object.
    pub arguments: String,
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// The contract that allowed the call.
    pub contract: PolicyContract,
    /// The model of the request, if the gate sent it.
    pub model: Option<String>,
    /// The facts of the conversation, if the gate sent them.
    pub conversation: Option<Value>,
}

/// The contract of a call.
#[derive(Clone, Debug, Default)]
pub struct PolicyContract {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
}

// === impl PolicyInput ===

impl PolicyInput {
    /// Returns the input as one line of JSON, with these facts. `Err` names a missing fact.
    pub(crate) fn document(&self, facts: &[PolicyFact]) -> Result<String, PolicyFact> {
        let PolicyContract { name, version, digest } = &self.contract;
        let mut members = json!({
            "tool": self.tool,
            "effects": self.effects,
            "caller": { "tenant": self.tenant, "role": self.role },
            "contract": { "name": name, "version": version, "digest": digest },
        });
        for fact in facts {
            let value = match fact {
                PolicyFact::Model => self.model.as_deref().map(Value::from),
                PolicyFact::Conversation => self.conversation.clone(),
            };
            let value = value.ok_or(*fact)?;
            if let Some(members) = members.as_object_mut() {
                members.insert(fact.as_str().to_owned(), value);
            }
        }
        let members = members.to_string();
        let rest = members.strip_prefix('{').unwrap_or_default();
        Ok(format!("{{\"arguments\":{},{rest}", self.arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> PolicyInput {
        PolicyInput {
            arguments: r#"{"a":"\n"}"#.into(),
            conversation: Some(json!({ "rounds": 1 })),
            ..PolicyInput::default()
        }
    }

    #[test]
    fn the_document_is_one_line_of_json_with_the_facts_that_are_read() {
        let text = input().document(&[PolicyFact::Conversation]).unwrap();
        assert!(!text.contains('\n'));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&document["arguments"]["a"], &document["conversation"]["rounds"]), (&json!("\n"), &json!(1)));
        assert_eq!(document.as_object().unwrap().len(), 6);
        let without: Value = serde_json::from_str(&input().document(&[]).unwrap()).unwrap();
        assert_eq!(without.get("conversation"), None);
        assert_eq!(input().document(&[PolicyFact::Model]), Err(PolicyFact::Model));
    }
}
