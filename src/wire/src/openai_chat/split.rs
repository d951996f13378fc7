//! Splits one event: the news of each choice in it, and the events for its parts.

use std::borrow::Cow;

use callgate_json::{Item, Map, Value};

use super::calls::{self, RawCall};
use super::{checks, head};
use crate::outlined::{is_short, text_of};
use crate::{ChoiceIndex, End, ShapeError};

/// Members of a chunk for each of its parts; `usage` is for the last only. Others might repeat a call.
const CHUNK: [&str; 8] =
    ["id", "object", "created", "model", "provider", "service_tier", "system_fingerprint", "obfuscation"];
/// The forwarded members of a choice with fragments of calls: others might repeat them.
const CHOICE: [&str; 3] = ["index", "delta", "finish_reason"];
/// Members of a choice for its finish.
const FINISH: [&str; 6] =
    ["index", "finish_reason", "native_finish_reason", "stop_reason", "matched_stop", "content_filter_results"];

/// One entry of `choices`.
pub(super) struct ChunkPart<'a> {
    /// The choice of the part.
    pub(super) index: ChoiceIndex,
    /// The server's choice of the part.
    pub(super) counted: ChoiceIndex,
    pub(super) text: Cow<'a, str>,
    /// Fragments of calls, stubs included.
    pub(super) fragments: Vec<RawCall<'a>>,
    /// True if a `message` beside the delta repeats the turn with its calls, as MiniMax's last chunk does. It is not
    /// forwarded.
    pub(super) repeats_calls: bool,
    /// Empty while the choice is not finished.
    pub(super) finish: Cow<'a, str>,
    choice: Item<'a>,
    pub(super) delta: Option<Item<'a>>,
}

/// Reads the entries of `choices`.
pub(super) fn parts(entries: Option<Item<'_>>) -> Result<Vec<ChunkPart<'_>>, ShapeError> {
    let mut parts = Vec::with_capacity(entries.map_or(0, |entries| entries.items().count()));
    for (position, entry) in entries.into_iter().flat_map(Item::items).enumerate() {
        parts.push(ChunkPart::read(position, entry)?);
    }
    Ok(parts)
}

// === impl ChunkPart ===

impl<'a> ChunkPart<'a> {
    fn read(position: usize, choice: Item<'a>) -> Result<ChunkPart<'a>, ShapeError> {
        if !choice.is_object() {
            return Err(ShapeError::Type { at: "choices[]", expected: "an object" });
        }
        let not_an_object = ShapeError::Type { at: "choices[].delta", expected: "an object" };
        let wrong = |delta: Option<Item<'_>>| delta.is_some_and(|delta| !delta.is_null() && !delta.is_object());
        let members = checks::members(choice, &["delta", "message", "index", "finish_reason"], 2, checks::pass);
        let [delta, message, index, finish] = match members {
            // The type of the delta is the first fault of a choice.
            Err(_) if wrong(choice.get("delta")) => return Err(not_an_object),
            members => members?,
        };
        if wrong(delta) {
            return Err(not_an_object);
        }
        let delta = delta.filter(|delta| !delta.is_null());
        // Some servers repeat the delta word for word as `message`.
        let repeats = |message: &Item<'_>| delta.is_some_and(|delta| message.value() == delta.value());
        let message = message.filter(|message| !repeats(message));
        let repeats_calls = message.is_some_and(|message| checks::no_call(message).is_err());
        let index = checks::choice_index(index, position)?;
        let mut part = ChunkPart {
            index,
            counted: index,
            text: Cow::Borrowed(""),
            fragments: Vec::new(),
            repeats_calls,
            finish: text_of(finish, "finish_reason")?,
            choice,
            delta,
        };
        if let Some(delta) = delta {
            let [tool_calls, function_call, content] =
                checks::members(delta, &["tool_calls", "function_call", "content"], 2, checks::pass)?;
            part.text = checks::content(content)?;
            part.fragments = calls::read(tool_calls, function_call)?;
        }
        Ok(part)
    }

    /// Returns true if the delta says more than a role and calls.
    pub(super) fn says_something(&self) -> bool {
        self.delta.is_some_and(checks::says_something)
    }

    pub(super) fn has_role(&self) -> bool {
        self.delta.is_some_and(|delta| delta.get("role").is_some_and(Item::is_string))
    }

    /// Returns true if it belongs to another choice than the server says.
    pub(super) fn is_moved(&self) -> bool {
        self.index != self.counted
    }

    /// Returns the choice without calls and finish.
    fn said(&self) -> Map<String, Value> {
        let is_kept = |key: &str| self.fragments.is_empty() || CHOICE.contains(&key);
        let kept = self.choice.members().filter(|(key, _)| is_kept(key));
        let mut choice: Map<String, Value> = kept.map(|(key, value)| (key.into_owned(), value.value())).collect();
        if self.repeats_calls {
            choice.shift_remove("message");
        }
        if let Some(Value::Object(delta)) = choice.get_mut("delta") {
            delta.retain(|key, _| !matches!(key.as_str(), "tool_calls" | "function_call"));
        }
        for key in ["finish_reason", "native_finish_reason"] {
            if let Some(reason) = choice.get_mut(key) {
                *reason = Value::Null;
            }
        }
        self.at_its_index(choice)
    }

    /// Returns the choice with nothing but its finish.
    fn end(&self) -> Map<String, Value> {
        let mut choice = Map::new();
        choice.insert("index".to_owned(), Value::from(self.index.get()));
        choice.insert("delta".to_owned(), Value::Object(Map::new()));
        let members = self.choice.members().filter(|(key, _)| FINISH.contains(&key.as_ref()));
        choice.extend(members.map(|(key, value)| (key.into_owned(), value.value())));
        self.at_its_index(choice)
    }

    fn at_its_index(&self, mut choice: Map<String, Value>) -> Map<String, Value> {
        if self.is_moved() {
            choice.insert("index".to_owned(), Value::from(self.index.get()));
        }
        choice
    }
}

/// An event to split.
pub(super) struct ChunkEvent<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) body: Item<'a>,
}

// === impl ChunkEvent ===

impl ChunkEvent<'_> {
    /// Writes a part without its calls and its finish.
    pub(super) fn said(&self, part: &ChunkPart<'_>) -> Vec<u8> {
        head::write(self.name, &self.with(part.said(), false))
    }

    /// The finish of a part.
    pub(super) fn end(&self, part: &ChunkPart<'_>, with_usage: bool) -> End {
        let body = self.with(part.end(), with_usage);
        End::parsed(head::write(self.name, &body), self.name.map(str::to_owned), body)
    }

    /// The event with this choice alone.
    fn with(&self, choice: Map<String, Value>, with_usage: bool) -> Value {
        let mut body = Map::new();
        for (key, value) in self.body.members() {
            if key == "usage" {
                body.insert(key.into_owned(), if with_usage { value.value() } else { Value::Null });
            } else if CHUNK.contains(&key.as_ref()) && is_short(value) {
                body.insert(key.into_owned(), value.value());
            }
        }
        body.insert("choices".to_owned(), Value::Array(vec![Value::Object(choice)]));
        Value::Object(body)
    }
}
