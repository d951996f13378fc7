//! References to tools in the conversation. A search for tools answers with them, and so do blocks that say which tools came and went.
//! The API refuses a request with a reference to a tool that `tools` lacks.

use callgate_json::{Span, with_member};

use crate::skeleton::document::{Body, List};

/// The fate of an item of a list.
enum Fate {
    Keep,
    Drop,
    Put(String),
}

/// Returns the messages without references to tools that are gone; `None` if they have none.
pub(super) fn without(body: &Body, is_gone: impl Fn(&str) -> bool) -> Option<String> {
    let messages = body.get("messages")?;
    // A request without the word, however it is spelled, stays as it is: the provider refuses a reference to an unknown tool.
    memchr::memmem::find(messages.bytes(), b"tool_reference")?;
    rewritten(messages, &|message| {
        let content = message.get("content").filter(|content| content.is_array());
        match content.map(|content| rewritten(content, &|block| block_fate(block, &is_gone))) {
            None | Some(None) => Fate::Keep,
            // The API refuses a message without content.
            Some(Some(content)) if content == "[]" => Fate::Drop,
            Some(Some(content)) => Fate::Put(with_member(message, "content", Some(content))),
        }
    })
}

fn block_fate(block: Span<'_>, is_gone: &impl Fn(&str) -> bool) -> Fate {
    let reference = |item: Span<'_>| if refers(item, "tool_name", is_gone) { Fate::Drop } else { Fate::Keep };
    let change = |item: Span<'_>| {
        let is_gone = item.get("tool").is_some_and(|tool| refers(tool, "name", is_gone));
        if is_gone { Fate::Drop } else { Fate::Keep }
    };
    match block.get("type").and_then(Span::string).as_deref() {
        Some("tool_reference") => reference(block),
        Some("tool_addition" | "tool_removal") => change(block),
        Some("tool_result") => {
            let content = block.get("content").and_then(|content| rewritten(content, &reference));
            // An empty result has no content.
            let put = |content: String| with_member(block, "content", (content != "[]").then_some(content));
            content.map_or(Fate::Keep, |content| Fate::Put(put(content)))
        }
        Some("tool_search_tool_result") => {
            let found = block.get("content");
            let references = found.and_then(|found| found.get("tool_references"));
            let left = references.and_then(|references| rewritten(references, &reference));
            match (found, left) {
                (Some(found), Some(left)) => {
                    let found = with_member(found, "tool_references", Some(left));
                    Fate::Put(with_member(block, "content", Some(found)))
                }
                _ => Fate::Keep,
            }
        }
        _ => {
            let changes = block.get("tool_changes").and_then(|changes| rewritten(changes, &change));
            changes.map_or(Fate::Keep, |changes| Fate::Put(with_member(block, "tool_changes", Some(changes))))
        }
    }
}

/// Returns true for a reference to a tool that is gone.
fn refers(item: Span<'_>, member: &str, is_gone: &impl Fn(&str) -> bool) -> bool {
    item.get("type").and_then(Span::string).is_some_and(|kind| kind == "tool_reference")
        && item.get(member).and_then(Span::string).is_some_and(|name| is_gone(&name))
}

/// Returns a list with the fates of its items; `None` if every item stays as it is.
fn rewritten(list: Span<'_>, fate: &impl Fn(Span<'_>) -> Fate) -> Option<String> {
    let mut out: Option<List> = None;
    for (place, item) in list.items().enumerate() {
        let fate = fate(item);
        // Most lists stay as they are, and a conversation is long.
        if out.is_none() && !matches!(fate, Fate::Keep) {
            let mut before = List::with_capacity(list.bytes().len());
            list.items().take(place).for_each(|item| before.item().push_str(&item.text()));
            out = Some(before);
        }
        match (&mut out, fate) {
            (None, _) | (Some(_), Fate::Drop) => {}
            (Some(out), Fate::Keep) => out.item().push_str(&item.text()),
            (Some(out), Fate::Put(text)) => out.item().push_str(&text),
        }
    }
    out.map(|out| out.end().unwrap_or_else(|| "[]".to_owned()))
}
