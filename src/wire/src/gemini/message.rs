//! Reads candidates and their parts, and finds calls in wrong places.
//!
//! The members of a part name its kind. A part of a tool of the provider is refused unless the request asked for the tool. A part
//! of an unknown kind is dropped if it can neither carry nor trigger a call, else refused.

use callgate_json::{Map, Value, span};

use crate::checks::{self, MAX_CHOICES, exact_keys, folds_to, holds_something, small, text};
use crate::{ChoiceIndex, ShapeError, unknown};

/// Members that name the kind of a part: texts and data, and the results of tools of the provider.
const SAYS: [&str; 3] = ["text", "inlineData", "fileData"];
const CODE: [&str; 2] = ["executableCode", "codeExecutionResult"];
const TOOL: [&str; 2] = ["toolCall", "toolResponse"];

/// Members beside those. They go with a call, and back with it.
pub(super) const BESIDE: [&str; 12] = [
    "thought",
    "thoughtSignature",
    "thought_signature",
    "partMetadata",
    "videoMetadata",
    "mediaResolution",
    "mediaProcessing",
    "audioTranscription",
    "audioMetadata",
    "speechMetadata",
    "documentMetadata",
    "spreadsheetMetadata",
];

/// The kinds of [`TOOL`] parts (`toolType`), and the tool a request must ask for.
const TOOL_TYPES: [(&str, &str); 5] = [
    ("GOOGLE_SEARCH_WEB", "googleSearch"),
    ("GOOGLE_SEARCH_IMAGE", "googleSearch"),
    ("URL_CONTEXT", "urlContext"),
    ("GOOGLE_MAPS", "googleMaps"),
    ("FILE_SEARCH", "fileSearch"),
];

/// One of `candidates`.
pub(super) struct Candidate<'a> {
    pub(super) index: ChoiceIndex,
    /// Empty while the candidate has no end.
    pub(super) finish: &'a str,
    pub(super) members: &'a Map<String, Value>,
    pub(super) role: &'a str,
    pub(super) parts: Vec<Part<'a>>,
}

/// One of `parts`.
pub(super) enum Part<'a> {
    Call(RawCall<'a>),
    /// Any other part, with the text it shows to a person (a thought shows none).
    Said {
        value: &'a Value,
        shown: &'a str,
    },
    /// An unknown kind without a call, which is dropped.
    Unknown,
}

/// A `functionCall`; empty means missing.
pub(super) struct RawCall<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    /// The text of `args` as it came, `{}` if there are none.
    pub(super) args: &'a str,
    /// The text of `partialArgs`.
    pub(super) pieces: Option<&'a str>,
    /// More of the call follows.
    pub(super) goes_on: bool,
    /// The part.
    pub(super) part: &'a Map<String, Value>,
}

// === impl RawCall ===

impl RawCall<'_> {
    /// Returns true if it is not the whole call.
    pub(super) fn is_piece(&self) -> bool {
        self.goes_on || self.pieces.is_some()
    }

    /// Returns true if it says nothing, as the last piece of a call does.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_piece() && self.id.is_empty() && self.name.is_empty() && self.args == "{}"
    }
}

// === impl Candidate ===

impl<'a> Candidate<'a> {
    pub(super) fn calls(&self) -> impl Iterator<Item = &RawCall<'a>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            Part::Said { .. } | Part::Unknown => None,
        })
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Unknown))
    }

    pub(super) fn has_calls(&self) -> bool {
        self.calls().next().is_some()
    }

    /// The parts without calls and with any content.
    pub(super) fn said(&self) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter_map(|part| match part {
            Part::Said { value, .. } if !is_blank(value) => Some(*value),
            Part::Said { .. } | Part::Call(_) | Part::Unknown => None,
        })
    }

    /// Returns true if it shows text.
    pub(super) fn shows(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Said { shown, .. } if !shown.is_empty()))
    }
}

/// Reads the candidates of an answer or an event with the JSON text `text`; none if there are none. `tools` are the provider's
/// tools of the request.
pub(super) fn candidates<'a>(
    body: &'a Map<String, Value>,
    text: &'a [u8],
    tools: &[String],
) -> Result<Vec<Candidate<'a>>, ShapeError> {
    no_call_but(body, &["candidates"])?;
    let entries = match body.get("candidates") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) if entries.len() > MAX_CHOICES => return Err(ShapeError::TooMany),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(ShapeError::Type { at: "candidates", expected: "an array" }),
    };
    let read = |(position, entry)| candidate(position, entry, tools);
    let mut found = entries.iter().enumerate().map(read).collect::<Result<Vec<_>, ShapeError>>()?;
    if found.iter().any(Candidate::has_calls) {
        take_arguments(&mut found, text);
    }
    Ok(found)
}

fn candidate<'a>(position: usize, entry: &'a Value, tools: &[String]) -> Result<Candidate<'a>, ShapeError> {
    let Value::Object(members) = entry else {
        return Err(ShapeError::Type { at: "candidates[]", expected: "an object" });
    };
    no_call_but(members, &["content"])?;
    let index = match members.get("index") {
        None | Some(Value::Null) => ChoiceIndex::at(position),
        Some(index) => ChoiceIndex::new(small(index, "candidates[].index")?),
    };
    let finish = text(members, "finishReason")?;
    // The default of the enumeration: as good as none.
    let finish = if finish == "FINISH_REASON_UNSPECIFIED" { "" } else { finish };
    let (role, parts) = match members.get("content") {
        None | Some(Value::Null) => ("", Vec::new()),
        Some(Value::Object(content)) => (text(content, "role")?, parts(content, tools)?),
        Some(_) => return Err(ShapeError::Type { at: "candidates[].content", expected: "an object" }),
    };
    Ok(Candidate { index, finish, members, role, parts })
}

fn parts<'a>(content: &'a Map<String, Value>, tools: &[String]) -> Result<Vec<Part<'a>>, ShapeError> {
    no_call_but(content, &["parts"])?;
    match content.get("parts") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(parts)) => parts.iter().map(|value| part(value, tools)).collect(),
        Some(_) => Err(ShapeError::Type { at: "parts", expected: "an array" }),
    }
}

fn part<'a>(value: &'a Value, tools: &[String]) -> Result<Part<'a>, ShapeError> {
    let Value::Object(members) = value else {
        return Err(ShapeError::Type { at: "parts[]", expected: "an object" });
    };
    no_call_but(members, &["functionCall"])?;
    text(members, "thoughtSignature")?;
    let is_thought = match members.get("thought") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_thought)) => *is_thought,
        Some(_) => return Err(ShapeError::Type { at: "parts[].thought", expected: "true or false" }),
    };
    let mut kind = None;
    let mut is_unknown = false;
    for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let key = key.as_str();
        if BESIDE.contains(&key) {
            continue;
        }
        if key == "functionCall" || SAYS.contains(&key) || is_asked_for(key, value, tools) {
            if kind.replace(key).is_some() {
                return Err(ShapeError::Type { at: "parts[]", expected: "of one kind" });
            }
        } else if CODE.contains(&key) || TOOL.contains(&key) || unknown::no_member_of_call(key, value).is_err() {
            return Err(ShapeError::UnknownPart);
        } else {
            is_unknown = true;
        }
    }
    if kind == Some("functionCall") {
        return call(members).map(Part::Call);
    }
    if is_unknown && kind.is_none() {
        return Ok(Part::Unknown);
    }
    let shown = text(members, "text")?;
    Ok(Part::Said { value, shown: if is_thought { "" } else { shown } })
}

/// Returns true if a member is the work of a provider's tool the request asked for.
fn is_asked_for(key: &str, value: &Value, tools: &[String]) -> bool {
    let asked = |tool: &str| tools.iter().any(|asked| asked == tool);
    if CODE.contains(&key) {
        return asked("codeExecution");
    }
    let kind = value.get("toolType").and_then(Value::as_str).filter(|_| TOOL.contains(&key));
    TOOL_TYPES.iter().any(|(of, tool)| kind == Some(of) && asked(tool))
}

fn call(part: &Map<String, Value>) -> Result<RawCall<'_>, ShapeError> {
    let Some(Value::Object(call)) = part.get("functionCall") else {
        return Err(ShapeError::Type { at: "functionCall", expected: "an object" });
    };
    no_call_but(call, &["args"])?;
    exact_keys(call, &["id", "name", "args", "partialArgs", "willContinue", "partial_args", "will_continue"])?;
    let is_said = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    if ["partial_args", "will_continue"].iter().any(|key| call.get(*key).is_some_and(is_said)) {
        return Err(ShapeError::Type { at: "functionCall", expected: "spelled as servers write it" });
    }
    let goes_on = match call.get("willContinue") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(goes_on)) => *goes_on,
        Some(_) => return Err(ShapeError::Type { at: "functionCall.willContinue", expected: "true or false" }),
    };
    let pieces = match call.get("partialArgs") {
        None | Some(Value::Null) => None,
        Some(Value::Array(pieces)) => Some("[]").filter(|_| !pieces.is_empty()),
        Some(_) => return Err(ShapeError::Type { at: "functionCall.partialArgs", expected: "an array" }),
    };
    let has_args = call.get("args").is_some_and(holds_something);
    if has_args && (goes_on || pieces.is_some()) {
        return Err(ShapeError::Type { at: "functionCall", expected: "whole or in pieces, and not both" });
    }
    if call.get("args").is_some_and(|args| !args.is_object() && !args.is_null()) {
        return Err(ShapeError::Type { at: "functionCall.args", expected: "an object" });
    }
    Ok(RawCall { id: text(call, "id")?, name: text(call, "name")?, args: "{}", pieces, goes_on, part })
}

/// Finds the arguments of every call in the text.
fn take_arguments<'a>(candidates: &mut [Candidate<'a>], text: &'a [u8]) {
    let entries = span::items(span::member(text, "candidates").unwrap_or_default());
    for (candidate, entry) in candidates.iter_mut().zip(entries) {
        let parts = span::member(entry, "content").and_then(|content| span::member(content, "parts"));
        for (part, entry) in candidate.parts.iter_mut().zip(span::items(parts.unwrap_or_default())) {
            let Part::Call(call) = part else { continue };
            let member = |name| span::member(entry, "functionCall").and_then(|call| span::member(call, name));
            if call.pieces.is_some() {
                call.pieces = member("partialArgs").and_then(|pieces| std::str::from_utf8(pieces).ok());
            }
            let args = member("args");
            let args = args.and_then(|args| std::str::from_utf8(args).ok()).filter(|args| *args != "null");
            call.args = args.unwrap_or("{}");
        }
    }
}

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call)
}

/// Refuses calls anywhere in an object but under the members `expected`, which the caller reads.
pub(super) fn no_call_but(members: &Map<String, Value>, expected: &[&str]) -> Result<(), ShapeError> {
    checks::no_call_but(members, expected, is_call)
}

/// Returns true for the two spellings, in any case, and for the clients' name of the list of an answer's calls.
fn is_call(key: &str, value: &Value) -> bool {
    // The lengths in bytes of keys that can fold to one of them; nearly every key ends here.
    matches!(key.len(), 12..=15)
        && ["functionCall", "function_call", "functionCalls", "function_calls"].iter().any(|known| folds_to(key, known))
        && holds_something(value)
}

/// A part with nothing in it but an empty text, as the last of a stream often is.
pub(super) fn is_blank(part: &Value) -> bool {
    let empty = |(key, value): (&String, &Value)| value.is_null() || (key == "text" && value == "");
    part.as_object().is_some_and(|members| members.iter().all(empty))
}
