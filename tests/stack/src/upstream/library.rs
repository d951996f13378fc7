//! The named scripts, for a person with `curl` and a header: `x-script: html`.
//!
//! They call the tools of `tests/contracts/gate/contract.yaml`. A test with other needs writes its own script.

use serde_json::{Value, json};

use super::script::{Round, Script, ScriptedCall, Wire};

/// A named script.
pub struct Named {
    /// The value of `x-script`.
    pub name: &'static str,
    /// The behaviour of the model or its provider.
    pub what: &'static str,
    make: fn() -> Script,
}

/// Returns the script with this name.
pub fn script(name: &str) -> Option<Script> {
    LIBRARY.iter().find(|named| named.name == name).map(|named| (named.make)())
}

const OSLO: &str = r#"{"city":"Oslo"}"#;
const ROME: &str = r#"{"city":"Rome","days":3}"#;
const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;

fn quote() -> Round {
    Round { text: vec!["The tools say: ".into(), "{{results}}".into()], ..Round::default() }
}

fn weather() -> Round {
    Round::call("get_weather", OSLO)
}

fn raw(call: Value) -> Script {
    Round::default().and_raw(call).then(quote())
}

macro_rules! library {
    ($($name:literal, $what:literal, $make:expr;)*) => {
        /// All scripts.
        pub const LIBRARY: &[Named] = &[$(Named { name: $name, what: $what, make: || Script::from($make) }),*];
    };
}

library! {
    "text", "says something, in fragments", Round { text: vec!["Good ".into(), "morning".into(), ".".into()], ..Round::default() };
    "client-call", "one call that the client runs, then quotes its result", weather().then(quote());
    "client-calls", "two calls after some text", Round { text: vec!["I look.".into()], ..weather() }.and_call("get_weather", ROME).then(quote());
    "server-call", "one call that runs in the sandbox, then quotes its result", Round::call("lookup_stock", STOCK).then(quote());
    "server-calls", "two calls that run in the sandbox", Round::call("lookup_stock", STOCK).and_call("reserve_stock", STOCK).then(quote());
    "mixed", "a call for the sandbox and one for the client in one turn", Round::call("lookup_stock", STOCK).and_call("get_weather", OSLO).then(weather());
    "unknown-tool", "a tool that no contract has", Round::call("delete_everything", "{}").then(quote());
    "bad-arguments", "arguments that the schema refuses", Round::call("get_weather", r#"{"city":"Oslo","days":99}"#).then(quote());
    "repaired", "bad arguments, then good ones once it is told what was wrong", Script { rounds: vec![Round::call("lookup_stock", r#"{"quantity":-1,"sku":"AB-12"}"#), Round::call("lookup_stock", STOCK), quote()] };
    "choices", "two choices, each with its own call", Round { also: vec![Round::call("get_weather", ROME)], ..weather() };
    "function-call", "the legacy function_call", Round { function: Some(ScriptedCall { name: "get_weather".into(), arguments: OSLO.into(), ..ScriptedCall::default() }), ..Round::default() };
    "no-name", "a call without a name", raw(json!({"id": "call_1", "type": "function", "function": {"arguments": OSLO}}));
    "no-id", "a call without an id", raw(json!({"type": "function", "function": {"name": "get_weather", "arguments": OSLO}}));
    "empty-arguments", "arguments of no characters", Round::call("list_items", "").then(quote());
    "null-arguments", "the arguments `null`, as text", Round::call("list_items", "null").then(quote());
    "duplicate-keys", "a key twice in the arguments", Round::call("get_weather", r#"{"city":"Oslo","city":"Rome"}"#).then(quote());
    "deep", "arguments nested two hundred deep", Round::call("get_weather", &format!("{}{}", "[".repeat(200), "]".repeat(200))).then(quote());
    "huge", "arguments of a megabyte", Round::call("get_weather", &format!(r#"{{"city":"{}"}}"#, "x".repeat(1 << 20))).then(quote());
    "live", "text, a wait for a release, a bad call, another wait", Round { hold: true, text: vec!["Working ".into(), "on it.".into()], ..Round::call("delete_everything", "{}") };
    "slow", "text with a pause between its fragments, then a bad call", Round { pause: 150, text: "This text arrives while the model is still writing.".split_inclusive(' ').map(str::to_owned).collect(), ..Round::call("delete_everything", r#"{"really":true}"#) };
    "gzip", "a compressed body", weather().wire(Wire::Gzip);
    "truncated", "a body that stops in the middle of a call", weather().wire(Wire::Truncated);
    "cut", "a connection that breaks in the middle of a call", weather().wire(Wire::Cut);
    "hang-up", "a connection that is closed without an answer", weather().wire(Wire::HangUp);
    "html", "a page instead of an answer", Round::body("<!DOCTYPE html><title>Bad gateway</title>");
    "empty", "no body", weather().wire(Wire::Empty);
    "error-500", "an error of the provider", Round { status: Some(500), ..Round::default() };
    "error-429", "a rate limit of the provider", Round { status: Some(429), ..Round::default() };
    "never-ending", "a body that goes on for ever", Round::say("Once upon a time").wire(Wire::NeverEnding);
    "huge-line", "an SSE line of 10 MB", Round::say("after it").wire(Wire::HugeLine);
    "crlf", "CRLF line ends, comments and a byte order mark", weather().wire(Wire::Crlf);
    "trailers", "a body that ends with trailers", weather().wire(Wire::Trailers);
    "finish-with-call", "finish_reason in the event that ends a call", weather().wire(Wire::FinishWithCall);
    "no-done", "a stream without [DONE]", weather().wire(Wire::NoDone);
    "think", "thoughts, where the API has them, before text and a call", Round { think: vec!["Let me ".into(), "see.".into()], text: vec!["I look.".into()], ..weather() }.then(quote());
    "fails-midway", "a stream that ends with the API's own event for an error", Round { text: vec!["I ".into(), "look.".into()], ..weather() }.wire(Wire::FailsMidway);
    "bytes", "one byte a chunk", weather().wire(Wire::Bytes);
    "one-chunk", "a whole stream in one chunk", weather().wire(Wire::OneChunk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_plays_a_round() {
        for named in LIBRARY {
            assert_eq!(LIBRARY.iter().filter(|other| other.name == named.name).count(), 1, "{}", named.name);
            assert_ne!(script(named.name).unwrap().round(0), Round::default(), "{}: {}", named.name, named.what);
        }
        assert_eq!(script("nothing"), None);
    }
}
