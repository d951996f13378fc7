//! `additionalModelRequestFields`: members of the model's own API, which Bedrock passes on to it.
//!
//! Source: Amazon Bedrock user guide, *Inference request parameters and response fields for foundation models*. Among them can be
//! whole lists of tools (`tools` and `mcp_servers` of Anthropic's API), so only members that are known to bring none, and to
//! raise no limit that the contract sets, are let through.

use callgate_json::{Map, Value};

use super::asks_for_nothing;
use crate::RequestError;

/// How the model samples, reasons and stops.
const HARMLESS: [&str; 14] = [
    "top_k",
    "topK",
    "k",
    "min_p",
    "seed",
    "stop",
    "stop_sequences",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "thinking",
    "reasoning_config",
    "reasoningConfig",
    "reasoning_effort",
];

/// What else a beta of Anthropic's changes than tools: how much goes in and comes out, how much is thought, how inputs are cut.
const HARMLESS_BETAS: [&str; 6] = [
    "context-1m-",
    "effort-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "token-efficient-tools-",
];

/// Refuses what could bring tools.
pub(super) fn check(body: &Map<String, Value>) -> Result<(), RequestError> {
    const INVALID: RequestError = RequestError::Invalid {
        param: "additionalModelRequestFields",
        expected: "an object that has only members of which is known that they bring no tools, such as `top_k` and `thinking`",
    };
    match body.get("additionalModelRequestFields") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(fields)) => {
            let all = fields.iter().all(|(key, value)| asks_for_nothing(value) || is_harmless(key, value));
            if all { Ok(()) } else { Err(INVALID) }
        }
        Some(_) => Err(INVALID),
    }
}

fn is_harmless(key: &str, value: &Value) -> bool {
    match (key, value) {
        ("anthropic_beta", Value::Array(betas)) => betas.iter().all(|beta| {
            beta.as_str().is_some_and(|beta| HARMLESS_BETAS.iter().any(|harmless| beta.starts_with(harmless)))
        }),
        // Nova takes `topK` there; `maxTokens` would go round the contract's limit.
        ("inferenceConfig", Value::Object(config)) => config.keys().all(|key| matches!(key.as_str(), "topK" | "top_k")),
        _ => HARMLESS.contains(&key),
    }
}
