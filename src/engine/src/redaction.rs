//! The policy on results and on the text of users: in requests, in results of the executor, in results of MCP servers.
//!
//! A text without a match keeps its bytes, and a contract without `results` costs nothing. The same text becomes the same text each time, so
//! a conversation that a client sends again stays equal upstream. No refusal repeats anything of a text. Redacted values are counted by kind.

use std::borrow::Cow;
use std::collections::HashMap;

use callgate_contract::{Contract, Tool, name_in_sentence};
use callgate_json::{Span, Value};
use callgate_redact::{BLOCK_WORDS, Policy, RedactionCounter, Refused};
use callgate_wire::{Part, Replacements, Request, Role, called};

use crate::{Code, Refusal, Tally};

/// The most bytes of a mark: its words, a name of 32 characters, a number of names, and quotes that are escaped in JSON in strings.
const LONGEST_MARK: u64 = 96;
/// Members of a server's messages that name requests.
const SERVER_WORDS: [&str; 3] = ["progressToken", "requestId", "requestState"];

/// Redacts the results and texts of a request of so many bytes. Marks may be longer than values, so the bytes are held against the
/// contract's limit again.
pub(crate) fn request(
    contract: &Contract,
    request: &mut dyn Request,
    bytes: usize,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let Some(policy) = contract.results() else { return Ok(()) };
    let counter = RedactionCounter::default();
    let mut reading = Reading { contract, policy, counter: &counter, callers: HashMap::new(), refused: None };
    if !request.edit_conversation(&mut |part, new| reading.part(part, new)) {
        // Unreachable: every part is a value of the request's text.
        return Err(Refusal::new(Code::RequestInvalid, "A text of the conversation could not be redacted."));
    }
    let refused = reading.refused;
    let counts = counter.counts();
    tally.redacted.add(&counts);
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    // The longest mark bounds the growth by each value, so most requests are not written for this.
    let values: u64 = counts.iter().map(|(_, count)| u64::from(count)).sum();
    let most = contract.limits().request_bytes;
    let bound = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(values.saturating_mul(LONGEST_MARK));
    if values > 0 && bound > most && u64::try_from(request.write().len()).unwrap_or(u64::MAX) > most {
        let message = format!("The redacted request is larger than the contract's `requestBytes`, {most} bytes.");
        return Err(Refusal::new(Code::RequestTooLarge, message));
    }
    Ok(())
}

/// Redacts the result of a tool that the executor ran, a JSON text.
pub(crate) fn returned(contract: &Contract, tool: &Tool, text: String, tally: &mut Tally) -> Result<String, Refusal> {
    let Some(policy) = contract.results() else { return Ok(text) };
    let counter = RedactionCounter::default();
    let redacted = policy.check_size(text.len()).and_then(|()| policy.result_json(Some(tool.name()), &text, &counter));
    tally.redacted.add(&counter.counts());
    redacted.map(|new| new.unwrap_or(text)).map_err(|refused| result_refusal(refused, Some(tool.name())))
}

/// Redacts the sentence of a tool that failed, which may have words of the tool in it.
pub(crate) fn failure(contract: &Contract, message: String, tally: &mut Tally) -> String {
    let Some(policy) = contract.results() else { return message };
    let counter = RedactionCounter::default();
    let redacted = policy.text(&message, &counter);
    tally.redacted.add(&counter.counts());
    match redacted {
        Ok(None) => message,
        Ok(Some(redacted)) => redacted,
        Err(_) => "The tool failed, and the contract refuses its message.".to_owned(),
    }
}

/// Redacts the result of an MCP server: `content`, `contents` and `structuredContent`, the `messages` of a prompt. It also redacts the
/// parameters of its notifications and requests. `result` is a JSON text that was checked. Returns `None` if nothing changes.
pub(crate) fn of_server(
    policy: &Policy,
    tool: Option<&str>,
    result: &str,
    tally: &mut Tally,
) -> Result<Option<String>, Refused> {
    policy.check_size(result.len())?;
    let counter = RedactionCounter::default();
    let at = ResultRedaction { policy, counter: &counter, tool };
    let mut new = Replacements::default();
    for (key, value) in Span::whole(result.as_bytes()).members() {
        match key.as_ref() {
            key if SERVER_WORDS.contains(&key) => {}
            "content" | "contents" if value.is_array() => {
                value.items().try_for_each(|item| at.block(item, &mut new))?;
            }
            "structuredContent" => put(value, policy.result_json(tool, &value.text(), &counter)?, &mut new)?,
            "messages" if value.is_array() => value.items().try_for_each(|message| at.message(message, &mut new))?,
            _ => put(value, policy.block(&value.text(), &counter)?, &mut new)?,
        }
    }
    tally.redacted.add(&counter.counts());
    let (text, count) = new.splice(result.as_bytes());
    Ok((count > 0).then(|| Span::whole(&text).text().into_owned()))
}

/// The policy, and the tool whose result is redacted.
#[derive(Clone, Copy)]
struct ResultRedaction<'a> {
    policy: &'a Policy,
    counter: &'a RedactionCounter,
    tool: Option<&'a str>,
}

// === impl ResultRedaction ===

impl ResultRedaction<'_> {
    /// Redacts the content of a result: a text, a list of blocks, or the result itself as JSON.
    fn content(self, content: Span<'_>, new: &mut Replacements) -> Result<(), Refused> {
        let Self { policy, counter, tool } = self;
        if let Some(text) = content.string() {
            policy.check_size(text.len())?;
            return put_text(content, policy.result_text(tool, &text, counter)?, new);
        }
        policy.check_size(content.bytes().len())?;
        if !content.is_array() {
            return put(content, policy.result_json(tool, &content.text(), counter)?, new);
        }
        content.items().try_for_each(|item| self.block(item, new))
    }

    /// Redacts a content block: its text and its JSON as results, and its other members as text.
    fn block(self, item: Span<'_>, new: &mut Replacements) -> Result<(), Refused> {
        let Self { policy, counter, tool } = self;
        if let Some(text) = item.string() {
            return put_text(item, policy.result_text(tool, &text, counter)?, new);
        }
        for (key, value) in item.members() {
            match (key.as_ref(), value.string()) {
                ("text", Some(text)) => put_text(value, policy.result_text(tool, &text, counter)?, new)?,
                ("json", _) => put(value, policy.result_json(tool, &value.text(), counter)?, new)?,
                // An embedded resource of MCP.
                ("resource", None) => self.block(value, new)?,
                (key, _) if BLOCK_WORDS.contains(&key) => {}
                _ => put(value, policy.block(&value.text(), counter)?, new)?,
            }
        }
        Ok(())
    }

    /// Redacts a message of MCP: its content is one block or several.
    fn message(self, message: Span<'_>, new: &mut Replacements) -> Result<(), Refused> {
        for (key, value) in message.members() {
            match key.as_ref() {
                "role" => {}
                "content" if value.is_array() => value.items().try_for_each(|item| self.block(item, new))?,
                "content" if value.is_object() => self.block(value, new)?,
                _ => put(value, self.policy.block(&value.text(), self.counter)?, new)?,
            }
        }
        Ok(())
    }
}

fn put(value: Span<'_>, text: Option<String>, new: &mut Replacements) -> Result<(), Refused> {
    if let Some(text) = text {
        new.put(value, text);
    }
    Ok(())
}

fn put_text(value: Span<'_>, text: Option<String>, new: &mut Replacements) -> Result<(), Refused> {
    put(value, text.map(|text| Value::from(text).to_string()), new)
}

/// Describes a refused result. `tool` is a tool of the contract.
pub(crate) fn result_refusal(refused: Refused, tool: Option<&str>) -> Refusal {
    let whose = tool.map_or("A tool's result".to_owned(), |tool| format!("A result of `{}`", name_in_sentence(tool)));
    match refused {
        Refused::TooLarge { most } => {
            let message = format!("{whose} is larger than the contract's `results.maxBytes`, {most} bytes.");
            Refusal::new(Code::ResultTooLarge, message)
        }
        Refused::Denied { index } => Refusal::new(
            Code::ResultDenied,
            format!("{whose} has a text that the contract refuses (`results.deny/{index}`)."),
        ),
    }
}

/// The reading of a request's conversation.
struct Reading<'c> {
    contract: &'c Contract,
    policy: &'c Policy,
    counter: &'c RedactionCounter,
    /// The tool of each call by its id. `None` if two tools have calls of this id.
    callers: HashMap<String, Option<String>>,
    refused: Option<Refusal>,
}

// === impl Reading ===

impl Reading<'_> {
    fn part(&mut self, part: Part<'_>, new: &mut Replacements) {
        if self.refused.is_some() {
            return;
        }
        let refused = match part {
            Part::Call { id, name, namespace, .. } => {
                self.call(id, called(name, namespace));
                Ok(())
            }
            Part::Result { id, name, content: Some(value) } => {
                let tool = self.tool(id, name);
                let at = ResultRedaction { policy: self.policy, counter: self.counter, tool: tool.as_deref() };
                at.content(value, new).map_err(|refused| result_refusal(refused, tool.as_deref()))
            }
            Part::Text { role: Role::User | Role::Unknown, text } if self.policy.users => match text.string() {
                Some(said) => {
                    let redacted = self.policy.text(&said, self.counter);
                    redacted.and_then(|said| put_text(text, said, new)).map_err(text_refusal)
                }
                None => Ok(()),
            },
            Part::Other { role, value } => self.other(role, value, new),
            Part::Result { content: None, .. } | Part::Text { .. } => Ok(()),
        };
        self.refused = refused.err();
    }

    /// Redacts a block or an item of no known shape, if it is a result or a user's.
    fn other(&self, role: Role, value: Span<'_>, new: &mut Replacements) -> Result<(), Refusal> {
        let kind = value.get("type").and_then(Span::string).unwrap_or_default();
        let is_result = role == Role::Tool || kind.ends_with("_output");
        let is_said = role == Role::User || role == Role::Unknown && kind.is_empty();
        if is_result {
            let size = self.policy.check_size(value.bytes().len());
            let redacted = size.and_then(|()| self.policy.block(&value.text(), self.counter));
            return redacted.and_then(|text| put(value, text, new)).map_err(|refused| result_refusal(refused, None));
        }
        if is_said && self.policy.users {
            let redacted = self.policy.block(&value.text(), self.counter);
            return redacted.and_then(|text| put(value, text, new)).map_err(text_refusal);
        }
        Ok(())
    }

    fn call(&mut self, id: Option<Span<'_>>, name: Option<Cow<'_, str>>) {
        let (Some(id), Some(name)) = (id.and_then(Span::string), name) else { return };
        let known = self.callers.entry(id.into_owned()).or_insert_with(|| Some(name.to_string()));
        if known.as_deref() != Some(name.as_ref()) {
            *known = None;
        }
    }

    /// Returns the tool of a result: the one of its call, and the one it names, if the API has both. Only a tool of the contract has
    /// exemptions.
    fn tool(&self, id: Option<Span<'_>>, name: Option<Span<'_>>) -> Option<String> {
        let named = name.and_then(Span::string).filter(|name| !name.is_empty());
        let called = id
            .and_then(Span::string)
            .filter(|id| !id.is_empty())
            .map(|id| self.callers.get(id.as_ref()).cloned().flatten());
        let tool = match (called, named) {
            (Some(called), Some(named)) => called.filter(|called| *called == named)?,
            (Some(called), None) => called?,
            (None, Some(named)) => named.into_owned(),
            (None, None) => return None,
        };
        self.contract.tool(&tool).map(|tool| tool.name().to_owned())
    }
}

fn text_refusal(refused: Refused) -> Refusal {
    let index = match refused {
        Refused::Denied { index } => index,
        // Unreachable: a user's text has no limit of its own.
        Refused::TooLarge { .. } => 0,
    };
    Refusal::new(
        Code::TextDenied,
        format!("The user's text has something that the contract refuses (`results.deny/{index}`)."),
    )
}
