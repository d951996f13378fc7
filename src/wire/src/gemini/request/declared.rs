//! The tools a request declares, chooses, and lets the provider run.

use std::borrow::Cow;

use callgate_json::Span;

use crate::body::Object;
use crate::checks::{declare, declared_once};
use crate::gemini::names::{
    ALLOWED_FUNCTION_NAMES, FUNCTION_CALLING_CONFIG, FUNCTION_DECLARATIONS, NAME, STREAM_ARGUMENTS, camel,
};
use crate::members::{Fields, Judged, Names};
use crate::{Declaration, Declared, Form, RequestError};

/// The known members of `toolConfig`.
const CONFIGS: [&str; 3] = ["functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"];

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    pub(super) declared: Vec<Declared>,
    pub(super) chosen: Names,
}

// === impl Tools ===

impl Tools {
    /// Reads the tools; members of `tools[]` that are no function declarations are the provider's, by their names in camel case.
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
        tools.declared = declared_once(tools.declared)?;
        tools.read_config(fields, judged)?;
        Ok(tools)
    }

    /// Reads `toolConfig`. Its unknown members are tools of the provider by their names.
    fn read_config(&mut self, fields: &Fields<'_>, judged: &mut Judged) -> Result<(), RequestError> {
        let Some(config) = fields.read("toolConfig", "an object", Span::object)? else { return Ok(()) };
        for (key, value) in config.members() {
            let name = camel(&key);
            if !CONFIGS.contains(&name.as_str()) && !value.is_null() {
                judged.runs.add("toolConfig", &name)?;
            }
        }
        let Some(calling) = FUNCTION_CALLING_CONFIG.read(config, "an object", Span::object)? else { return Ok(()) };
        if STREAM_ARGUMENTS.read(calling, "true or false", Span::bool)? == Some(true) {
            let expected = "left out or false: a call is decided on whole";
            return Err(RequestError::Invalid { param: STREAM_ARGUMENTS.camel, expected });
        }
        let names = |value: Span<'_>| value.array().filter(|list| list.items().all(Span::is_string)).map(|_| ());
        ALLOWED_FUNCTION_NAMES.read(calling, "an array of strings", names)?;
        let names = ALLOWED_FUNCTION_NAMES.find(calling)?.into_iter().flat_map(Span::items);
        names.filter_map(Span::string).try_for_each(|name| self.chosen.add("toolConfig", &name))
    }

    /// Declares these functions only, all of them in one entry; then what the provider runs.
    pub(super) fn declare(&mut self, body: &mut Object, member: &str, declarations: &[&Declaration]) {
        let declared = |tool: &&Declaration| Declared { name: tool.name().to_owned(), form: Form::Tool };
        self.declared = declarations.iter().map(declared).collect();
        let mut list = Vec::new();
        if !declarations.is_empty() {
            let functions: Vec<String> = declarations.iter().map(|tool| tool.object("parametersJsonSchema")).collect();
            list.push(format!(r#"{{"functionDeclarations":[{}]}}"#, functions.join(",")));
        }
        for tool in body.came().get(member).into_iter().flat_map(entries) {
            let kept: Vec<String> =
                others(tool).map(|(key, value)| format!("{}:{}", serde_json::Value::from(key), value.text())).collect();
            if !kept.is_empty() {
                list.push(format!("{{{}}}", kept.join(",")));
            }
        }
        body.set_list(member, &list);
    }
}

/// The entries of `tools`: a list, or one object, as the API takes too.
fn entries(tools: Span<'_>) -> impl Iterator<Item = Span<'_>> {
    tools.object().into_iter().chain(tools.items())
}

/// The members of a tool besides functions; `null` is nothing.
fn others(tool: Span<'_>) -> impl Iterator<Item = (Cow<'_, str>, Span<'_>)> {
    tool.members().filter(|(key, value)| !FUNCTION_DECLARATIONS.is(key) && !value.is_null())
}

fn name(function: Span<'_>) -> Result<Cow<'_, str>, RequestError> {
    let expected = "an array of objects with a `name`";
    let invalid = RequestError::Invalid { param: FUNCTION_DECLARATIONS.camel, expected };
    let function = function.object().ok_or(invalid.clone())?;
    NAME.read(function, "a string", Span::string)?.filter(|name| !name.is_empty()).ok_or(invalid)
}
