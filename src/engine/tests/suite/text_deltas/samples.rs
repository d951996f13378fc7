//! The start of a stream and its text deltas, for each dialect.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, lend};
use callgate_wire::Row;
use callgate_wire::framing::Framing;

/// The start of a dialect's stream, and its text delta with `TEXT` and `NUMBER` in it: one event a line, in an event stream with its type
/// before it.
pub(crate) struct Sample {
    path: &'static str,
    request: &'static str,
    begin: &'static str,
    delta: &'static str,
}

/// The samples, by the key of their dialect.
pub(crate) fn samples() -> HashMap<&'static str, Sample> {
    HashMap::from([
        (
            "chatCompletions",
            Sample {
                path: "/v1/chat/completions",
                request: r#"{"model":"m","stream":true,"messages":[]}"#,
                begin: "",
                delta: r#"{"id":"chatcmpl-B2","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"TEXT"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"pad"}"#,
            },
        ),
        (
            "responses",
            Sample {
                path: "/v1/responses",
                request: r#"{"model":"m","stream":true,"input":"a"}"#,
                begin: r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","output":[]}}
{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}
{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}"#,
                delta: r#"{"type":"response.output_text.delta","sequence_number":NUMBER,"item_id":"msg_67ccd2bf17f0819081ff3bb2cf6508e6","output_index":0,"content_index":0,"delta":"TEXT","logprobs":[],"obfuscation":"pad"}"#,
            },
        ),
        (
            "gemini",
            Sample {
                path: "/v1beta/models/m:streamGenerateContent?alt=sse",
                request: r#"{"contents":[]}"#,
                begin: "",
                delta: r#"{"candidates":[{"content":{"parts":[{"text":"TEXT"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":NUMBER,"totalTokenCount":NUMBER,"promptTokensDetails":[{"modality":"TEXT","tokenCount":11}]},"modelVersion":"gemini-2.5-flash","responseId":"kDk1aMyuJ7WW7M8P"}"#,
            },
        ),
        (
            "messages",
            Sample {
                path: "/v1/messages",
                request: r#"{"model":"m","stream":true,"max_tokens":1024,"messages":[]}"#,
                begin: r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"output_tokens":1}}}
{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                delta: r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"TEXT"}     }"#,
            },
        ),
        (
            "ollama",
            Sample {
                path: "/api/chat",
                request: r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#,
                begin: "",
                delta: r#"{"model":"m","created_at":"2026-01-01T00:00:00.NUMBERZ","message":{"role":"assistant","content":"TEXT"},"done":false}"#,
            },
        ),
        (
            "converse",
            Sample {
                path: "/model/m/converse-stream",
                request: r#"{"messages":[]}"#,
                begin: r#"messageStart{"p":"abcdefgh","role":"assistant"}"#,
                delta: r#"contentBlockDelta{"contentBlockIndex":0,"delta":{"text":"TEXT"},"p":"abcdefghijklmnopqrstuvwxyzABCD"}"#,
            },
        ),
    ])
}

/// An event as its framing has it.
pub(crate) fn framed(framing: Framing, event: &str) -> Vec<u8> {
    match framing {
        Framing::Sse => format!("data: {event}\n\n").into_bytes(),
        Framing::JsonLines => format!("{event}\n").into_bytes(),
        Framing::EventStream => {
            let (kind, payload) = event.split_at(event.find('{').unwrap());
            summed(kind, payload.as_bytes())
        }
    }
}

/// A frame of an AWS event stream.
fn summed(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let lengths = [16 + headers.len() + payload.len(), headers.len()];
    let mut out = lengths.map(|length| u32::try_from(length).unwrap().to_be_bytes()).concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

/// Begins the stream of a sample.
pub(crate) fn streaming(row: &Row, sample: &Sample) -> Exchange {
    let document = callgate_json::read(
        br#"{"apiVersion":"callgate.dev/v1","kind":"Contract","metadata":{"name":"bench","version":"1"},"spec":{"models":["*"],
            "limits":{"responseBytes":"64MiB"},"roles":{"all":{"tools":["*"]}},
            "tools":[{"name":"f","effects":"read","parameters":{"type":"object"},"run":{"client":{}}}]}}"#,
    )
    .unwrap();
    let contract = callgate_contract::from_value(&document).unwrap();
    let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into() };
    let reach = Reach { executor: false, upstream: false };
    let gate = Gate::new(contract, identity, Paths::default(), Offer::Declared, reach).unwrap();
    let mut exchange = Exchange::new(Rc::new(gate), "exchange-1");
    let request = [
        (":method", "POST"),
        (":path", sample.path),
        ("content-type", "application/json"),
        ("x-tenant", "a"),
        ("x-role", "all"),
    ];
    exchange.on(Event::RequestHead { headers: &lend(&headers(&request)), verified: None, end: false });
    let effect = exchange.on(Event::RequestData { chunk: sample.request.as_bytes(), end: true, now: Duration::ZERO });
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", row.key);
    let framing = row.dialect().unwrap().framing();
    let response = [(":status", "200"), ("content-type", framing.media_type())];
    let effect = exchange.on(Event::ResponseHead { headers: &lend(&headers(&response)), end: false });
    assert_eq!(effect, Effect::BeginStream);
    for event in sample.begin.lines() {
        tell(&mut exchange, &framed(framing, event));
    }
    exchange
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// Feeds a chunk, which is forwarded at once.
pub(crate) fn tell(exchange: &mut Exchange, chunk: &[u8]) -> Effect {
    let effect = exchange.on(Event::ResponseData { chunk, end: false, now: Duration::ZERO });
    assert!(matches!(effect, Effect::Emit(_) | Effect::Pass), "{effect:?}");
    effect
}

/// Text deltas. With `other`, every second spells its text so that it has to be parsed in full.
pub(crate) fn events(sample: &Sample, count: usize, other: bool) -> Vec<String> {
    let text = |number: usize| if other && number % 2 == 1 { "\\u0020tokens" } else { " tokens" };
    (0..count)
        .map(|number| sample.delta.replacen("TEXT", text(number), 1).replace("NUMBER", &(number + 9).to_string()))
        .collect()
}
