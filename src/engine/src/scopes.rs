//! The scopes of an OAuth access token: the role that they give, and the answer that names a missing scope (RFC 6750 §3, RFC 9728 §5.1).

use std::collections::HashSet;

use callgate_contract::{Contract, Forbidden, Run};

use crate::gate::{GateError, Rules};
use crate::{Code, Refusal};

/// The roles that scopes give, and the address of the metadata that names the authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRoles {
    /// In order of precedence: a token has the role of the first of these scopes that it has.
    pub roles: Vec<ScopeRole>,
    /// The address of the resource's metadata (RFC 9728 §3), for challenges.
    pub metadata: Option<String>,
}

/// The role of one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRole {
    /// The scope, compared byte for byte.
    pub scope: String,
    /// The role of a token with it.
    pub role: String,
}

/// The header with the reason why a token does not suffice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(Box<str>);

// === impl Challenge ===

impl Challenge {
    /// Returns the value of `www-authenticate`.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.0
    }
}

// === impl ScopeRoles ===

impl ScopeRoles {
    /// Returns true for a scope with the characters of RFC 6749 §3.3. Any other one could end the quotes of a header.
    #[must_use]
    pub fn is_scope(text: &str) -> bool {
        let is_fit = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        !text.is_empty() && text.bytes().all(is_fit)
    }

    /// Refuses a list that can never match, and roles that no contract has.
    pub(crate) fn check(&self, all: &[&Rules]) -> Result<(), GateError> {
        if self.roles.is_empty() {
            return Err(GateError::NoScope);
        }
        if let Some(address) = self.metadata.as_ref().filter(|address| !Self::is_scope(address)) {
            return Err(GateError::ResourceMetadata { address: address.clone() });
        }
        let mut seen = HashSet::new();
        for ScopeRole { scope, role } in &self.roles {
            if !Self::is_scope(scope) || !seen.insert(scope) {
                return Err(GateError::Scope { scope: scope.clone() });
            }
            if all.iter().all(|rules| rules.contract.role(role).is_none()) {
                return Err(GateError::ScopeRole { scope: scope.clone(), role: role.clone() });
            }
        }
        Ok(())
    }

    /// Returns the role of a token with these scopes.
    pub(crate) fn role(&self, scopes: &[String]) -> Option<&str> {
        self.roles.iter().find(|entry| scopes.contains(&entry.scope)).map(|entry| entry.role.as_str())
    }

    /// Refuses a token without any scope that gives a role. It names the last scope of the list, the one with the lowest precedence.
    pub(crate) fn none(&self) -> Refusal {
        let message = "The token has no scope that gives a role here.";
        let scope = self.roles.last().map(|entry| entry.scope.as_str());
        self.insufficient(scope.unwrap_or_default(), message.to_owned())
    }

    /// Refuses a call to an MCP server that another scope would allow; `None` if no scope would.
    ///
    /// Only a scope before the caller's own can help, because the first one decides. The nearest one gives the fewest further rights.
    pub(crate) fn step_up(&self, contract: &Contract, role: &str, tool: &str) -> Option<Refusal> {
        let permit = |role: &str| contract.permit(contract.role(role), tool);
        if !matches!(permit(role), Err(Forbidden::RoleForbidden)) {
            return None;
        }
        // The server runs no tool of the executor, whatever the role.
        let may = |role: &str| permit(role).is_ok_and(|tool| matches!(tool.run(), Run::Client));
        let own = self.roles.iter().position(|entry| entry.role == role)?;
        let entry = self.roles.iter().take(own).rev().find(|entry| may(&entry.role))?;
        let message = format!("The token's scopes do not cover this call; `{}` does.", entry.scope);
        Some(self.insufficient(&entry.scope, message))
    }

    fn insufficient(&self, scope: &str, message: String) -> Refusal {
        let mut header = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        if let Some(address) = &self.metadata {
            header.push_str(&format!(r#", resource_metadata="{address}""#));
        }
        Refusal { challenge: Some(Challenge(header.into())), ..Refusal::new(Code::InsufficientScope, message) }
    }
}
