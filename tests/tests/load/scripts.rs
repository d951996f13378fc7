//! Random behaviour of the model and its provider.

use callgate_tests::http::Request;
use callgate_tests::upstream::script::{Round, Script, Wire};
use fastrand::Rng;
use serde_json::json;

use crate::book::MARK;

pub const PATH: &str = "/v1/chat/completions";
pub const OSLO: &str = r#"{"city":"Oslo"}"#;
pub const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;

const WIRES: [Wire; 17] = [
    Wire::Gzip,
    Wire::Truncated,
    Wire::Truncated,
    Wire::Cut,
    Wire::Cut,
    Wire::HangUp,
    Wire::Empty,
    Wire::NeverEnding,
    Wire::Crlf,
    Wire::Trailers,
    Wire::FinishWithCall,
    Wire::NoDone,
    Wire::Bytes,
    Wire::OneChunk,
    Wire::WrongForm,
    Wire::Untyped,
    Wire::FailsMidway,
];

/// Returns a conversation of one to three rounds. Each refused call has [`MARK`] in its arguments, and nothing else has.
pub fn script(rng: &mut Rng) -> Script {
    let rounds = rng.usize(1..=3);
    Script { rounds: (0..rounds).map(|_| round(rng)).chain([Round::say("The end.")]).collect() }
}

fn round(rng: &mut Rng) -> Round {
    let mut round = Round::default();
    for _ in 0..rng.usize(..4) {
        round.text.push(if rng.u8(..8) == 0 { "A long answer. ".repeat(500) } else { "Some text. ".to_owned() });
    }
    for _ in 0..rng.usize(..4) {
        round = match rng.u8(..5) {
            0 => round.and_call("get_weather", OSLO),
            1 => round.and_call("get_weather", &format!(r#"{{"city":"{MARK}","days":99}}"#)),
            2 => round.and_call("delete_everything", &format!(r#"{{"really":"{MARK}"}}"#)),
            3 => round.and_call("send_mail", &format!(r#"{{"to":"{MARK}"#)),
            _ => round.and_call("lookup_stock", STOCK),
        };
    }
    if rng.bool() {
        round.wire = WIRES[rng.usize(..WIRES.len())];
    }
    match rng.u8(..40) {
        0 | 1 => round.status = Some([400, 429, 500, 503][rng.usize(..4)]),
        2 | 3 => round.body = Some((0..rng.usize(..2000)).map(|_| rng.char(..)).collect()),
        4 => round.body = Some(r#"{"choices":[{"message":{"tool_calls":[{"#.repeat(50)),
        // Until the turn's timeout.
        5 => round.hold = true,
        6 => round.wire = Wire::HugeLine,
        7..=14 => round.pause = rng.u64(1..40),
        _ => {}
    }
    round
}

/// Returns the request that plays a script; a few are wrong, or of a caller who may do nothing.
pub fn request(script: &Script, stream: bool, rng: &mut Rng) -> Request {
    let request = ask(&script.message(), stream, rng.usize(..20_000));
    match rng.u8(..30) {
        0 => Request { body: request.body.slice(..request.body.len() / 2), ..request },
        1 => request.header("x-callgate-role", "nobody"),
        2 => request.header("content-type", "text/plain"),
        _ => request,
    }
}

/// Returns a clerk's request, with `padding` bytes of an earlier conversation.
pub fn ask(text: &str, stream: bool, padding: usize) -> Request {
    let tool = |name| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let tools: Vec<_> = ["get_weather", "list_items", "send_mail", "lookup_stock"].map(tool).to_vec();
    let said = "x".repeat(padding);
    let messages = json!([{"role": "user", "content": said}, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": text}]);
    let body = json!({"model": "scripted", "stream": stream, "messages": messages, "tools": tools});
    Request::post(PATH, body.to_string()).header("x-callgate-tenant", "acme").header("x-callgate-role", "clerk")
}
