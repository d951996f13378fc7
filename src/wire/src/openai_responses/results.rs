//! Calls and their results as items of input: each form of a call has its own kind of result.

use serde_json::json;

use super::items;
use crate::{CallResult, Form, NativeName};
use callgate_json::Value;

/// Returns the items that tell the model of a result.
///
/// A result of a search has no room for words, so a message follows it.
pub(super) fn of_call(result: &CallResult) -> Vec<Value> {
    let CallResult { call, content, failed } = result;
    let id = &call.id;
    let mut item = match call.form {
        Form::Custom => json!({ "type": "custom_tool_call_output", "call_id": id, "output": content }),
        Form::Native(NativeName::LocalShell) => {
            json!({ "type": "local_shell_call_output", "id": id, "output": content })
        }
        Form::Native(NativeName::Shell) => {
            let (stdout, stderr) = if *failed { ("", content.as_str()) } else { (content.as_str(), "") };
            let outcome = json!({ "type": "exit", "exit_code": u8::from(*failed) });
            let output = json!([{ "stdout": stdout, "stderr": stderr, "outcome": outcome }]);
            json!({ "type": "shell_call_output", "call_id": id, "output": output })
        }
        Form::Native(NativeName::ApplyPatch) => {
            let status = if *failed { "failed" } else { "completed" };
            json!({ "type": "apply_patch_call_output", "call_id": id, "status": status, "output": content })
        }
        Form::Native(NativeName::ToolSearch) => json!({
            "type": "tool_search_output", "call_id": id, "execution": "client", "status": "completed", "tools": [],
        }),
        // The engine asks for no further round after such a call, because this result has no room for words.
        Form::Native(NativeName::Computer) => json!({
            "type": "computer_call_output", "call_id": id, "output": { "type": "computer_screenshot" },
        }),
        Form::Tool | Form::Function | Form::Unknown | Form::Unclear => {
            json!({ "type": "function_call_output", "call_id": id, "output": content })
        }
    };
    let caller = call.extra.get("caller").filter(|caller| !caller.is_null() && !call.form.is_refused());
    if let (Some(caller), Value::Object(members)) = (caller, &mut item) {
        members.insert("caller".to_owned(), caller.clone());
    }
    let mut items = vec![item];
    if call.form == Form::Native(NativeName::ToolSearch) {
        let text = json!([{ "type": "input_text", "text": content }]);
        items.push(json!({ "type": "message", "role": "developer", "content": text }));
    }
    items
}

/// Returns a call as an item of input, with the members the API takes back.
pub(super) fn call_as_input(call: &crate::Call) -> Value {
    const TAKEN: [&str; 8] =
        ["id", "status", "caller", "async", "environment", "execution", "max_output_length", "pending_safety_checks"];
    let mut call = call.clone();
    // Another kind of item has other ids.
    let is_taken = |key: &str| !call.form.is_refused() && TAKEN.contains(&key);
    let mut extra = std::mem::take(&mut call.extra);
    extra.retain(|key, value| is_taken(key) && !value.is_null());
    if let Form::Native(_) = call.form {
        extra.entry("status").or_insert_with(|| Value::from("completed"));
    }
    call.extra = extra;
    items::of_call(&call)
}
