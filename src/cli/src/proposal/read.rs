//! Reads requests of any API, captured exchanges, lists of tools.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use callgate_engine::{DIALECTS, content_of};
use callgate_json::Span;
use callgate_provenance::Content;
use callgate_wire::{Part, Request, Target, called as called_name, result_blocks};
use serde_json::{Value, json};

use super::declared;
use super::error::ProposalError;
use super::sketch::Sketch;
use crate::disk;
use crate::replay::api_key;

/// A model's name for paths that need one.
const MODEL: &str = "model";

/// Reads files, one after the other.
pub(crate) struct EntryReader {
    sketch: Sketch,
    results: Results,
    api: Option<&'static str>,
    /// True if an entry that cannot be read is noted, and false if it is an error.
    is_lenient: bool,
}

type Results = Vec<(String, Content)>;

/// Returns the key of an API by its name on the command line.
pub(crate) fn known(api: &str) -> Result<&'static str, ProposalError> {
    let models = || DIALECTS.iter().filter(|row| row.dialect().is_some()).map(|row| row.key);
    let found = models().find(|key| *key == api_key(api));
    found.ok_or_else(|| ProposalError::Api(api.to_owned(), models().collect::<Vec<_>>().join(", ")))
}

// === impl EntryReader ===

impl EntryReader {
    /// Makes a reader for which an entry that cannot be read is an error. It collects results, and no calls.
    pub(crate) fn strict(api: Option<&'static str>) -> Self {
        Self { sketch: Sketch::default(), results: Vec::new(), api, is_lenient: false }
    }

    /// Makes a reader that notes an entry that it cannot read. It collects calls, and no results.
    pub(crate) fn lenient(api: Option<&'static str>) -> Self {
        Self { is_lenient: true, ..Self::strict(api) }
    }

    /// Returns what has been read so far.
    pub(crate) fn sketch(&mut self) -> &mut Sketch {
        &mut self.sketch
    }

    /// Reads a file: one JSON value, or one a line.
    pub(crate) fn file(&mut self, file: &Path) -> Result<(), ProposalError> {
        let text = disk::text(file)?;
        self.text(&file.display().to_string(), &text)
    }

    /// Reads the text of a file.
    fn text(&mut self, file: &str, text: &str) -> Result<(), ProposalError> {
        let parse = |text: &str| callgate_json::read_nearest(text.as_bytes());
        let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let whole = match parse(text) {
            Ok(value) => return self.entry(file, &value),
            Err(reason) => ProposalError::NotJson { place: file.to_owned(), reason: reason.to_string() },
        };
        if lines().count() < 2 {
            return self.noted(whole);
        }
        // Of a file in one piece, the error of the whole says more than that of its first line.
        let mut whole = Some(whole);
        for (number, line) in lines() {
            let place = format!("{file}:{}", number + 1);
            match parse(line) {
                Ok(value) => self.entry(&place, &value)?,
                Err(reason) => {
                    let own = ProposalError::NotJson { place, reason: reason.to_string() };
                    self.noted(whole.take().filter(|_| number == 0 && !self.is_lenient).unwrap_or(own))?;
                }
            }
        }
        Ok(())
    }

    /// Returns the error, or notes it.
    fn noted(&mut self, error: ProposalError) -> Result<(), ProposalError> {
        if !self.is_lenient {
            return Err(error);
        }
        self.sketch.note_unread(error.to_string());
        Ok(())
    }

    /// Reads one request, exchange or list.
    pub(crate) fn entry(&mut self, place: &str, entry: &Value) -> Result<(), ProposalError> {
        self.read_entry(place, entry).or_else(|error| self.noted(error))
    }

    /// Returns all that was read. A conversation may have results of tools that only a later file declares.
    pub(crate) fn finish(self) -> Result<Sketch, ProposalError> {
        let Self { mut sketch, results, .. } = self;
        results.into_iter().for_each(|(tool, content)| sketch.result(&tool, content));
        if sketch.tools.is_empty() { Err(ProposalError::NoTools) } else { Ok(sketch) }
    }

    fn read_entry(&mut self, place: &str, entry: &Value) -> Result<(), ProposalError> {
        let sketch = &mut self.sketch;
        if let Some(tools) = answered(entry).as_ref().and_then(declared::of_list).or_else(|| declared::of_list(entry)) {
            sketch.lists += 1;
            tools.into_iter().for_each(|tool| sketch.add(tool));
            return Ok(());
        }
        let captured = captured(entry);
        let is_exchange = captured.is_some();
        let (path, body) = captured.unwrap_or((None, Some(entry.clone())));
        let Some(body) = body.filter(Value::is_object) else {
            sketch.skipped += 1;
            return Ok(());
        };
        if let Some(tools) = declared::of_list(&body) {
            sketch.lists += 1;
            tools.into_iter().for_each(|tool| sketch.add(tool));
            return Ok(());
        }
        let candidates: Vec<&'static str> = match self.api.or_else(|| path.as_deref().and_then(api_of)) {
            Some(api) => vec![api],
            None => by_shape(&body),
        };
        if candidates.is_empty() {
            // An exchange of another API, or a message of MCP.
            return if is_exchange {
                sketch.skipped += 1;
                Ok(())
            } else {
                Err(ProposalError::Unknown { place: place.to_owned() })
            };
        }
        let text = body.to_string();
        let mut first = None;
        for api in candidates {
            match request(api, text.as_bytes()) {
                Ok(request) => {
                    sketch.requests += 1;
                    sketch.largest = sketch.largest.max(text.len());
                    return self.add(place, api, &body, &*request);
                }
                Err(reason) => first = first.or(Some((api, reason))),
            }
        }
        match first {
            Some((api, reason)) => Err(ProposalError::Request { place: place.to_owned(), api, reason }),
            None => Ok(()),
        }
    }

    /// Adds what a request says.
    fn add(&mut self, place: &str, api: &str, body: &Value, request: &dyn Request) -> Result<(), ProposalError> {
        let Self { sketch, results, is_lenient, .. } = self;
        let mut tools = declared::of_request(api, body);
        let named: HashSet<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let missing: Vec<_> =
            request.declared().iter().filter(|declared| !named.contains(declared.name.as_str())).collect();
        for missing in missing {
            let error = ProposalError::Form { place: place.to_owned(), tool: missing.name.clone() };
            if !*is_lenient {
                return Err(error);
            }
            sketch.note_unread(error.to_string());
        }
        // The others run at the provider.
        let declared: HashSet<&str> = request.declared().iter().map(|declared| declared.name.as_str()).collect();
        tools.retain(|tool| declared.contains(tool.name.as_str()));
        tools.into_iter().for_each(|tool| sketch.add(tool));
        // Of APIs with the model in the path, it is not in the body.
        request.models().into_iter().filter(|model| *model != MODEL).for_each(|model| sketch.note_model(model));
        request.provider_tools().into_iter().for_each(|tool| sketch.note_provider_tool(tool));
        let mut called: HashMap<String, String> = HashMap::new();
        request.conversation(&mut |part| match part {
            Part::Call { id, name, namespace, arguments } => {
                let Some(name) = called_name(name, namespace) else { return };
                if *is_lenient {
                    sketch.call(&name, arguments.map(object).unwrap_or_else(|| json!({})));
                } else if let Some(id) = id.and_then(Span::string) {
                    called.insert(id.into_owned(), name.into_owned());
                }
            }
            Part::Result { id, name, content } if !*is_lenient => {
                let by_id = id.and_then(Span::string).and_then(|id| called.get(id.as_ref()).cloned());
                if let Some(tool) = by_id.or_else(|| name.and_then(Span::string).map(std::borrow::Cow::into_owned)) {
                    let parts = result_blocks(content).into_iter().map(content_of).collect();
                    results.push((tool, Content::Parts(parts)));
                }
            }
            Part::Result { .. } | Part::Text { .. } | Part::Other { .. } => {}
        });
        Ok(())
    }
}

/// Returns the arguments of a call: an object, the object in a string, or free text as `input`.
fn object(arguments: Span<'_>) -> Value {
    let parsed = |bytes: &[u8]| callgate_json::read_nearest(bytes).ok().filter(Value::is_object);
    match arguments.string() {
        Some(text) => parsed(text.as_bytes()).unwrap_or_else(|| json!({ "input": text })),
        None => parsed(arguments.bytes()).unwrap_or_else(|| json!({})),
    }
}

/// Returns the JSON of the response of a captured exchange, which may be a list of tools.
fn answered(entry: &Value) -> Option<Value> {
    match entry.get("response_body")? {
        Value::String(text) => callgate_json::read_nearest(text.as_bytes()).ok(),
        body => Some(body.clone()),
    }
}

/// Returns the path or the API's name, and the body, of a captured exchange. `None` for something else.
fn captured(entry: &Value) -> Option<(Option<String>, Option<Value>)> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let at = text("dialect").or_else(|| text("path")).or_else(|| text("url"));
    let body =
        ["request_raw", "request", "body"].into_iter().find_map(|name| entry.get(name).filter(|body| !body.is_null()));
    let is_exchange =
        at.is_some() || text("method").is_some() && entry.get("headers").is_some() || entry.get("request").is_some();
    if !is_exchange
        || entry.get("messages").is_some()
        || entry.get("contents").is_some()
        || entry.get("input").is_some()
    {
        return None;
    }
    let body = match body {
        Some(Value::String(text)) => callgate_json::read_nearest(text.as_bytes()).ok(),
        body => body.cloned(),
    };
    Some((at.map(str::to_owned), body))
}

/// Returns the API by the name in a recording, or by the end of a path.
fn api_of(at: &str) -> Option<&'static str> {
    let models = || DIALECTS.iter().filter(|row| row.dialect().is_some());
    if let Some(row) = models().find(|row| row.key == api_key(at)) {
        return Some(row.key);
    }
    let path = at.split(['?', '#']).next().unwrap_or_default();
    let fits = |pattern: &&str| match pattern.split_once("{model}") {
        None => path.ends_with(*pattern),
        Some((before, after)) => path.split_once(before).is_some_and(|(_, rest)| rest.ends_with(after)),
    };
    models().find(|row| row.paths.iter().any(fits)).map(|row| row.key)
}

/// Returns the APIs that a body may be a request of, the likeliest first.
fn by_shape(body: &Value) -> Vec<&'static str> {
    let has = |name: &str| body.get(name).is_some();
    let tools = body.get("tools").and_then(Value::as_array);
    let tool_has = |name: &str| tools.is_some_and(|tools| tools.iter().any(|tool| tool.get(name).is_some()));
    if has("contents") {
        vec!["gemini"]
    } else if has("toolConfig") && has("messages") {
        vec!["converse"]
    } else if has("input") {
        vec!["responses"]
    } else if !has("messages") {
        Vec::new()
    } else if body.get("messages").and_then(Value::as_array).is_some_and(|messages| messages.iter().any(is_ollamas)) {
        vec!["ollama", "chatCompletions"]
    } else if tool_has("input_schema") || has("system") {
        vec!["messages", "chatCompletions", "ollama", "converse"]
    } else {
        vec!["chatCompletions", "ollama", "messages", "converse"]
    }
}

/// Returns true for a message that only Ollama has: a result by the tool's name, or a call with its arguments as an object.
fn is_ollamas(message: &Value) -> bool {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let has_object = |call: &Value| call.pointer("/function/arguments").is_some_and(Value::is_object);
    message.get("tool_name").is_some() || calls.is_some_and(|calls| calls.iter().any(has_object))
}

fn request(api: &str, body: &[u8]) -> Result<Box<dyn Request>, String> {
    let row = DIALECTS.iter().find(|row| row.key == api).and_then(|row| Some((row.paths.first()?, row.dialect()?)));
    let Some((path, dialect)) = row else { return Err("unknown API".to_owned()) };
    let in_path = path.contains("{model}").then_some(MODEL);
    let path = path.replace("{model}", MODEL);
    dialect.request(&Target::new(&path).with_model(in_path), body).map_err(|error| error.to_string())
}
