//! Reads files: requests of any API, captured exchanges, lists of tools.

use std::collections::HashMap;

use callgate_engine::{DIALECTS, content_of};
use callgate_json::Span;
use callgate_provenance::Content;
use callgate_wire::{Part, Request, Target, called as called_name, result_blocks};
use serde_json::Value;

use super::args::InitArguments;
use super::declared;
use super::error::InitError;
use super::sketch::Sketch;
use crate::disk;
use crate::replay::api_key;

/// A model's name for paths that need one.
const MODEL: &str = "model";

/// Reads all files.
pub(super) fn read(arguments: &InitArguments) -> Result<Sketch, InitError> {
    let forced = arguments.api.as_deref().map(known).transpose()?;
    let mut sketch = Sketch::default();
    let mut results = Vec::new();
    for file in &arguments.from {
        let text = disk::text(file)?;
        let shown = file.display().to_string();
        for (place, entry) in entries(&shown, &text)? {
            read_entry(&mut sketch, &mut results, forced, &place, &entry)?;
        }
    }
    // A conversation may have results of tools that only a later file declares.
    results.into_iter().for_each(|(tool, content)| sketch.result(&tool, content));
    if sketch.tools.is_empty() { Err(InitError::NoTools) } else { Ok(sketch) }
}

fn known(api: &str) -> Result<&'static str, InitError> {
    let models = || DIALECTS.iter().filter(|row| row.dialect().is_some()).map(|row| row.key);
    let found = models().find(|key| *key == api_key(api));
    found.ok_or_else(|| InitError::Api(api.to_owned(), models().collect::<Vec<_>>().join(", ")))
}

/// Returns the JSON values of a text, each with its place: the whole, or one a line.
fn entries(file: &str, text: &str) -> Result<Vec<(String, Value)>, InitError> {
    let parse = |text: &str| callgate_json::read_nearest(text.as_bytes());
    let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    match parse(text) {
        Ok(value) => Ok(vec![(file.to_owned(), value)]),
        Err(reason) if lines().count() < 2 => {
            Err(InitError::NotJson { place: file.to_owned(), reason: reason.to_string() })
        }
        // Of a file in one piece, the error of the whole says more than that of its first line.
        Err(whole) => lines()
            .map(|(number, line)| match (parse(line), number) {
                (Ok(value), _) => Ok((format!("{file}:{}", number + 1), value)),
                (Err(_), 0) => Err(InitError::NotJson { place: file.to_owned(), reason: whole.to_string() }),
                (Err(reason), _) => {
                    Err(InitError::NotJson { place: format!("{file}:{}", number + 1), reason: reason.to_string() })
                }
            })
            .collect(),
    }
}

type Results = Vec<(String, Content)>;

fn read_entry(
    sketch: &mut Sketch,
    results: &mut Results,
    forced: Option<&'static str>,
    place: &str,
    entry: &Value,
) -> Result<(), InitError> {
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
    let candidates: Vec<&'static str> = match forced.or_else(|| path.as_deref().and_then(api_of)) {
        Some(api) => vec![api],
        None => by_shape(&body),
    };
    if candidates.is_empty() {
        // An exchange of another API, or a message of MCP.
        return if is_exchange {
            sketch.skipped += 1;
            Ok(())
        } else {
            Err(InitError::Unknown { place: place.to_owned() })
        };
    }
    let text = body.to_string();
    let mut first = None;
    for api in candidates {
        match request(api, text.as_bytes()) {
            Ok(request) => {
                sketch.requests += 1;
                sketch.largest = sketch.largest.max(text.len());
                return add(sketch, results, place, api, &body, &*request);
            }
            Err(reason) => first = first.or(Some((api, reason))),
        }
    }
    match first {
        Some((api, reason)) => Err(InitError::Request { place: place.to_owned(), api, reason }),
        None => Ok(()),
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

/// Adds what a request says.
fn add(
    sketch: &mut Sketch,
    results: &mut Results,
    place: &str,
    api: &str,
    body: &Value,
    request: &dyn Request,
) -> Result<(), InitError> {
    let mut tools = declared::of_request(api, body);
    let missing = request.declared().iter().find(|declared| tools.iter().all(|tool| tool.name != declared.name));
    if let Some(missing) = missing {
        return Err(InitError::Form { place: place.to_owned(), tool: missing.name.clone() });
    }
    // The others run at the provider.
    tools.retain(|tool| request.declared().iter().any(|declared| declared.name == tool.name));
    tools.into_iter().for_each(|tool| sketch.add(tool));
    // Of APIs with the model in the path, it is not in the body.
    request.models().into_iter().filter(|model| *model != MODEL).for_each(|model| sketch.note_model(model));
    request.provider_tools().into_iter().for_each(|tool| sketch.note_provider_tool(tool));
    let mut called: HashMap<String, String> = HashMap::new();
    request.conversation(&mut |part| match part {
        Part::Call { id: Some(id), name, namespace, .. } => {
            if let (Some(id), Some(name)) = (id.string(), called_name(name, namespace)) {
                called.insert(id.into_owned(), name.into_owned());
            }
        }
        Part::Result { id, name, content } => {
            let by_id = id.and_then(Span::string).and_then(|id| called.get(id.as_ref()).cloned());
            if let Some(tool) = by_id.or_else(|| name.and_then(Span::string).map(std::borrow::Cow::into_owned)) {
                let parts = result_blocks(content).into_iter().map(content_of).collect();
                results.push((tool, Content::Parts(parts)));
            }
        }
        Part::Call { .. } | Part::Text { .. } | Part::Other { .. } => {}
    });
    Ok(())
}
