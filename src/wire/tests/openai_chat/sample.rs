//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "chatCompletions",
    path: "/v1/chat/completions",
    request: r#"{"model":"m","stream":true,"messages":[]}"#,
    typed: false,
    begin: "",
    shapes: &[
        r#"{"id":"c","created":COUNT,"choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}],"obfuscation":"PAD"}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"TEXT"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"PAD","reasoning":"TEXT","reasoning_details":null}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"TEXT","reasoning_details":[{"type":"reasoning.text","text":"TEXT"}]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"TEXT","reasoning_opaque":"PAD"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":"TEXT"},{"type":"text","text":"TEXT"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":""}},{"index":1,"delta":{"content":"TEXT"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"TEXT"}},{"index":1,"delta":{"content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"TEXT"}}]}}]}"#,
        "WRITE",
    ],
    twists: &[
        ("\"finish_reason\":null", "\"finish_reason\":\"stop\""),
        ("\"index\":0", "\"index\":1"),
        ("\"finish_reason\":null", "\"finish_reason\":\"tool_calls\""),
        ("\"reasoning\":", "\"re\\u0061soning\":"),
        ("\"content\":", "\"c\\u006fntent\":"),
        ("\"content\":\"", "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}],\"content\":\""),
        ("\"choices\":", "\"usage\":{\"total_tokens\":COUNT},\"choices\":"),
    ],
    answer: r#"{"id":"d","choices":[{"index":0,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}],"usage":{"total_tokens":3}}"#,
};
