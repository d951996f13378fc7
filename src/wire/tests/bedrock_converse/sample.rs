//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "converse",
    path: "/model/m/converse-stream",
    request: r#"{"messages":[]}"#,
    typed: true,
    begin: r#"messageStart{"role":"assistant"}"#,
    shapes: &[
        r#"contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"text":"TEXT"},"p":"PAD"}"#,
        r#"contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"reasoningContent":{"text":"TEXT"}},"p":"PAD"}"#,
        r#"contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"reasoningContent":{"signature":"TEXT"}},"p":"PAD"}"#,
        r#"contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"citation":{"title":"TEXT"}}}"#,
        r#"contentBlockStop{"contentBlockIndex":INDEX,"p":"PAD"}
contentBlockDelta{"contentBlockIndex":NEXT,"delta":{"text":"TEXT"}}"#,
        r#"contentBlockStop{"contentBlockIndex":INDEX}
contentBlockStart{"contentBlockIndex":NEXT,"start":{"toolUse":{"toolUseId":"c","name":"f"}}}
contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"toolUse":{"input":"{}"}}}
contentBlockStop{"contentBlockIndex":INDEX}
contentBlockDelta{"contentBlockIndex":NEXT,"delta":{"text":"TEXT"}}"#,
        r#"contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"text":"TEXT"}}
contentBlockStop{"contentBlockIndex":INDEX}
messageStop{"stopReason":"end_turn"}
metadata{"usage":{"totalTokens":COUNT}}
contentBlockDelta{"contentBlockIndex":INDEX,"delta":{"text":"TEXT"}}"#,
        "WRITE",
    ],
    twists: &[
        ("\"contentBlockIndex\":", "\"contentBlockIndex\":9"),
        ("\"text\":", "\"te\\u0078t\":"),
        ("\"text\":\"", "\"toolUse\":{\"input\":\"\"},\"text\":\""),
        ("\"delta\":", "\"more\":{\"toolUse\":{\"input\":\"\"}},\"delta\":"),
        ("contentBlockDelta{", "metadata{"),
    ],
    answer: r#"{"output":{"message":{"role":"assistant","content":[{"text":"b"}]}},"stopReason":"end_turn","usage":{"totalTokens":2}}"#,
};
