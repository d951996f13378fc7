//! JSON without a call for any client of any dialect: errors of upstreams in their own words, and counts of tokens.
//!
//! The shape of the body is unknown here, so the test is the union of all dialects' calls. It refuses too much rather than too
//! little.

use callgate_json::Value;

use crate::checks::{self, ShapeError, folds_to};

/// Members with calls in some dialect.
const MEMBERS: [&str; 10] = [
    "tool_call",
    "tool_calls",
    "toolCall",
    "toolCalls",
    "tool_use",
    "toolUse",
    "function_call",
    "function_calls",
    "functionCall",
    "functionCalls",
];

/// Returns true for a strict JSON object or array without a call anywhere.
#[must_use]
pub fn is_callless(body: &[u8]) -> bool {
    callgate_json::read_nearest(body)
        .is_ok_and(|value| (value.is_object() || value.is_array()) && no_call(&value).is_ok())
}

/// The most bytes of a count, and of one of its texts. The longest known one lists the tokens of each modality.
const COUNT_BYTES: usize = 16 * 1024;
const COUNT_TEXT: usize = 256;

/// Returns true for a count of tokens: a small object with at least one whole number, short texts, and no call anywhere.
#[must_use]
pub fn is_count(body: &[u8]) -> bool {
    let Some(Value::Object(members)) =
        Some(body).filter(|body| body.len() <= COUNT_BYTES).and_then(|body| callgate_json::read(body).ok())
    else {
        return false;
    };
    members.values().any(Value::is_u64) && members.values().all(is_brief) && no_call(&Value::Object(members)).is_ok()
}

fn is_brief(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= COUNT_TEXT,
        Value::Array(items) => items.iter().all(is_brief),
        Value::Object(members) => members.values().all(is_brief),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Refuses a call of any dialect anywhere in a value.
pub(crate) fn no_call(value: &Value) -> Result<(), ShapeError> {
    checks::no_call(value, is_call)
}

fn is_call(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(_) => MEMBERS.iter().any(|known| folds_to(key, known)),
        Value::Array(items) => !items.is_empty() && MEMBERS.iter().any(|known| folds_to(key, known)),
        // Kinds such as `function_call`, `custom_tool_call`, `mcp_call`, `tool_use`, `server_tool_use`.
        Value::String(kind) => {
            let kind = kind.to_ascii_lowercase();
            folds_to(key, "type") && (kind.ends_with("_call") || kind.ends_with("tool_use"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_counts_of_real_servers_carry_no_call() {
        for body in [
            r#"{"detail":"Not Found"}"#,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","tool_calls"],"msg":"Extra inputs"}]}"#,
            r#"{"object":"error","message":"no","type":"invalid_request_error","code":null}"#,
            r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#,
            r#"{"error":{"code":"tool_use_failed","failed_generation":"{\"tool_calls\":[]}"}}"#,
            r#"{"input_tokens":14}"#,
            r#"{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}"#,
        ] {
            assert!(is_callless(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_count_is_small_and_has_a_number() {
        for body in [
            r#"{"input_tokens":14}"#,
            r#"{"object":"response.input_tokens","input_tokens":14}"#,
            r#"{"input_tokens":14,"context_management":{"original_input_tokens":20}}"#,
            r#"{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}"#,
        ] {
            assert!(is_count(body.as_bytes()), "{body}");
        }
        let long = format!(r#"{{"input_tokens":1,"text":"{}"}}"#, "a".repeat(300));
        let many = format!(r#"{{"input_tokens":1,"a":[{}0]}}"#, "0,".repeat(10_000));
        for body in [
            "{}",
            "14",
            "[14]",
            r#"{"input_tokens":-1}"#,
            r#"{"input_tokens":"14"}"#,
            r#"{"input_tokens":1,"input_tokens":2}"#,
            r#"{"input_tokens":1,"tool_calls":[{}]}"#,
            r#"{"input_tokens":1,"output":[{"type":"function_call"}]}"#,
            &long,
            &many,
        ] {
            assert!(!is_count(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_call_of_any_dialect_is_found_at_any_depth() {
        for call in [
            r#"{"tool_calls":[{"function":{"name":"f"}}]}"#,
            r#"{"Tool_Calls":[{}]}"#,
            r#"{"function_call":{"name":"f"}}"#,
            r#"{"functionCall":{"name":"f"}}"#,
            r#"{"toolUse":{"name":"f"}}"#,
            r#"{"type":"tool_use","name":"f"}"#,
            r#"{"type":"function_call","name":"f"}"#,
            r#"{"type":"custom_tool_call","name":"f"}"#,
        ] {
            for body in [call.to_owned(), format!("[{call}]"), format!(r#"{{"error":{{"a":[{call}]}}}}"#)] {
                assert!(!is_callless(body.as_bytes()), "{body}");
            }
        }
        for body in [r#"{"a":1,"a":2}"#, r#""text""#, "12", "", "<html>", "{"] {
            assert!(!is_callless(body.as_bytes()), "{body}");
        }
    }
}
