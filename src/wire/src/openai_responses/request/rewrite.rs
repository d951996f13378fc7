//! Replaces the declared tools by the contract's declarations, each in its place and form.

use std::collections::{HashMap, HashSet};

use callgate_json::{Span, Value, with_member};

use super::entry::{self, ToolEntry};
use super::input;
use crate::members::ProviderTools;
use crate::namespace::name_in_contract;
use crate::openai_responses::kinds;
use crate::skeleton::document::{Body, List, kept_members};
use crate::{Declaration, Form, NativeName};

/// A function without `strict` gets false: the API would else turn the contract's schema into one of its own.
const NOT_STRICT: &str = r#","strict":false"#;

/// Replaces the declared tools: each gets the contract's words, and others are left out. The caller's members about the handling of
/// a tool stay, and so do the provider's tools that were not taken out, each in its place: providers cache requests by their beginning. A tool of the contract
/// that the request does not declare is added as a function.
/// `has_lists` is true if items of input have tools.
pub(super) fn write(body: &mut Body, declarations: &[&Declaration], has_lists: bool) {
    let known = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
    let mut rewriter = ToolRewriter { known, written: HashSet::new(), runs: body.runs() };
    let input = rewriter.input(body.get("input").filter(|_| has_lists));
    let mut list = List::with_capacity(declarations.iter().map(|tool| tool.size()).sum());
    let tools = body.get("tools");
    for tool in tools.into_iter().flat_map(Span::items) {
        rewriter.tool(&mut list, tool, "");
    }
    for tool in declarations.iter().filter(|tool| !rewriter.written.contains(tool.name())) {
        function(list.item(), tool.name(), tool, NOT_STRICT);
    }
    let list = list.end();
    body.put("tools", list);
    if let Some(input) = input {
        body.set("input", input);
    }
}

/// Leaves out what the answer was to have of the items of tools that were taken out, such as `web_search_call.results`.
pub(super) fn include(body: &mut Body) {
    let Some(asked) = body.get("include") else { return };
    let runs = body.runs();
    let is_gone = |part: Span<'_>| {
        let part = part.string().unwrap_or_default();
        let kind = part.split('.').next().unwrap_or_default();
        kinds::makers(kind).any(|by| runs.lost(|tool| kinds::is_tool(tool, by)))
    };
    if !asked.items().any(is_gone) {
        return;
    }
    let mut left = List::with_capacity(asked.bytes().len());
    asked.items().filter(|part| !is_gone(*part)).for_each(|part| left.item().push_str(&part.text()));
    let left = left.end();
    body.put("include", left);
}

/// The writer of all lists of tools.
struct ToolRewriter<'d> {
    known: HashMap<&'d str, &'d Declaration>,
    written: HashSet<&'d str>,
    /// The tools of the provider.
    runs: &'d ProviderTools,
}

// === impl ToolRewriter ===

impl<'d> ToolRewriter<'d> {
    /// Returns the items of input with other tools. `None` if no item has tools.
    fn input(&mut self, items: Option<Span<'_>>) -> Option<String> {
        let items = items.filter(|items| items.is_array() && items.items().any(input::declares))?;
        let mut out = String::with_capacity(items.bytes().len());
        for item in items.items() {
            let text = if input::declares(item) { self.item(item) } else { Some(item.text().into_owned()) };
            let Some(text) = text else { continue };
            out.push(if out.is_empty() { '[' } else { ',' });
            out.push_str(&text);
        }
        Some(if out.is_empty() { "[]".to_owned() } else { out + "]" })
    }

    /// Returns an item with other tools. `None` for an item that has nothing but tools, if none is left.
    fn item(&mut self, item: Span<'_>) -> Option<String> {
        let mut list = List::with_capacity(item.bytes().len());
        item.get("tools").into_iter().flat_map(Span::items).for_each(|tool| self.tool(&mut list, tool, ""));
        match list.end() {
            None if entry::kind(item).as_deref() == Some(input::ADDITIONAL_TOOLS) => None,
            list => Some(with_member(item, "tools", Some(list.unwrap_or_else(|| "[]".to_owned())))),
        }
    }

    fn tool(&mut self, list: &mut List, tool: Span<'_>, namespace: &str) {
        match entry::read(tool, "tools") {
            Ok(ToolEntry::Named(name, form)) => {
                let Some(declaration) = self.take(&name_in_contract(namespace, &name)) else { return };
                let kept = kept_members(tool, self.runs);
                if form == Form::Custom {
                    custom(list.item(), &name, declaration, tool, &kept);
                } else {
                    let default = if tool.some("strict").is_none() { NOT_STRICT } else { "" };
                    function(list.item(), &name, declaration, &format!("{default}{kept}"));
                }
            }
            Ok(ToolEntry::Native(name)) => {
                if let Some(declaration) = self.take(name.as_str()) {
                    match name {
                        NativeName::Computer => computer(list.item(), tool, self.runs),
                        _ => native(list.item(), name.as_str(), declaration, tool, self.runs),
                    }
                }
            }
            Ok(ToolEntry::Namespace(name, tools)) => {
                let mut inner = List::with_capacity(tools.bytes().len());
                tools.items().for_each(|tool| self.tool(&mut inner, tool, &name));
                if let Some(inner) = inner.end() {
                    namespace_of(list.item(), &name, tool, &inner);
                }
            }
            Ok(ToolEntry::Provided(kind)) if self.runs.is_dropped(&kind) => {}
            Ok(ToolEntry::Provided(_)) => list.item().push_str(&tool.text()),
            // Reading refused it.
            Err(_) => {}
        }
    }

    /// Returns the contract's declaration of a tool, and notes that it stands somewhere.
    fn take(&mut self, name: &str) -> Option<&'d Declaration> {
        let (name, declaration) = self.known.get_key_value(name)?;
        self.written.insert(name);
        Some(declaration)
    }
}

/// Writes a function. `kept` are further members, each with a comma before it.
fn function(out: &mut String, name: &str, tool: &Declaration, kept: &str) {
    out.push_str(r#"{"type":"function""#);
    out.push_str(kept);
    out.push(',');
    if name == tool.name() {
        tool.write_members(out, "parameters", [tool.parameters(), ""]);
    } else {
        named(out, name, tool);
        out.push_str(&format!(r#","parameters":{}}}"#, tool.parameters()));
    }
}

/// Writes a custom tool. Its input has no schema; a format of the client stays if it is a known one.
fn custom(out: &mut String, name: &str, declaration: &Declaration, tool: Span<'_>, kept: &str) {
    out.push_str(r#"{"type":"custom""#);
    out.push_str(kept);
    out.push(',');
    named(out, name, declaration);
    if let Some(format) = entry::format(tool) {
        out.push_str(&format!(r#","format":{format}"#));
    }
    out.push('}');
}

/// Writes a tool of the API. A search for tools has words and a schema for the model, the others have neither.
fn native(out: &mut String, name: &str, declaration: &Declaration, tool: Span<'_>, runs: &ProviderTools) {
    out.push_str(&format!(r#"{{"type":"{name}"{}"#, kept_members(tool, runs)));
    if let Some(environment) = tool.some("environment") {
        out.push_str(&format!(r#","environment":{}"#, environment.text()));
    }
    if let Some(execution) = tool.some("execution") {
        out.push_str(&format!(r#","execution":{}"#, execution.text()));
        if let Some(description) = declaration.description() {
            out.push_str(&format!(r#","description":{description}"#));
        }
        out.push_str(&format!(r#","parameters":{}"#, declaration.parameters()));
    }
    out.push('}');
}

/// Writes a computer, which has no words for the model. It keeps the type under which the client knows it.
fn computer(out: &mut String, tool: Span<'_>, runs: &ProviderTools) {
    let kind = entry::kind(tool).unwrap_or_default();
    out.push_str(&format!(r#"{{"type":"{kind}"{}{}}}"#, entry::screen_members(tool), kept_members(tool, runs)));
}

/// Writes a namespace. The API wants a description, and the client's own words about tools do not reach the model.
fn namespace_of(out: &mut String, name: &str, tool: Span<'_>, tools: &str) {
    let is_described = tool.get("description").and_then(Span::string).is_some_and(|text| !text.is_empty());
    let description = if is_described { format!("Tools in the {name} namespace.") } else { String::new() };
    let (name, description) = (Value::from(name), Value::from(description));
    out.push_str(&format!(r#"{{"type":"namespace","name":{name},"description":{description},"tools":{tools}}}"#));
}

fn named(out: &mut String, name: &str, tool: &Declaration) {
    out.push_str(&format!(r#""name":{}"#, Value::from(name)));
    if let Some(description) = tool.description() {
        out.push_str(&format!(r#","description":{description}"#));
    }
}
