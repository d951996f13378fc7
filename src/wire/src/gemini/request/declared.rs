//! The tools a request declares, chooses, and lets the provider run.

use std::borrow::Cow;

use callgate_json::{Span, Value, with_member};

use crate::gemini::names::{
    ALLOWED_FUNCTION_NAMES, FUNCTION_CALLING_CONFIG, FUNCTION_DECLARATIONS, NAME, STREAM_ARGUMENTS, camel,
};
use crate::members::{Fields, Judged};
use crate::skeleton::document::{Body, List, Tools, declare, declared_once};
use crate::{Declaration, Form, RequestError};

/// The known members of `toolConfig`.
const CONFIGS: [&str; 3] = ["functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"];

/// Reads the tools. Members of `tools[]` besides function declarations are the provider's, by their names in camel case.
pub(super) fn read(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
    let list = fields.read("tools", "an array of objects", |tools| tools.objects().or(tools.object()))?;
    for tool in list.into_iter().flat_map(entries) {
        let functions = FUNCTION_DECLARATIONS.read(tool, "an array of objects with a `name`", Span::array)?;
        for function in functions.into_iter().flat_map(Span::items) {
            declare(&mut tools.declared, "tools", &name(function)?, Form::Tool)?;
        }
        for (key, _) in others(tool) {
            judged.runs.add("tools", &camel(&key))?;
        }
    }
    declared_once(&tools.declared)?;
    read_config(&mut tools, fields, judged)?;
    Ok(tools)
}

/// Reads `toolConfig`. Its unknown members are tools of the provider by their names.
fn read_config(tools: &mut Tools, fields: &Fields<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let Some(config) = fields.read("toolConfig", "an object", Span::object)? else { return Ok(()) };
    for (key, value) in config.members() {
        let name = camel(&key);
        if !CONFIGS.contains(&name.as_ref()) && !value.is_null() {
            judged.runs.add("toolConfig", &name)?;
        }
    }
    let Some(calling) = FUNCTION_CALLING_CONFIG.read(config, "an object", Span::object)? else { return Ok(()) };
    STREAM_ARGUMENTS.read(calling, "true or false", Span::bool)?;
    let names = |value: Span<'_>| value.array().filter(|list| list.items().all(Span::is_string)).map(|_| ());
    ALLOWED_FUNCTION_NAMES.read(calling, "an array of strings", names)?;
    let names = ALLOWED_FUNCTION_NAMES.find(calling)?.into_iter().flat_map(Span::items);
    names.filter_map(Span::string).try_for_each(|name| tools.chosen.add("toolConfig", &name))
}

/// Replaces the declared functions: all of them in one entry, and then the provider's tools.
pub(super) fn write(body: &mut Body, member: &str, declarations: &[&Declaration]) {
    let mut functions = List::with_capacity(declarations.iter().map(|tool| tool.size()).sum());
    for tool in declarations {
        tool.write(functions.item(), "parametersJsonSchema", "");
    }
    let runs = body.runs();
    let mut list = List::with_capacity(0);
    if let Some(functions) = functions.end() {
        *list.item() += &format!(r#"{{"functionDeclarations":{functions}}}"#);
    }
    for tool in body.original().get(member).into_iter().flat_map(entries) {
        let kept: Vec<String> = others(tool)
            .filter(|(key, _)| !runs.is_dropped(&camel(key)))
            .map(|(key, value)| format!("{}:{}", Value::from(key), value.text()))
            .collect();
        if !kept.is_empty() {
            *list.item() += &format!("{{{}}}", kept.join(","));
        }
    }
    let list = list.end();
    body.put(member.to_owned(), list);
}

/// Leaves out the members of `toolConfig` that are tools of the provider which were taken out.
pub(super) fn drop_provided(body: &mut Body, member: &str) {
    let Some(config) = body.get(member) else { return };
    let gone: Vec<String> = config
        .members()
        .map(|(key, _)| key.into_owned())
        .filter(|key| !CONFIGS.contains(&camel(key).as_ref()) && body.runs().is_dropped(&camel(key)))
        .collect();
    let mut config = config.text().into_owned();
    for key in &gone {
        config = with_member(Span::new(config.as_bytes()), key.clone(), None);
    }
    if !gone.is_empty() {
        body.set(member.to_owned(), config);
    }
}

/// Returns the choice without functions that are gone. `None` if it names no other.
pub(super) fn limited(calling: Span<'_>, is_offered: &dyn Fn(&str) -> bool) -> Option<String> {
    let Some(names) = ALLOWED_FUNCTION_NAMES.find(calling).ok().flatten() else {
        return Some(calling.text().into_owned());
    };
    let mut left = List::with_capacity(names.bytes().len());
    let is_left = |name: &Span<'_>| name.string().is_some_and(|name| is_offered(&name));
    names.items().filter(is_left).for_each(|name| left.item().push_str(&name.text()));
    let left = left.end()?;
    let key = calling.members().map(|(key, _)| key).find(|key| ALLOWED_FUNCTION_NAMES.is(key))?;
    Some(with_member(calling, key.into_owned(), Some(left)))
}

/// Returns the entries of `tools`: a list, or one object, since the API takes both.
fn entries(tools: Span<'_>) -> impl Iterator<Item = Span<'_>> {
    tools.object().into_iter().chain(tools.items())
}

/// Returns the members of a tool besides functions, without those that are `null`.
fn others(tool: Span<'_>) -> impl Iterator<Item = (Cow<'_, str>, Span<'_>)> {
    tool.members().filter(|(key, value)| !FUNCTION_DECLARATIONS.is(key) && !value.is_null())
}

fn name(function: Span<'_>) -> Result<Cow<'_, str>, RequestError> {
    let expected = "an array of objects with a `name`";
    let invalid = RequestError::invalid(FUNCTION_DECLARATIONS.camel, expected);
    let function = function.object().ok_or(invalid.clone())?;
    NAME.read(function, "a string", Span::string)?.filter(|name| !name.is_empty()).ok_or(invalid)
}
