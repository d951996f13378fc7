//! Arguments that are headers too.
//!
//! Since revision 2026-07-28 of MCP, `x-mcp-header: NAME` in a schema makes a client repeat that argument as `Mcp-Param-NAME`. A client
//! drops a tool whose annotations break the rules (*Streamable HTTP*, Custom Headers from Tool Parameters). So they are errors here.

use callgate_json::Value;

use crate::keywords;
use crate::model::Tool;
use crate::problem::SchemaFault;
use crate::source::node::join;

const KEYWORD: &str = "x-mcp-header";

/// The maximum headers of one tool's arguments.
const MOST_HEADERS: usize = 32;

/// An argument of a tool that a client repeats in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentHeader {
    /// The header, in lower case: `mcp-param-` and the name.
    pub header: String,
    /// The members that lead to the argument.
    pub path: Vec<String>,
    /// The argument is a whole number.
    pub is_integer: bool,
}

// === impl ArgumentHeader ===

impl ArgumentHeader {
    /// Returns the value in a call's arguments; none if it is missing or null.
    #[must_use]
    pub fn value<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(arguments, |value, member| value.get(member)).filter(|value| !value.is_null())
    }
}

// === impl Tool ===

impl Tool {
    /// Returns the arguments that clients of MCP repeat in headers.
    #[must_use]
    pub fn argument_headers(&self) -> &[ArgumentHeader] {
        &self.argument_headers
    }
}

/// Returns the annotations of a schema of arguments, or every fault of them.
pub(crate) fn argument_headers(schema: &Value) -> Result<Vec<ArgumentHeader>, Vec<SchemaFault>> {
    let mut walk = HeaderWalk::default();
    walk.visit(schema, String::new(), Some(Vec::new()));
    if walk.found.len() > MOST_HEADERS {
        walk.fault("", format!("expected at most {MOST_HEADERS} arguments with `{KEYWORD}`"));
    }
    if walk.faults.is_empty() { Ok(walk.found) } else { Err(walk.faults) }
}

#[derive(Default)]
struct HeaderWalk {
    found: Vec<ArgumentHeader>,
    faults: Vec<SchemaFault>,
}

// === impl HeaderWalk ===

impl HeaderWalk {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.faults.push(SchemaFault { pointer: pointer.to_owned(), message: message.into() });
    }

    /// Visits a schema. `path` leads to its values by `properties` alone; none if another keyword is between.
    fn visit(&mut self, schema: &Value, pointer: String, path: Option<Vec<String>>) {
        let Value::Object(entries) = schema else { return };
        if let Some(name) = entries.get(KEYWORD) {
            self.annotated(name, schema, &join(&pointer, KEYWORD), path.as_deref());
        }
        for (key, value) in entries {
            let place = join(&pointer, key);
            match value {
                Value::Object(named) if key == "properties" => {
                    for (name, schema) in named {
                        let path = path.clone().map(|path| [path, vec![name.clone()]].concat());
                        self.visit(schema, join(&place, name), path);
                    }
                }
                _ => {
                    for (place, schema) in keywords::schemas(key, value, &place) {
                        self.visit(schema, place, None);
                    }
                }
            }
        }
    }

    fn annotated(&mut self, name: &Value, schema: &Value, pointer: &str, path: Option<&[String]>) {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            let message =
                "this argument cannot be found for certain; move it to a property that `properties` alone leads to";
            return self.fault(pointer, message);
        };
        let Some(name) = name.as_str().filter(|name| is_token(name)) else {
            return self.fault(pointer, "expected the name of a header without `Mcp-Param-`, such as `Region`");
        };
        let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
        if !matches!(kind, "string" | "integer" | "boolean") {
            return self.fault(pointer, "expected an argument with `type: string`, `integer` or `boolean`");
        }
        let header = format!("mcp-param-{}", name.to_ascii_lowercase());
        // Some servers take `_` and `-` in the name of a header for the same.
        let folded = |header: &str| header.replace('_', "-");
        if self.found.iter().any(|known| folded(&known.header) == folded(&header)) {
            return self.fault(pointer, "expected each header once; another argument has it, rename one");
        }
        self.found.push(ArgumentHeader { header, path: path.to_vec(), is_integer: kind == "integer" });
    }
}

/// Returns true for a `token` of RFC 9110 §5.6.2, short enough for a header's name.
fn is_token(text: &str) -> bool {
    let is_token_character = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_token_character)
}
