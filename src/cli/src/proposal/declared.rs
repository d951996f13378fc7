//! The declarations of tools in a request of each API, and in a server's list.
//!
//! The dialects read names only, because the gate takes descriptions and schemas from the contract. Here both are needed.

use callgate_contract::Hints;
use callgate_wire::name_in_contract;
use serde_json::{Value, json};

use super::sketch::ToolSketch;

/// Returns the tools that a request of an API declares.
pub(crate) fn of_request(api: &str, body: &Value) -> Vec<ToolSketch> {
    let tools = list(body.get("tools"));
    match api {
        "messages" => tools.filter_map(|tool| typed(tool).or_else(|| sketch(tool, &["input_schema"]))).collect(),
        "gemini" => list(body.get("tools"))
            .flat_map(|tool| {
                ["functionDeclarations", "function_declarations"].into_iter().flat_map(move |name| list(tool.get(name)))
            })
            .filter_map(|function| sketch(function, &["parametersJsonSchema", "parameters_json_schema", "parameters"]))
            .collect(),
        "converse" => {
            let config = body.get("toolConfig").or_else(|| body.get("tool_config"));
            let specs = list(config.and_then(|config| config.get("tools"))).filter_map(|tool| tool.get("toolSpec"));
            specs
                .filter_map(|spec| {
                    let schema = spec.get("inputSchema").and_then(|schema| schema.get("json"));
                    sketch(spec, &[]).map(|tool| ToolSketch { parameters: schema.cloned().unwrap_or_default(), ..tool })
                })
                .collect()
        }
        "responses" => {
            let items = list(body.get("input")).flat_map(|item| list(item.get("tools")));
            tools.chain(items).flat_map(|tool| of_responses(tool, "")).collect()
        }
        // A tool of Chat Completions and Ollama has a `function`.
        _ => {
            let tools = tools.map(|tool| (kind(tool), tool));
            let (custom, tools): (Vec<_>, Vec<_>) = tools.partition(|(kind, _)| *kind == "custom");
            let custom = custom.into_iter().filter_map(|(_, tool)| free_text(tool.get("custom")?));
            let functions = tools.into_iter().filter(|(kind, _)| *kind == "function");
            let functions = functions.map(|(_, tool)| tool.get("function").unwrap_or(tool));
            let functions = functions.chain(list(body.get("functions")));
            functions.filter_map(|tool| sketch(tool, &["parameters"])).chain(custom).collect()
        }
    }
}

/// Returns the tools of an entry of Responses: a function or a custom tool, those of a namespace, or one that the API defines.
fn of_responses(tool: &Value, namespace: &str) -> Vec<ToolSketch> {
    let named = |sketch: ToolSketch| ToolSketch { name: name_in_contract(namespace, &sketch.name), ..sketch };
    let native = |schema: Value| ToolSketch {
        name: kind(tool).to_owned(),
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: schema,
        ..ToolSketch::default()
    };
    let one = match kind(tool) {
        "function" => sketch(tool, &["parameters"]).map(named),
        "custom" => free_text(tool).map(named),
        "namespace" if namespace.is_empty() => {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
            return list(tool.get("tools")).flat_map(|tool| of_responses(tool, name)).collect();
        }
        "tool_search" => Some(native(tool.get("parameters").cloned().unwrap_or_default())),
        "local_shell" => Some(native(json!({
            "type": "object", "required": ["type", "command"], "additionalProperties": false,
            "properties": {
                "type": { "const": "exec" }, "command": { "type": "array", "items": { "type": "string" } },
                "env": { "type": "object", "additionalProperties": { "type": "string" } }, "user": { "type": ["string", "null"] },
                "working_directory": { "type": ["string", "null"] }, "timeout_ms": { "type": ["integer", "null"] },
            },
        }))),
        "shell" => Some(native(json!({
            "type": "object", "required": ["commands"], "additionalProperties": false,
            "properties": {
                "commands": { "type": "array", "items": { "type": "string" } },
                "timeout_ms": { "type": ["integer", "null"] }, "max_output_length": { "type": ["integer", "null"] },
            },
        }))),
        "apply_patch" => Some(native(json!({
            "type": "object", "required": ["type", "path"], "additionalProperties": false,
            "properties": {
                "type": { "enum": ["create_file", "update_file", "delete_file"] },
                "path": { "type": "string" }, "diff": { "type": "string" },
            },
        }))),
        _ => None,
    };
    one.into_iter().collect()
}

/// Returns one of Anthropic's own tools that the client runs, with its documented members.
fn typed(tool: &Value) -> Option<ToolSketch> {
    let text = || json!({ "type": "string" });
    let properties = match kind(tool) {
        kind if kind.starts_with("bash_") => json!({ "command": text(), "restart": { "type": "boolean" } }),
        kind if kind.starts_with("text_editor_") => json!({
            "command": { "enum": ["view", "create", "str_replace", "insert", "undo_edit"] }, "path": text(), "file_text": text(), "old_str": text(),
            "new_str": text(), "insert_line": { "type": "integer" }, "insert_text": text(),
            "view_range": { "type": "array", "items": { "type": "integer" } },
        }),
        _ => return None,
    };
    let parameters = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    sketch(tool, &[]).map(|tool| ToolSketch { parameters, ..tool })
}

/// Returns a custom tool, whose input is free text.
fn free_text(tool: &Value) -> Option<ToolSketch> {
    let parameters = json!({
        "type": "object", "required": ["input"], "additionalProperties": false,
        "properties": { "input": { "type": "string" } },
    });
    sketch(tool, &[]).map(|tool| ToolSketch { parameters, ..tool })
}

/// Returns the tools of an MCP server's answer to `tools/list`, or of its result alone. `None` for something else.
pub(crate) fn of_list(value: &Value) -> Option<Vec<ToolSketch>> {
    let tools = value.get("result").unwrap_or(value).get("tools")?.as_array()?;
    let is_list =
        tools.iter().all(|tool| tool.get("name").is_some_and(Value::is_string) && tool.get("inputSchema").is_some());
    if tools.is_empty() || !is_list {
        return None;
    }
    let of = |tool: &Value| {
        let hint = |name: &str| tool.get("annotations")?.get(name)?.as_bool();
        let hints = Hints {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        };
        let result = tool.get("outputSchema").filter(|schema| schema.is_object()).cloned();
        sketch(tool, &["inputSchema"]).map(|tool| ToolSketch { result, hints, ..tool })
    };
    Some(tools.iter().filter_map(of).collect())
}

fn sketch(tool: &Value, schema: &[&str]) -> Option<ToolSketch> {
    let name = tool.get("name").and_then(Value::as_str)?.to_owned();
    let description =
        tool.get("description").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let parameters = schema.iter().find_map(|name| tool.get(*name)).filter(|schema| schema.is_object());
    Some(ToolSketch { name, description, parameters: parameters.cloned().unwrap_or_default(), ..ToolSketch::default() })
}

fn kind(tool: &Value) -> &str {
    tool.get("type").and_then(Value::as_str).unwrap_or("function")
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (items, single) = match value {
        Some(Value::Array(items)) => (items.as_slice(), None),
        Some(single @ Value::Object(_)) => (&[][..], Some(single)),
        _ => (&[][..], None),
    };
    items.iter().chain(single)
}
