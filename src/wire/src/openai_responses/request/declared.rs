//! The tools of a request: declared, chosen, or run by the provider.
//!
//! Tools stand in `tools` and in items of input (`additional_tools`, `tool_search_output`), and in namespaces in both. A tool may
//! stand in several of these places: a search finds it again, or an item repeats it. Two different tools of one name are refused.

use std::collections::HashMap;

use callgate_json::Span;

use super::entry::{self, ToolEntry};
use crate::checks::exact;
use crate::members::{Fields, Judged};
use crate::namespace::{identity, name_in_contract};
use crate::openai_responses::kinds;
use crate::skeleton::document::{PROGRAM, PROGRAMS, Tools, add, declared_twice};
use crate::{Declared, Form, NativeName, RequestError};

/// The reader of all declarations of a request.
#[derive(Default)]
pub(super) struct Declarations {
    pub(super) tools: Tools,
    /// The first declaration of each name: its position, and its place.
    known: HashMap<String, (usize, usize)>,
    /// The number of the list that is read.
    place: usize,
    /// Items of input declare tools.
    pub(super) has_lists: bool,
}

// === impl Declarations ===

impl Declarations {
    /// Reads the list `tools` of a request or of an item of input, which is in the member `param`.
    pub(super) fn list<'t>(
        &mut self,
        tools: impl Iterator<Item = Span<'t>>,
        param: &'static str,
        judged: &mut Judged,
    ) -> Result<(), RequestError> {
        self.place = self.place.saturating_add(1);
        for tool in tools {
            self.tool(tool, "", param, judged)?;
        }
        Ok(())
    }

    fn tool(
        &mut self,
        tool: Span<'_>,
        namespace: &str,
        param: &'static str,
        judged: &mut Judged,
    ) -> Result<(), RequestError> {
        match entry::read(tool, param)? {
            ToolEntry::Named(name, form) => {
                callers(tool, param, judged)?;
                self.declare(namespace, &name, form, param)
            }
            ToolEntry::Native(name) if namespace.is_empty() => {
                callers(tool, param, judged)?;
                self.declare("", name.as_str(), Form::Native(name), param)
            }
            ToolEntry::Namespace(name, tools) if namespace.is_empty() => {
                tools.items().try_for_each(|tool| self.tool(tool, &name, param, judged))
            }
            ToolEntry::Provided(kind) if namespace.is_empty() => judged.runs.add(param, &kind),
            ToolEntry::Native(_) | ToolEntry::Namespace(..) | ToolEntry::Provided(_) => {
                Err(RequestError::invalid(param, "an array of namespaces with functions and custom tools only"))
            }
        }
    }

    fn declare(&mut self, namespace: &str, name: &str, called: Form, param: &'static str) -> Result<(), RequestError> {
        let whole = name_in_contract(namespace, name);
        let namespace = identity(namespace, &whole).to_owned();
        let tool = Declared { name: whole, form: Form::Tool, called, namespace };
        match self.known.get(&tool.name) {
            Some((position, place)) => {
                let is_same = *place != self.place && self.tools.declared.get(*position) == Some(&tool);
                if is_same { Ok(()) } else { Err(declared_twice(&tool.name)) }
            }
            None => {
                self.known.insert(tool.name.clone(), (self.tools.declared.len(), self.place));
                add(&mut self.tools.declared, param, tool)
            }
        }
    }

    /// Reads the choice among the tools.
    pub(super) fn choice(&mut self, fields: &Fields<'_>, judged: &mut Judged) -> Result<(), RequestError> {
        match fields.get("tool_choice") {
            Some(choice) if choice.is_object() => self.choose(choice, judged, true),
            Some(choice) if !choice.is_string() => Err(RequestError::invalid("tool_choice", "a string or an object")),
            _ => Ok(()),
        }
    }

    fn choose(&mut self, choice: Span<'_>, judged: &mut Judged, is_top: bool) -> Result<(), RequestError> {
        let invalid = |expected| RequestError::invalid("tool_choice", expected);
        exact(choice, "tool_choice", &["type", "name", "namespace", "tools"])?;
        let kind = entry::kind(choice).ok_or(invalid("a choice with a `type`"))?;
        match kind.as_ref() {
            "function" | "custom" => {
                let name = choice.get("name").and_then(Span::string).ok_or(invalid("a tool with its `name`"))?;
                let namespace = choice.some("namespace").map_or(Some("".into()), Span::string);
                let namespace = namespace.ok_or(invalid("a tool whose `namespace` is a string"))?;
                self.tools.chosen.add("tool_choice", &name_in_contract(&namespace, &name))
            }
            "allowed_tools" if is_top => {
                let list = choice.get("tools").and_then(Span::objects);
                let mut list = list.ok_or(invalid("a list of tools"))?.items();
                list.try_for_each(|tool| self.choose(tool, judged, false))
            }
            "allowed_tools" => Err(invalid("a list of tools with a `type`")),
            "namespace" => Err(invalid("a choice of tools; name each tool of a namespace")),
            kind if kinds::COMPUTERS.contains(&kind) => {
                self.tools.chosen.add("tool_choice", NativeName::Computer.as_str())
            }
            kinds::LOCAL_SHELL | kinds::APPLY_PATCH => self.tools.chosen.add("tool_choice", &kind),
            kind if self.is_native(kind) => self.tools.chosen.add("tool_choice", kind),
            kinds::SHELL => judged.runs.add("tool_choice", kinds::HOSTED_SHELL),
            _ => judged.runs.add("tool_choice", &kind),
        }
    }

    /// Returns true if the request declares a tool of the API of this name that the client runs.
    fn is_native(&self, name: &str) -> bool {
        let declared = self.known.get(name).and_then(|(position, _)| self.tools.declared.get(*position));
        declared.is_some_and(|tool| matches!(tool.called, Form::Native(_)))
    }
}

/// Judges a program that may call a declared tool as the tool of the provider that runs programs. The model itself is not such a
/// caller.
fn callers(tool: Span<'_>, param: &'static str, judged: &mut Judged) -> Result<(), RequestError> {
    let Some(callers) = tool.some("allowed_callers") else { return Ok(()) };
    let invalid = RequestError::invalid(param, "an array of tools whose `allowed_callers` are a list of names");
    for caller in callers.array().ok_or(invalid.clone())?.items() {
        match caller.string().ok_or(invalid.clone())?.as_ref() {
            "direct" => {}
            PROGRAM => judged.runs.add(param, PROGRAMS)?,
            code => judged.runs.add(param, code)?,
        }
    }
    Ok(())
}
