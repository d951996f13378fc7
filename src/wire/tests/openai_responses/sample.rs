//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "responses",
    path: "/v1/responses",
    request: r#"{"model":"m","stream":true,"input":"a"}"#,
    typed: true,
    begin: r#"{"type":"response.created","sequence_number":NUMBER,"response":{"id":"resp_1","status":"in_progress","output":[]}}
{"type":"response.output_item.added","sequence_number":NUMBER,"output_index":0,"item":{"id":"m","type":"message","role":"assistant","content":[]}}"#,
    shapes: &[
        r#"{"type":"response.output_text.delta","sequence_number":NUMBER,"item_id":"m","output_index":INDEX,"content_index":0,"delta":"TEXT","logprobs":[],"obfuscation":"PAD"}"#,
        r#"{"type":"response.refusal.delta","output_index":INDEX,"delta":"TEXT","sequence_number":NUMBER}"#,
        r#"{"type":"response.output_text.delta","output_index":INDEX,"delta":"TEXT"}"#,
        r#"{"type":"response.output_item.done","sequence_number":NUMBER,"output_index":INDEX,"item":{"id":"m","type":"message","role":"assistant","content":[{"type":"output_text","text":"TEXT"}]}}
{"type":"response.output_item.added","sequence_number":NUMBER,"output_index":NEXT,"item":{"id":"m","type":"message","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_item.added","sequence_number":NUMBER,"output_index":NEXT,"item":{"id":"f","type":"function_call","call_id":"c","name":"f","arguments":""}}
{"type":"response.function_call_arguments.delta","sequence_number":NUMBER,"output_index":INDEX,"delta":"{}"}
{"type":"response.output_item.done","sequence_number":NUMBER,"output_index":INDEX,"item":{"id":"f","type":"function_call","call_id":"c","name":"f","arguments":"{}"}}
{"type":"response.output_item.added","sequence_number":NUMBER,"output_index":NEXT,"item":{"id":"m","type":"message","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_text.delta","output_index":INDEX,"delta":"TEXT"}
{"type":"response.output_item.done","output_index":INDEX,"item":{"id":"m","type":"message","role":"assistant","content":[]}}
{"type":"response.output_text.delta","output_index":INDEX,"delta":"late"}"#,
        r#"{"type":"keepalive","sequence_number":NUMBER}"#,
        "WRITE",
    ],
    twists: &[
        ("\"output_index\":", "\"output_index\":9"),
        ("\"delta\":\"", "\"d\\u0065lta\":\""),
        ("\"delta\":\"", "\"function_call\":{\"name\":\"f\"},\"delta\":\""),
        ("\"sequence_number\":", "\"sequence_number\":4"),
        ("output_text.delta", "output_text.annotation.added"),
    ],
    answer: r#"{"id":"resp_2","object":"response","status":"completed","output":[{"id":"n","type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]}],"usage":{"total_tokens":3}}"#,
};
