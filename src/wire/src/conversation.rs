//! A view of the conversation in a request: texts, calls and results as places in the kept text.
//!
//! Nothing is read before a rule asks, and nothing is copied then. A rule reads a value by [`Span::string`] and its like. Roles and shapes
//! are the caller's words: a value of no known shape is a [`Part::Other`], so no part of the conversation is left out.

use std::borrow::Cow;

use callgate_json::Span;

use crate::namespace::name_in_contract;

/// One part of a conversation, in its order.
#[derive(Debug, Clone, Copy)]
pub enum Part<'t> {
    /// A text, as a JSON string.
    Text {
        /// The role of its message.
        role: Role,
        /// The string.
        text: Span<'t>,
    },
    /// A call of the model in an earlier turn.
    Call {
        /// Its id, if the API has one.
        id: Option<Span<'t>>,
        /// The tool, within its namespace.
        name: Option<Span<'t>>,
        /// The namespace of the tool, if the API names one.
        namespace: Option<Span<'t>>,
        /// An object, or in some APIs a string that holds one. Of a custom tool, its input.
        arguments: Option<Span<'t>>,
    },
    /// The result of a call.
    Result {
        /// The id of the call.
        id: Option<Span<'t>>,
        /// The tool, in APIs that repeat it.
        name: Option<Span<'t>>,
        /// A string, an object, or a list of blocks.
        content: Option<Span<'t>>,
    },
    /// Anything else, such as an image or an item of an unknown kind.
    Other {
        /// The role of its message.
        role: Role,
        /// The whole block or message.
        value: Span<'t>,
    },
}

/// A block of a result's content.
#[derive(Debug, Clone, Copy)]
pub enum ResultBlock<'t> {
    /// A text, as a JSON string.
    Text(Span<'t>),
    /// Structured content.
    Json(Span<'t>),
    /// Anything else, such as an image.
    Other(Span<'t>),
}

/// The role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `system` and `developer`, and the members for instructions beside the conversation.
    System,
    /// `user`.
    User,
    /// `assistant` and `model`.
    Assistant,
    /// `tool` and `function`.
    Tool,
    /// Another role, or none.
    Unknown,
}

/// Takes the parts of a conversation, one after the other.
pub(crate) type Each<'e, 't> = &'e mut dyn FnMut(Part<'t>);

/// Returns the name in a contract of the tool of a [`Part::Call`].
#[must_use]
pub fn called<'t>(name: Option<Span<'t>>, namespace: Option<Span<'t>>) -> Option<Cow<'t, str>> {
    let name = name.and_then(Span::string)?;
    match namespace.and_then(Span::string) {
        Some(namespace) => Some(Cow::Owned(name_in_contract(&namespace, &name))),
        None => Some(name),
    }
}

// === impl Role ===

impl Role {
    pub(crate) fn of(message: Span<'_>) -> Role {
        match message.get("role").and_then(Span::string).as_deref() {
            Some("system" | "developer") => Role::System,
            Some("user") => Role::User,
            Some("assistant" | "model") => Role::Assistant,
            Some("tool" | "function") => Role::Tool,
            _ => Role::Unknown,
        }
    }
}

/// Returns the blocks of a result's content, in any API's shape.
///
/// | content | blocks |
/// |---|---|
/// | a string | one text |
/// | an object | the value of its only member if that is `result` or `output`, as Gemini's clients wrap other values; else itself |
/// | a list | of each block its `text`, its `json` (Bedrock), or the blocks of its own `content` |
#[must_use]
pub fn result_blocks(content: Option<Span<'_>>) -> Vec<ResultBlock<'_>> {
    let mut blocks = Vec::new();
    let Some(content) = content.filter(|content| !content.is_null()) else { return blocks };
    if content.is_object() {
        let mut members = content.pairs();
        let only = members.next().filter(|(key, _)| key.is("result") || key.is("output"));
        let value = only.filter(|_| members.next().is_none()).map_or(content, |(_, value)| value);
        blocks.push(if value.is_string() { ResultBlock::Text(value) } else { ResultBlock::Json(value) });
    } else {
        add_blocks(&mut blocks, content, BLOCK_DEPTH);
    }
    blocks
}

/// The maximum nesting of blocks in blocks that is read.
const BLOCK_DEPTH: usize = 4;

fn add_blocks<'t>(blocks: &mut Vec<ResultBlock<'t>>, content: Span<'t>, depth: usize) {
    if content.is_string() {
        return blocks.push(ResultBlock::Text(content));
    }
    if !content.is_array() {
        return blocks.push(ResultBlock::Other(content));
    }
    for block in content.items() {
        let text = block.get("text").filter(|text| text.is_string());
        match (text, block.some("json"), block.some("content").filter(|inner| inner.is_array())) {
            (Some(text), _, _) => blocks.push(ResultBlock::Text(text)),
            (None, Some(json), _) => blocks.push(ResultBlock::Json(json)),
            (None, None, Some(inner)) if depth > 0 => add_blocks(blocks, inner, depth - 1),
            _ => blocks.push(ResultBlock::Other(block)),
        }
    }
}

/// Shows a content: a string, or a list of blocks, each a text or shown by `block`.
pub(crate) fn content<'t>(
    role: Role,
    content: Option<Span<'t>>,
    each: Each<'_, 't>,
    block: impl Fn(Span<'t>) -> Option<Part<'t>>,
) {
    let Some(content) = content.filter(|content| !content.is_null()) else { return };
    if content.is_string() {
        return each(Part::Text { role, text: content });
    }
    if !content.is_array() {
        return each(block(content).unwrap_or(Part::Other { role, value: content }));
    }
    for value in content.items() {
        let text = value.get("text").filter(|text| text.is_string()).map(|text| Part::Text { role, text });
        each(block(value).or(text).unwrap_or(Part::Other { role, value }));
    }
}
