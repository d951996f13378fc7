//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "ollama",
    path: "/api/chat",
    request: r#"{"model":"m","messages":[]}"#,
    typed: true,
    begin: "",
    shapes: &[
        r#"{"model":"m","created_at":"PAD","message":{"role":"assistant","content":"TEXT"},"done":false}"#,
        r#"{"model":"m","created_at":"PAD","message":{"role":"assistant","content":"","thinking":"TEXT"},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"TEXT","thinking":"PAD","tool_calls":[]},"done":false}"#,
        r#"{"model":"m","message":{"content":"TEXT","tool_calls":[{"function":{"name":"f","arguments":{"a":COUNT}}}]},"done":false}"#,
        r#"{"model":"m","message":{"content":"TEXT"},"logprobs":[],"done":false}"#,
        "WRITE",
    ],
    twists: &[
        ("\"done\":false", "\"done\":true,\"eval_count\":COUNT"),
        ("\"content\":", "\"c\\u006fntent\":"),
        ("\"content\":\"", "\"tool_calls\":[{\"function\":{\"name\":\"f\"}}],\"content\":\""),
        ("\"message\":", "\"Tool_calls\":[1],\"message\":"),
        ("\"message\":", "\"more\":\"TEXT\",\"message\":"),
    ],
    answer: r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":"b"},"done":true,"done_reason":"stop","eval_count":2}"#,
};
