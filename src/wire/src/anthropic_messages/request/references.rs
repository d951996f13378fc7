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

/// The tools that are gone: by name, and all of MCP servers.
struct Gone<F> {
    is_gone: F,
    without_servers: bool,
}

/// Returns the messages without references to tools that are gone; `None` if they have none.
/// `without_servers` is true if the servers of MCP tools were taken out, and their tools with them.
pub(super) fn without(body: &Body, is_gone: impl Fn(&str) -> bool, without_servers: bool) -> Option<String> {
    let messages = body.get("messages")?;
    // A request without the word, however it is spelled, stays as it is: the provider refuses a reference to an unknown tool.
    let has = |word: &[u8]| memchr::memmem::find(messages.bytes(), word).is_some();
    if !(has(b"tool_reference") || without_servers && has(b"toolset_reference")) {
        return None;
    }
    let gone = Gone { is_gone, without_servers };
    rewritten(messages, &|message| {
        let content = message.get("content").filter(|content| content.is_array());
        match content.map(|content| rewritten(content, &|block| block_fate(block, &gone))) {
            None | Some(None) => Fate::Keep,
            // The API refuses a message without content.
            Some(Some(content)) if content == "[]" => Fate::Drop,
            Some(Some(content)) => Fate::Put(with_member(message, "content", Some(content))),
        }
    })
}

fn block_fate<F: Fn(&str) -> bool>(block: Span<'_>, gone: &Gone<F>) -> Fate {
    let reference = |item: Span<'_>| if gone.has(item, "tool_name") { Fate::Drop } else { Fate::Keep };
    let change = |item: Span<'_>| {
        let is_gone = item.get("tool").is_some_and(|tool| gone.has(tool, "name"));
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

// === impl Gone ===

impl<F: Fn(&str) -> bool> Gone<F> {
    /// Returns true for a reference to a tool that is gone. `member` has the tool's name.
    fn has(&self, item: Span<'_>, member: &str) -> bool {
        match item.get("type").and_then(Span::string).as_deref() {
            Some("tool_reference") => item.get(member).and_then(Span::string).is_some_and(|name| (self.is_gone)(&name)),
            Some("mcp_tool_reference" | "mcp_toolset_reference") => self.without_servers,
            _ => false,
        }
    }
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
