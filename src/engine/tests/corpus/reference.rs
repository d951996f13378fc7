//! The expected verdict of a call, from a JSON Schema validator other than Callgate's (`boon`).

use std::collections::{BTreeMap, HashSet};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value, json};

use crate::recording::{Call, Recording};

/// The functions of one exchange, with the validators of their arguments.
pub(crate) struct Reference {
    schemas: Schemas,
    functions: BTreeMap<String, SchemaIndex>,
    /// The contract with these functions and no others.
    pub(crate) contract: String,
}

// === impl Reference ===

impl Reference {
    pub(crate) fn new(recording: &Recording) -> Result<Self, String> {
        Self::of(recording.functions())
    }

    pub(crate) fn of(functions: impl IntoIterator<Item = (String, Value)>) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        let mut schemas = Schemas::new();
        let mut compiled = BTreeMap::new();
        let mut tools = Vec::new();
        for (name, schema) in functions {
            let place = format!("http://reference/{name}");
            compiler.add_resource(&place, schema.clone()).map_err(|error| error.to_string())?;
            let index = compiler.compile(&place, &mut schemas).map_err(|error| error.to_string())?;
            compiled.insert(name.clone(), index);
            tools.push(json!({ "name": name, "effects": "read", "parameters": schema, "run": { "client": {} } }));
        }
        // A contract has at least one tool.
        let none =
            json!({ "name": "none", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } });
        if tools.is_empty() {
            tools.push(none);
        }
        let provided = [
            "web_search",
            "web_search_preview",
            "web_search_20250305",
            "web_search_20260209",
            "web_fetch_20250910",
            "code_execution_20260120",
        ];
        let contract = json!({
            "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "recorded", "version": "1" },
            "spec": {
                "models": ["*"], "providerTools": provided, "serverState": "allowed",
                "limits": { "maxToolCallsPerTurn": 1000, "requestBytes": "64MiB", "responseBytes": "64MiB" },
                "roles": { "all": { "tools": ["*"] } }, "tools": tools,
            },
        });
        Ok(Self { schemas, functions: compiled, contract: contract.to_string() })
    }

    /// Returns each call of a turn with canonical arguments, or the code of its expected refusal.
    pub(crate) fn verdicts(&self, calls: &[Call]) -> Vec<Result<Call, String>> {
        let mut ids = HashSet::new();
        calls.iter().map(|call| self.verdict(call, &mut ids).map_err(str::to_owned)).collect()
    }

    fn verdict<'c>(&self, call: &'c Call, ids: &mut HashSet<&'c str>) -> Result<Call, &'static str> {
        if call.name.is_empty() || !call.id.is_empty() && !ids.insert(&call.id) {
            return Err("call_malformed");
        }
        let Some(schema) = self.functions.get(&call.name) else { return Err("tool_not_in_contract") };
        // Some APIs give a call without arguments no text at all.
        let empty = call.arguments.trim().is_empty();
        let text = if empty { "{}" } else { &call.arguments };
        let accepts = |value: &Value| self.schemas.validate(value, *schema).is_ok();
        let Ok(value) = callgate_json::read(text.as_bytes()) else { return Err("arguments_not_json") };
        match () {
            () if empty && !accepts(&value) => Err("arguments_not_json"),
            () if !value.is_object() || !accepts(&value) => Err("arguments_invalid"),
            () => Ok(Call { arguments: callgate_json::canonical(&value), ..call.clone() }),
        }
    }
}
