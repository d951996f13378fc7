//! The digest of a server's own definition of a tool, by which a change is seen. Clients get the contract's words anyway.

use std::fmt::Write as _;

use callgate_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::model::Tool;

/// The members of a definition that tell a model or a client how to use the tool.
const MEMBERS: [&str; 6] = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];

// === impl Tool ===

impl Tool {
    /// Returns the digest of the server's definition that was reviewed, `sha256:` and 64 hexadecimal digits, if the contract has one.
    #[must_use]
    pub fn definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }
}

/// Returns the digest of a tool in the answer to a `tools/list`: of the canonical JSON (RFC 8785) of its name, title, description, schemas
/// and annotations. A missing member is the same as `null`; icons and `_meta` do not count.
#[must_use]
pub fn definition_digest(tool: &Value) -> String {
    let member =
        |name: &str| tool.get(name).filter(|value| !value.is_null()).map(|value| (name.to_owned(), value.clone()));
    let members: Map<String, Value> = MEMBERS.into_iter().filter_map(member).collect();
    let hash = Sha256::digest(callgate_json::canonical(&Value::Object(members)).as_bytes());
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
