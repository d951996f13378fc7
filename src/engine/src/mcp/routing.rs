//! The headers that repeat a part of a message since revision 2026-07-28: read, compared with the body, written from the forwarded body.
//!
//! Something between the client and the server may route by them, so a header that differs from the body is a second, undecided call.
//! The server gets only headers that the gate has computed from the forwarded body.

use callgate_contract::{ArgumentHeader, Tool};
use callgate_json::Value;
use callgate_wire::mcp::{McpRequest, header};

use super::methods::Method;
use crate::headers::Headers;
use crate::seal::Bearer;
use crate::{Code, Refusal};

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const ARGUMENT: &str = "mcp-param-";

/// The maximum headers of arguments in one request.
const MOST_HEADERS: usize = 64;

/// Headers to set in a forwarded request: names in lower case, and values.
pub(crate) type SetHeaders = Vec<(String, String)>;

/// The headers of a request that repeat parts of its message.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoutingHeaders {
    /// The revision.
    version: String,
    method: Option<String>,
    name: Option<String>,
    /// Headers of arguments: the whole name in lower case, and the value.
    arguments: Vec<(String, String)>,
    /// The first header that is repeated or is not text.
    faulty: Option<String>,
    /// The bearer of sealed texts, if the gate seals some.
    pub(super) bearer: Option<Bearer>,
}

/// Returns true for a header that repeats a part of a message.
pub(crate) fn is_routing(name: &str) -> bool {
    name == METHOD || name == NAME || name.starts_with(ARGUMENT)
}

/// Returns true for a name that servers in the manner of CGI (`HTTP_MCP_NAME`) take for another header of MCP.
pub(crate) fn is_alias(name: &str) -> bool {
    if !name.contains('_') || is_routing(name) {
        return false;
    }
    let name = name.replace('_', "-");
    is_routing(&name) || matches!(&*name, "mcp-protocol-version" | "mcp-session-id")
}

// === impl RoutingHeaders ===

impl RoutingHeaders {
    pub(crate) fn read(version: &str, headers: &Headers<'_>) -> Self {
        let mut read = Self { version: version.to_owned(), ..Self::default() };
        for (name, value) in headers.iter().filter(|(name, _)| is_routing(name)) {
            let is_new = match std::str::from_utf8(value).map(str::to_owned) {
                Err(_) => false,
                Ok(value) => match *name {
                    METHOD => read.method.replace(value).is_none(),
                    NAME => read.name.replace(value).is_none(),
                    name => {
                        let is_new = read.arguments.iter().all(|(known, _)| known != name);
                        read.arguments.push((name.to_owned(), value));
                        is_new && read.arguments.len() <= MOST_HEADERS
                    }
                },
            };
            if !is_new {
                read.faulty.get_or_insert_with(|| (*name).to_owned());
                break;
            }
        }
        read
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
        let arguments = self.arguments.iter().map(|(name, value)| name.capacity().saturating_add(value.capacity()));
        arguments.fold(text(&self.method).saturating_add(text(&self.name)), usize::saturating_add)
    }

    /// Compares the headers of every request with the body. `stated` is the body's revision.
    pub(crate) fn check(&self, stated: &str, method: &str, row: Method, request: &McpRequest) -> Result<(), Refusal> {
        if let Some(faulty) = &self.faulty {
            return Err(mismatch(faulty, "is there more than once, or is not text"));
        }
        if stated != self.version {
            return Err(mismatch("mcp-protocol-version", "is another revision than the body's `_meta`"));
        }
        if self.method.as_deref() != Some(method) {
            return Err(mismatch(METHOD, "is missing, or is not the body's `method`"));
        }
        let expected = row.named_by.and_then(|member| request.parameter(member)).unwrap_or_default();
        match (&self.name, row.named_by) {
            (None, None) => {}
            // A request without a name is refused for that.
            (None, Some(_)) if expected.is_empty() => {}
            (Some(name), Some(_)) if header::decode(name).as_deref() == Some(expected) => {}
            (Some(_), None) => return Err(mismatch(NAME, "has no counterpart in a body of this method")),
            (_, Some(_)) => return Err(mismatch(NAME, "is missing, or is not the body's name or URI")),
        }
        if request.call().is_none() && !self.arguments.is_empty() {
            return Err(mismatch(ARGUMENT, "belongs to a call of a tool"));
        }
        Ok(())
    }

    /// Compares the headers of arguments with a call's arguments. A header that the contract's schema does not name cannot be compared.
    pub(crate) fn check_arguments(&self, tool: &Tool, arguments: &Value) -> Result<(), Refusal> {
        let known = tool.argument_headers();
        if let Some((name, _)) = self.arguments.iter().find(|(name, _)| known.iter().all(|known| known.header != *name))
        {
            return Err(mismatch(name, "is not an `x-mcp-header` of the tool's schema; list the tools again"));
        }
        for known in known {
            let header = self.arguments.iter().find(|(name, _)| *name == known.header).map(|(_, value)| value);
            let agree = match (header, known.value(arguments).and_then(written)) {
                (None, None) => true,
                (Some(header), Some(value)) => {
                    header::decode(header).is_some_and(|header| is_same(known, &header, &value))
                }
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !agree {
                return Err(mismatch(&known.header, "is not the argument of the call; list the tools again"));
            }
        }
        Ok(())
    }

    /// Returns the headers whose form differs from the one the gate writes, in this form. `tool` and `arguments` are of a call.
    pub(crate) fn rewritten(&self, name: Option<&str>, called: Option<(&Tool, &Value)>) -> SetHeaders {
        let mut set = SetHeaders::new();
        if let (Some(name), Some(raw)) = (name, &self.name) {
            let name = header::encode(name);
            if name != raw.as_str() {
                set.push((NAME.to_owned(), name.into_owned()));
            }
        }
        let Some((tool, arguments)) = called else { return set };
        for known in tool.argument_headers() {
            let Some(value) = known.value(arguments).and_then(written) else { continue };
            let value = header::encode(&value).into_owned();
            if self.arguments.iter().all(|(name, raw)| *name != known.header || *raw != value) {
                set.push((known.header.clone(), value));
            }
        }
        set
    }
}

/// Returns the text of an argument for its header.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(callgate_json::canonical(value)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Compares a header with its argument. Whole numbers are compared by value: `42.0` is 42.
fn is_same(known: &ArgumentHeader, header: &str, value: &str) -> bool {
    if header == value {
        return true;
    }
    let Some((whole, fraction)) = header.split_once('.') else { return false };
    known.is_integer && whole == value && !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0')
}

/// Refuses a header. The sentence never has its value.
pub(crate) fn mismatch(header: &str, because: &str) -> Refusal {
    Refusal::at(Code::McpHeaderMismatch, header, format!("The header `{header}` {because}."))
}
