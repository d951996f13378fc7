//! One function an exchange.

use serde_json::{Value, json};

use super::chat::{call, calling, end, event, request, saying, tool, usual};
use super::travel::{ANSWER, REQUEST};
use super::{Answer, DELTAS, Exchange};

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "Rome is mild at the end of the month: about 24 degrees, with a little rain on Friday. There are three flights from \
                    Oslo on that Thursday. The one at 10:40 has two seats left and arrives at 13:55; it costs 189 euros for each of \
                    you. Shall I look at hotels near the station too, or would you rather stay in Trastevere?";
/// Bytes of arguments in one delta of the long call.
const PIECE: usize = 50;

fn chat(name: &'static str, request: String, answer: Answer, marks: &[&str]) -> Exchange {
    let marks = marks.iter().map(|&mark| mark.to_owned()).collect();
    Exchange { name, path: CHAT, request, then: None, answer, marks }
}

/// A request without tools, and a text.
pub(super) fn no_tools() -> Exchange {
    let mut request = usual();
    request.as_object_mut().map(|members| members.remove("tools"));
    chat(super::NO_TOOLS, request.to_string(), Answer::Whole(saying(TEXT)), &["stay in Trastevere"])
}

/// The usual exchange.
pub(super) fn two_calls() -> Exchange {
    let marks = ["call_a1b2c3d4e5f6g7h8i9j0k1l2", "call_m3n4o5p6q7r8s9t0u1v2w3x4"];
    chat(super::TWO_CALLS, REQUEST.to_owned(), Answer::Whole(ANSWER.to_owned()), &marks)
}

/// An answer with 32 calls.
pub(super) fn calls_32() -> Exchange {
    let one = |n: u32| {
        let id = format!("call_{n:024}");
        let day = n % 28 + 1;
        if n.is_multiple_of(2) {
            call(
                &id,
                "get_weather",
                &format!("{{\"city\": \"Rome {n}\", \"days\": {}, \"unit\": \"celsius\"}}", n % 7 + 1),
            )
        } else {
            call(
                &id,
                "find_flights",
                &format!("{{\"from\": \"OSL\", \"to\": \"FCO\", \"date\": \"2025-06-{day:02}\", \"passengers\": 2}}"),
            )
        }
    };
    let calls: Vec<Value> = (0..32).map(one).collect();
    let marks = ["call_000000000000000000000000", "call_000000000000000000000031"];
    chat(super::CALLS_32, REQUEST.to_owned(), Answer::Whole(calling(&calls)), &marks)
}

fn streamed(request: &str) -> String {
    request.replacen('{', r#"{"stream":true,"#, 1)
}

/// A stream of text.
pub(super) fn stream() -> Exchange {
    let mut events = vec![event(r#"{"role":"assistant","content":"","refusal":null}"#, "null")];
    events.extend((0..DELTAS).map(|n| event(&format!(r#"{{"content":" token{n}"}}"#), "null")));
    events.push(end("\"stop\""));
    let last = format!(" token{}", DELTAS - 1);
    chat(super::STREAM, streamed(REQUEST), Answer::Stream(events), &["\" token0\"", &last, "[DONE]"])
}

/// A stream with one call whose arguments have 20 KB.
pub(super) fn stream_call() -> Exchange {
    let parameters = json!({"type": "object", "required": ["text"], "additionalProperties": false,
        "properties": {"text": {"type": "string", "maxLength": 65536}}});
    let report = tool("write_report", "Stores a report.", &parameters);
    let request = streamed(&request(&[report]).to_string());
    let start = json!({"role": "assistant", "content": null, "tool_calls": [
        {"index": 0, "id": "call_r1s2t3u4v5w6x7y8z9a0b1c2", "type": "function", "function": {"name": "write_report", "arguments": ""}}]});
    let mut events = vec![event(&start.to_string(), "null")];
    let arguments = format!("{{\"text\": \"{}\"}}", "word ".repeat(4096));
    let pieces = arguments.as_bytes().chunks(PIECE).map(|piece| String::from_utf8_lossy(piece).into_owned());
    events.extend(pieces.map(|piece| {
        let delta = json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]});
        event(&delta.to_string(), "null")
    }));
    events.push(end("\"tool_calls\""));
    chat(super::STREAM_CALL, request, Answer::Stream(events), &["call_r1s2t3u4v5w6x7y8z9a0b1c2", "[DONE]"])
}

/// A conversation of 200 KB, half of it results of tools; the answer is the usual one.
pub(super) fn conversation() -> Exchange {
    let mut request = usual();
    let mut messages: Vec<Value> = request.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
    let forecast: Vec<Value> = (0..12)
        .map(|day| json!({"day": day, "low": 11.5, "high": 24.25, "rain": 0.15, "note": "sun \u{2600}, then \"clouds\""}))
        .collect();
    for round in 0..90 {
        let id = format!("call_{round:024}");
        let calls = [call(&id, "get_weather", "{\"city\":\"Rome\",\"days\":7}")];
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        let result = json!({"city": "Rome", "forecast": forecast}).to_string();
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": result}));
        messages.push(json!({"role": "assistant", "content": TEXT.repeat(2)}));
        messages.push(
            json!({"role": "user", "content": "And the week after? What would you do, if it rains all the time?"}),
        );
    }
    request.as_object_mut().map(|members| members.insert("messages".into(), json!(messages)));
    let answer = Answer::Whole(ANSWER.to_owned());
    chat(super::CONVERSATION, request.to_string(), answer, &["call_a1b2c3d4e5f6g7h8i9j0k1l2"])
}

/// A call of an MCP server's tool.
pub(super) fn mcp() -> Exchange {
    let request = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "get_weather",
        "arguments": {"city": "Rome", "days": 4, "unit": "celsius"}}});
    let answer =
        json!({"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": TEXT}], "isError": false}});
    let marks = vec!["stay in Trastevere".to_owned()];
    let answer = Answer::Whole(answer.to_string());
    Exchange { name: super::MCP, path: "/mcp", request: request.to_string(), then: None, answer, marks }
}

/// A call of a tool that the executor runs, and the model's answer to its result.
pub(super) fn server_loop() -> Exchange {
    let request = request(&[tool("nothing", "Does nothing.", &json!({"type": "object"}))]);
    let calls = [call("call_n1o2t3h4i5n6g7a8b9c0d1e2", "nothing", "{}")];
    let answer = Answer::Loop { call: calling(&calls), last: saying(TEXT) };
    let mut then = request.clone();
    if let Some(messages) = then.get_mut("messages").and_then(Value::as_array_mut) {
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        messages.push(json!({"role": "tool", "tool_call_id": "call_n1o2t3h4i5n6g7a8b9c0d1e2", "content": "{}"}));
    }
    let exchange = chat(super::LOOP, request.to_string(), answer, &["stay in Trastevere"]);
    Exchange { then: Some(then.to_string()), ..exchange }
}

/// A request with one tool, and one call of it: for contracts of many sizes.
pub(super) fn one_tool() -> Exchange {
    let declared = usual().pointer("/tools/0").cloned().unwrap_or_default();
    let calls = [call(
        "call_a1b2c3d4e5f6g7h8i9j0k1l2",
        "get_weather",
        "{\"city\": \"Rome\", \"days\": 4, \"unit\": \"celsius\"}",
    )];
    let request = request(&[declared]).to_string();
    chat(super::ONE_TOOL, request, Answer::Whole(calling(&calls)), &["call_a1b2c3d4e5f6g7h8i9j0k1l2"])
}
