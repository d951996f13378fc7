//! The tools of a request: the declared and the chosen ones, and their replacement by the contract's declarations.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use callgate_json::{Key, Objects, Span, name_in_sentence};

use super::kept::{CALLERS, is_kept, judge_callers};
use crate::checks::folds;
use crate::members::{Judged, NameSet, asks};
use crate::{Call, Declaration, Declared, Form, RequestError, namespace};

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools {
    /// The declared functions.
    pub(crate) declared: Vec<Declared>,
    /// The functions named by the choice of tools.
    pub(crate) chosen: NameSet,
    /// Some entries of the list of tools stay, or have members that stay.
    pub(crate) keeps: bool,
}

/// The members of a declared tool, found in one pass.
pub(crate) struct ToolMembers<'t, const N: usize> {
    /// The values of the wanted names.
    pub(crate) values: [Option<Span<'t>>; N],
    /// Some members stay when the declaration is replaced.
    pub(crate) has_kept: bool,
    callers: Option<Span<'t>>,
    like: Option<&'static str>,
}

/// The text of a list that is being written.
pub(crate) struct List(String);

/// An entry of a list of tools whose functions are replaced.
pub(crate) enum Replaced<'t, K> {
    /// A function of this name, and its kept members.
    Function(Cow<'t, str>, K),
    /// A tool run by the provider: it stays.
    Provided,
    /// It is left out.
    Dropped,
}

// === impl Tools ===

impl Tools {
    /// Replaces the declarations of one form.
    pub(super) fn replace(&mut self, declarations: &[&Declaration], form: Form) {
        let names = self.declared.iter().filter(|tool| tool.form == form).map(|tool| tool.name.as_str());
        if names.eq(declarations.iter().map(|tool| tool.name())) {
            return;
        }
        let (old, others) = std::mem::take(&mut self.declared).into_iter().partition(|tool| tool.form == form);
        let old: Vec<Declared> = old;
        let known: HashMap<&str, &Declared> = old.iter().map(|tool| (tool.name.as_str(), tool)).collect();
        self.declared = others;
        self.declared.extend(declarations.iter().map(|tool| match known.get(tool.name()) {
            Some(known) => (*known).clone(),
            None => declared(tool.name(), form),
        }));
    }

    /// Returns true if a call fits the declaration of its tool, as [`Request::fits`](crate::Request::fits).
    pub(super) fn fits(&self, call: &Call, has_state: bool) -> bool {
        let namespace = namespace::identity(&call.namespace, &call.name);
        match self.declared.iter().find(|tool| tool.name == call.name) {
            Some(tool) => tool.called.fits(call.form) && tool.namespace == namespace,
            None => {
                let is_plain = has_state && namespace::is_plain(namespace, &call.name);
                is_plain || namespace.is_empty() && Form::Tool.fits(call.form)
            }
        }
    }
}

// === impl ToolMembers ===

impl<'t, const N: usize> ToolMembers<'t, N> {
    pub(crate) fn of(tool: Span<'t>, wanted: [&'static str; N]) -> Self {
        let mut found = Self { values: [None; N], has_kept: false, callers: None, like: None };
        for (key, value) in tool.pairs() {
            for (name, slot) in wanted.iter().zip(&mut found.values) {
                if key.is(name) {
                    *slot = Some(value);
                } else if folds(key, name) {
                    found.like = found.like.or(Some(name));
                }
            }
            if is_kept(key) && !value.is_null() {
                found.has_kept = true;
                found.callers = if key.is(CALLERS) { Some(value) } else { found.callers };
            }
        }
        found
    }

    /// Refuses a key that only readers which ignore case take for a wanted one.
    pub(crate) fn exact(&self, param: &'static str) -> Result<(), RequestError> {
        self.like.map_or(Ok(()), |like| Err(RequestError::Ambiguous { param, like }))
    }

    /// Does the same as [`callers`].
    pub(crate) fn callers(&self, judged: &mut Judged) -> Result<(), RequestError> {
        self.callers.map_or(Ok(()), |callers| judge_callers(callers, judged))
    }
}

// === impl List ===

impl List {
    pub(crate) fn with_capacity(bytes: usize) -> List {
        List(String::with_capacity(bytes))
    }

    /// Begins the next item.
    pub(crate) fn item(&mut self) -> &mut String {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        &mut self.0
    }

    /// Returns the text of the list, unless it is empty.
    pub(crate) fn end(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push(']');
        Some(self.0)
    }
}

/// Returns a list of tools with `declarations` in place of its functions, unless it is empty. Each tool stays in its place, so a
/// tool that joins at the end changes nothing before it: providers cache requests by their beginning. Other declarations come last.
pub(crate) fn redeclared<'t, K>(
    tools: Option<Span<'t>>,
    declarations: &[&Declaration],
    sort: impl Fn(Span<'t>) -> Replaced<'t, K>,
    write: impl Fn(&mut String, &Declaration, Option<&K>),
) -> Option<String> {
    let mut list = List::with_capacity(declarations.iter().map(|tool| tool.size()).sum());
    let Some(tools) = tools else {
        declarations.iter().for_each(|tool| write(list.item(), tool, None));
        return list.end();
    };
    let mut rest: HashMap<&str, &Declaration> = declarations.iter().map(|tool| (tool.name(), *tool)).collect();
    for tool in tools.items() {
        match sort(tool) {
            Replaced::Function(name, members) => {
                if let Some(declaration) = rest.remove(name.as_ref()) {
                    write(list.item(), declaration, Some(&members));
                }
            }
            Replaced::Provided => list.item().push_str(&tool.text()),
            Replaced::Dropped => {}
        }
    }
    for tool in declarations.iter().filter(|tool| rest.contains_key(tool.name())) {
        write(list.item(), tool, None);
    }
    list.end()
}

/// The maximum of tools in one request, which bounds the memory for it. APIs that search their tools take as many (Anthropic:
/// 10,000).
const MAX_DECLARED: usize = 10_000;

/// Notes a declared tool.
pub(crate) fn declare(
    declared: &mut Vec<Declared>,
    param: &'static str,
    name: &str,
    form: Form,
) -> Result<(), RequestError> {
    add(declared, param, self::declared(name, form))
}

/// Notes a declared tool with a form or a namespace of its own.
pub(crate) fn add(declared: &mut Vec<Declared>, param: &'static str, tool: Declared) -> Result<(), RequestError> {
    if declared.len() == MAX_DECLARED {
        return Err(RequestError::invalid(param, "a list of at most 10,000 tools"));
    }
    declared.push(tool);
    Ok(())
}

fn declared(name: &str, form: Form) -> Declared {
    Declared { name: name.to_owned(), form, called: form, namespace: String::new() }
}

/// The number of names that are compared with each other rather than hashed.
const FEW: usize = 16;

/// Refuses a request with two tools of one name.
pub(crate) fn declared_once<'d>(
    declared: impl IntoIterator<Item = &'d Declared, IntoIter: Clone>,
) -> Result<(), RequestError> {
    let mut declared = declared.into_iter();
    let again = if declared.size_hint().1.is_some_and(|most| most <= FEW) {
        let mut before = declared.clone().enumerate();
        let is_again = |(position, tool): &(usize, &Declared)| {
            declared.clone().take(*position).any(|other| other.name == tool.name)
        };
        before.find(is_again).map(|(_, tool)| tool)
    } else {
        let mut names = HashSet::with_capacity(declared.size_hint().0);
        declared.find(|tool| !names.insert(tool.name.as_str()))
    };
    match again {
        Some(tool) => Err(declared_twice(&tool.name)),
        None => Ok(()),
    }
}

/// The error for two tools of one name.
pub(crate) fn declared_twice(name: &str) -> RequestError {
    RequestError::DeclaredTwice { name: name_in_sentence(name) }
}

/// Judges tools in messages as the provider's `additional_tools`. Some servers show them to the model, and the contract's own
/// declarations could not take their place.
pub(crate) fn additional<'t>(
    messages: impl IntoIterator<Item = Span<'t>>,
    param: &'static str,
    judged: &mut Judged,
) -> Result<(), RequestError> {
    if messages.into_iter().any(brings_tools) { judged.runs.fix(param, "additional_tools") } else { Ok(()) }
}

/// Does the same as [`additional`] for the conversation, a list of messages, which must be objects.
pub(crate) fn messages(
    list: Span<'_>,
    known: Option<Objects<'_>>,
    param: &'static str,
    judged: &mut Judged,
) -> Result<(), RequestError> {
    if known.is_some_and(|messages| !may_bring_tools(messages)) {
        return Ok(());
    }
    let mut brings = false;
    for message in list.items() {
        let message = message.object().ok_or(RequestError::invalid(param, "an array of objects"))?;
        brings |= brings_tools(message);
    }
    if brings { judged.runs.fix(param, "additional_tools") } else { Ok(()) }
}

/// Returns false if none of these objects [`brings_tools`].
pub(crate) fn may_bring_tools(messages: Objects<'_>) -> bool {
    messages.keys().any(is_tools)
}

fn is_tools(key: Key<'_>) -> bool {
    ["tools", "functions"].iter().any(|known| folds(key, known))
}

fn brings_tools(message: Span<'_>) -> bool {
    message.pairs().any(|(key, value)| is_tools(key) && asks(value))
}
