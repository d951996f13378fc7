//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "messages",
    path: "/v1/messages",
    request: r#"{"model":"m","stream":true,"max_tokens":9,"messages":[]}"#,
    typed: true,
    begin: r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":3}}}
{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    shapes: &[
        r#"{"type":"content_block_delta","index":INDEX,"delta":{"type":"text_delta","text":"TEXT"}   }"#,
        r#"{"type":"content_block_delta","index":INDEX,"delta":{"type":"text_delta","text":"TEXT"}}"#,
        r#"{"type":"content_block_delta","index":INDEX,"delta":{"type":"citations_delta","text":"TEXT","citation":{}}}"#,
        r#"{"type":"content_block_stop","index":INDEX}
{"type":"content_block_start","index":NEXT,"content_block":{"type":"text","text":"TEXT"}}"#,
        r#"{"type":"content_block_stop","index":INDEX}
{"type":"content_block_start","index":NEXT,"content_block":{"type":"thinking","thinking":""}}
{"type":"content_block_delta","index":INDEX,"delta":{"type":"thinking_delta","thinking":"TEXT"}}
{"type":"content_block_delta","index":INDEX,"delta":{"type":"thinking_delta","thinking":"abc"}}
{"type":"content_block_delta","index":INDEX,"delta":{"type":"signature_delta","thinking":"TEXT","signature":"PAD"}}
{"type":"content_block_delta","index":INDEX,"delta":{"type":"signature_delta","thinking":"abc","signature":"PAD"}}
{"type":"content_block_stop","index":INDEX}
{"type":"content_block_start","index":NEXT,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_stop","index":INDEX}
{"type":"content_block_start","index":NEXT,"content_block":{"type":"tool_use","id":"c","name":"f","input":{}}}
{"type":"content_block_delta","index":INDEX,"delta":{"type":"input_json_delta","partial_json":"{}"}}
{"type":"content_block_stop","index":INDEX}
{"type":"content_block_start","index":NEXT,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":COUNT}}"#,
        "WRITE",
    ],
    twists: &[
        ("\"index\":", "\"index\":9"),
        ("\"text\":\"", "\"te\\u0078t\":\""),
        ("\"text\":\"", "\"more\":{\"type\":\"tool_use\"},\"text\":\""),
        ("\"text\":\"", "\"more\":1,\"text\":\""),
        ("text_delta", "thinking_delta"),
    ],
    answer: r#"{"id":"n","type":"message","role":"assistant","content":[{"type":"text","text":"b"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#,
};
