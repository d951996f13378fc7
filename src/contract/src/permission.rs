//! The one answer to "may this role use this tool", for declared tools and for calls.

use crate::model::{Contract, Role, Tool};
use crate::violation::Code;

/// The reason why a role may not use a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// The contract has no tool of that name.
    ToolNotInContract,
    /// The role may not use the tool, or the contract has no such role.
    RoleForbidden,
}

// === impl Forbidden ===

impl Forbidden {
    /// Returns the code of the violation.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::ToolNotInContract => Code::ToolNotInContract,
            Self::RoleForbidden => Code::RoleForbidden,
        }
    }
}

// === impl Contract ===

impl Contract {
    /// Looks up a tool for a role; `None` is a role the contract lacks.
    ///
    /// # Errors
    /// [`Forbidden`] if the contract lacks the tool, or the role may not use it.
    pub fn permit(&self, role: Option<&Role>, name: &str) -> Result<&Tool, Forbidden> {
        let tool = self.tool(name).ok_or(Forbidden::ToolNotInContract)?;
        match role {
            Some(role) if role.may_use(tool) => Ok(tool),
            Some(_) | None => Err(Forbidden::RoleForbidden),
        }
    }
}
