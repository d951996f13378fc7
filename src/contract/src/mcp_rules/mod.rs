//! `spec.mcp`: the rules for an MCP server beyond its tools. A resource or a prompt that is not listed is not there for a client, and a
//! server may ask a client for nothing that the contract does not name.

mod asked;
mod definition;

use std::sync::Arc;
use std::time::Duration;

use callgate_json::Value;
use callgate_kinds::url::{HostRules, ResourcePattern, ResourceUri};

use crate::model::Contract;
use crate::schema::Schema;
use crate::violation::{Code, Violation};

pub use asked::{AskedInput, AskedKind};
pub use definition::definition_digest;

/// The rules for an MCP server beyond its tools.
#[derive(Debug, Default)]
pub struct McpRules {
    pub(crate) resources: Vec<ResourceRule>,
    pub(crate) prompts: Vec<PromptRule>,
    pub(crate) elicitation: Option<ElicitationRule>,
    pub(crate) sampling: Option<SamplingRule>,
    pub(crate) roots: bool,
    pub(crate) drops_logs: bool,
    /// The longest time for which a client may ask about a task.
    pub(crate) task_lifetime: Option<Duration>,
}

/// Resources that a client may read.
#[derive(Debug)]
pub struct ResourceRule {
    pub(crate) pattern: ResourcePattern,
    pub(crate) offer: OfferRule,
}

/// A prompt that a client may take.
#[derive(Debug)]
pub struct PromptRule {
    pub(crate) name: String,
    pub(crate) arguments: Arc<Schema>,
    pub(crate) offer: OfferRule,
}

/// The fields that resources and prompts have in common.
#[derive(Debug, Default)]
pub struct OfferRule {
    /// The words for a client, in place of the server's.
    pub description: Option<String>,
    /// The maximum bytes of the content, as JSON text.
    pub max_bytes: Option<u64>,
    /// The roles that have it; none for every role.
    pub(crate) roles: Vec<String>,
}

/// The rule for questions to a person.
#[derive(Debug)]
pub(crate) struct ElicitationRule {
    pub(crate) max_per_call: u32,
    pub(crate) max_bytes: u64,
    pub(crate) hosts: HostRules,
}

/// The rule for questions to the client's model.
#[derive(Debug)]
pub(crate) struct SamplingRule {
    pub(crate) max_tokens: u64,
    pub(crate) max_per_call: u32,
    pub(crate) max_bytes: u64,
}

/// The reason why a message of MCP is refused. The sentence has no value of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpDenial {
    /// The broken rule.
    pub code: McpDenialCode,
    /// One sentence.
    pub message: String,
}

/// The broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpDenialCode {
    /// The contract lists no such resource for the role, or the URI cannot be read for certain.
    Resource,
    /// The contract lists no such prompt for the role.
    Prompt,
    /// A server may not ask a client for this, or not in this form.
    Input,
}

// === impl Contract ===

impl Contract {
    /// Returns the rules for an MCP server beyond its tools.
    #[must_use]
    pub fn mcp(&self) -> &McpRules {
        &self.mcp
    }
}

// === impl McpDenial ===

impl McpDenial {
    fn new(code: McpDenialCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

// === impl McpRules ===

impl McpRules {
    /// Returns the rule for a resource.
    ///
    /// # Errors
    /// The role has no such resource, or two programs could read the URI in different ways.
    pub fn resource(&self, role: &str, uri: &str) -> Result<&ResourceRule, McpDenial> {
        let deny = |message: String| McpDenial::new(McpDenialCode::Resource, message);
        let read = ResourceUri::read(uri)
            .map_err(|refusal| deny(format!("expected a URI that every program reads alike; it {}", refusal.reason)))?;
        let rule = self.resources.iter().find(|rule| rule.offer.has(role) && rule.pattern.matches(&read));
        rule.ok_or_else(|| {
            deny(format!("expected a resource in `spec.mcp.resources` of the contract for role `{role}`"))
        })
    }

    /// Returns true if a role has this resource.
    #[must_use]
    pub fn is_resource_of_any_role(&self, uri: &str) -> bool {
        ResourceUri::read(uri).is_ok_and(|uri| self.resources.iter().any(|rule| rule.pattern.matches(&uri)))
    }

    /// Returns true if there are resources.
    #[must_use]
    pub fn has_resources(&self) -> bool {
        !self.resources.is_empty()
    }

    /// Returns true if there are prompts.
    #[must_use]
    pub fn has_prompts(&self) -> bool {
        !self.prompts.is_empty()
    }

    /// Returns the rule for a template of URIs, if one of its URIs may be allowed.
    #[must_use]
    pub fn template(&self, role: &str, template: &str) -> Option<&ResourceRule> {
        self.resources.iter().find(|rule| rule.offer.has(role) && rule.pattern.may_meet(template))
    }

    /// Returns the rule for a prompt.
    ///
    /// # Errors
    /// The role has no such prompt.
    pub fn prompt(&self, role: &str, name: &str) -> Result<&PromptRule, McpDenial> {
        self.prompts.iter().find(|rule| rule.offer.has(role) && rule.name == name).ok_or_else(|| {
            let message = format!("expected a prompt in `spec.mcp.prompts` of the contract for role `{role}`");
            McpDenial::new(McpDenialCode::Prompt, message)
        })
    }

    /// Checks the reference of a `completion/complete`, and the name of the argument.
    ///
    /// # Errors
    /// The role has no such prompt or resource, or the prompt no such argument.
    pub fn completes(&self, role: &str, reference: &Value, argument: &str) -> Result<(), McpDenial> {
        let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "ref/prompt" => {
                let prompt = self.prompt(role, text("name"))?;
                if prompt.argument_names().any(|name| name == argument) {
                    return Ok(());
                }
                let message = "expected the name of an argument of the contract's prompt";
                Err(McpDenial::new(McpDenialCode::Prompt, message))
            }
            "ref/resource" if self.template(role, text("uri")).is_some() => Ok(()),
            _ => {
                let message =
                    format!("expected a prompt, or a template of resources, of the contract for role `{role}`");
                Err(McpDenial::new(McpDenialCode::Resource, message))
            }
        }
    }

    /// Returns the longest time for which a client may ask about a task, if a server may answer a call with one.
    #[must_use]
    pub fn task_lifetime(&self) -> Option<Duration> {
        self.task_lifetime
    }

    /// Returns true if a server may ask for something, up to a number of times for one call.
    #[must_use]
    pub fn counts_questions(&self) -> bool {
        self.elicitation.is_some() || self.sampling.is_some()
    }

    /// Returns true if the log messages of a server are dropped.
    #[must_use]
    pub fn drops_logs(&self) -> bool {
        self.drops_logs
    }

    /// Returns true if a server may ask a client for this, in some form.
    #[must_use]
    pub fn may_ask(&self, kind: AskedKind) -> bool {
        match kind {
            AskedKind::Elicitation => self.elicitation.is_some(),
            AskedKind::Sampling => self.sampling.is_some(),
            AskedKind::Roots => self.roots,
        }
    }
}

// === impl ResourceRule ===

impl ResourceRule {
    /// Returns its words and limits.
    #[must_use]
    pub fn offer(&self) -> &OfferRule {
        &self.offer
    }
}

// === impl PromptRule ===

impl PromptRule {
    /// Returns its words and limits.
    #[must_use]
    pub fn offer(&self) -> &OfferRule {
        &self.offer
    }

    /// Returns the schema of its arguments.
    #[must_use]
    pub fn arguments(&self) -> &Value {
        self.arguments.value()
    }

    /// Returns the names of its arguments.
    pub fn argument_names(&self) -> impl Iterator<Item = &str> {
        let properties = self.arguments().get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// Checks arguments. Missing ones are `{}`.
    ///
    /// # Errors
    /// The place, and the expected value. `tool` is the prompt's name.
    pub fn check(&self, arguments: &Value) -> Result<(), Violation> {
        if arguments.is_object() && self.arguments.accepts(arguments) {
            return Ok(());
        }
        let problem = self.arguments.explain(arguments);
        Err(Violation::new(Code::ArgumentsInvalid, &self.name, problem.pointer, problem.message))
    }
}

// === impl OfferRule ===

impl OfferRule {
    fn has(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|known| known == role)
    }
}
