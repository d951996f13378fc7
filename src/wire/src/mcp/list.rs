//! Lists of tools: a server's, and a client's in the contract's words.

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Span, Value};

use super::{Era, McpAnswer};
use crate::checks::exact_keys;
use crate::{Declaration, ShapeError};

/// The maximum tools in one page of a list.
const MAX_TOOLS: usize = 4096;

/// A tool in a server's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// True if it describes its results; clients insist on a structured one then.
    pub structured: bool,
}

/// A tool in a client's list.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// Name, description and schema of the arguments.
    pub declaration: &'a Declaration,
    /// The schema of the results, an object's.
    pub result: Option<&'a Value>,
    /// The tool's effects on its surroundings.
    pub hints: Hints,
}

/// The annotations by which clients decide to ask a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// The tool changes nothing.
    pub read_only: bool,
    /// The tool may destroy something.
    pub destructive: bool,
}

// === impl McpAnswer ===

impl McpAnswer {
    /// The tools in the answer to a `tools/list`.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer.
    pub fn listed(&self) -> Result<Vec<Listed>, ShapeError> {
        let result = self.members();
        exact_keys(result, &["tools", "nextCursor"])?;
        if result.get("nextCursor").is_some_and(|cursor| !cursor.is_null() && !cursor.is_string()) {
            return Err(ShapeError::Type { at: "result.nextCursor", expected: "a string" });
        }
        let Some(Value::Array(tools)) = result.get("tools") else {
            return Err(ShapeError::Type { at: "result.tools", expected: "an array" });
        };
        if tools.len() > MAX_TOOLS {
            return Err(ShapeError::TooMany);
        }
        let listed = |tool: &Value| {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            Listed { name, structured: tool.get("outputSchema").is_some_and(Value::is_object) }
        };
        Ok(tools.iter().map(listed).collect())
    }

    /// Makes the answer to a `tools/list` list these, in these words, and nothing else but the cursor of the next page.
    pub fn list(&mut self, tools: &[Listing<'_>], era: Era) {
        let tools: Vec<String> = tools.iter().map(listing).collect();
        let cursor = self.members().get("nextCursor").filter(|cursor| cursor.is_string());
        let next = cursor.map(|cursor| format!(r#","nextCursor":{cursor}"#)).unwrap_or_default();
        let kept = if era == Era::Stateless { self.kept() } else { String::new() };
        self.replace(format!(r#"{{"tools":[{}]{next}{kept}}}"#, tools.join(",")));
    }

    /// Adds tools to the end of a list that keeps the server's own words.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer.
    pub fn add_tools(&mut self, tools: &[Listing<'_>]) -> Result<(), ShapeError> {
        if tools.is_empty() {
            return Ok(());
        }
        let listed = self.members().get("tools").and_then(Value::as_array).map(Vec::is_empty);
        let wrong = ShapeError::Type { at: "result.tools", expected: "an array" };
        let result = self.result_text();
        let own = Span::whole(result.as_bytes()).get("tools").map(Span::text);
        let (Some(is_empty), Some(own)) = (listed, own) else { return Err(wrong) };
        let own = own.trim_end().strip_suffix(']').unwrap_or(&own).to_owned();
        let comma = if is_empty { "" } else { "," };
        let text = format!("{own}{comma}{}]", tools.iter().map(listing).collect::<Vec<_>>().join(","));
        let edit = Edit { member: "tools", text: Some(text) };
        let result = splice::write(result.as_bytes(), &Map::new(), &[edit]);
        // The bytes were read as UTF-8.
        self.replace(String::from_utf8(result).unwrap_or_default());
        Ok(())
    }

    /// Returns true if no other page follows this one of a list.
    #[must_use]
    pub fn is_last_page(&self) -> bool {
        !self.members().get("nextCursor").is_some_and(Value::is_string)
    }
}

/// Writes a tool as a client's list has it.
pub(super) fn listing(listing: &Listing<'_>) -> String {
    let mut text = listing.declaration.object("inputSchema");
    text.pop();
    if let Some(result) = listing.result {
        text.push_str(&format!(r#","outputSchema":{result}"#));
    }
    let Hints { read_only, destructive } = listing.hints;
    text.push_str(&format!(r#","annotations":{{"readOnlyHint":{read_only},"destructiveHint":{destructive}}}}}"#));
    text
}
