//! Bodies with an error, in the formats of real servers under these APIs' paths.

use callgate_json::Value;

use crate::checks::folds_to;

/// Returns true if a body reports an error and has no turn, which would be under `turn`. Servers and gateways have forms of their
/// own: `error`, a `message` alone (AWS), `detail` (FastAPI), `errors` (Cloudflare), `object: "error"` (vLLM), arrays (Google).
pub(crate) fn reports_error(body: &Value, turn: &str) -> bool {
    match body {
        Value::Array(items) => {
            !items.is_empty() && items.iter().all(|item| item.is_object() && reports_error(item, turn))
        }
        Value::Object(members) => {
            let has = |key: &str| members.get(key).is_some_and(|value| !value.is_null());
            let says = |key: &str| members.get(key).is_some_and(Value::is_string);
            let is = |key: &str| members.get(key).is_some_and(|kind| kind == "error");
            let listed = members.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
            !members.keys().any(|key| folds_to(key, turn))
                && (["error", "detail"].into_iter().any(has)
                    || ["message", "Message", "__type"].into_iter().any(says)
                    || ["type", "object"].into_iter().any(is)
                    || listed)
        }
        _ => false,
    }
}
