//! The declarations of tools in a request of each API, and in a server's list.
//!
//! The dialects read names only, because the gate takes descriptions and schemas from the contract. Here both are needed.

use callgate_contract::Hints;
use serde_json::Value;

use super::sketch::ToolSketch;

/// Returns the tools that a request of an API declares.
pub(super) fn of_request(api: &str, body: &Value) -> Vec<ToolSketch> {
    let tools = list(body.get("tools"));
    match api {
        "messages" => tools.filter_map(|tool| sketch(tool, &["input_schema"])).collect(),
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
        // A tool of Chat Completions and Ollama has a `function`, one of Responses is the function itself.
        _ => {
            let functions =
                tools.filter(|tool| kind(tool) == "function").map(|tool| tool.get("function").unwrap_or(tool));
            functions.chain(list(body.get("functions"))).filter_map(|tool| sketch(tool, &["parameters"])).collect()
        }
    }
}

/// Returns the tools of an MCP server's answer to `tools/list`, or of its result alone. `None` for something else.
pub(super) fn of_list(value: &Value) -> Option<Vec<ToolSketch>> {
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
