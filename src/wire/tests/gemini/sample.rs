//! Streams in pieces, for the comparison of the fast path with parsing.

use crate::suite::Sample;

pub(crate) const SAMPLE: Sample = Sample {
    key: "gemini",
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    request: r#"{"contents":[]}"#,
    typed: true,
    begin: "",
    shapes: &[
        r#"{"candidates":[{"content":{"parts":[{"text":"TEXT"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":COUNT,"totalTokenCount":1COUNT},"responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"TEXT"}],"role":"model"}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"thought":true,"text":"TEXT"}],"role":"model"},"index":0}],"usageMetadata":{"thoughtsTokenCount":COUNT}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"TEXT","thoughtSignature":"PAD"}],"role":"model"},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"TEXT"},{"text":"x"}],"role":"model"},"index":0}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"TEXT"}]}},{"content":{"parts":[{"text":"x"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":COUNT}}}]},"index":0}],"usageMetadata":{"totalTokenCount":COUNT}}"#,
        r#"{"usageMetadata":{"promptTokenCount":COUNT}}"#,
        "WRITE",
    ],
    twists: &[
        ("\"index\":0", "\"index\":1"),
        ("\"index\":0", "\"finishReason\":\"STOP\""),
        ("\"text\":", "\"te\\u0078t\":"),
        ("\"text\":\"", "\"functionCall\":{\"name\":\"f\"},\"text\":\""),
        ("\"index\":0", "\"logprobsResult\":{}"),
        ("TokenCount\":", "TokenCount\":-1"),
        ("\"text\":", "\"videoMetadata\":null,\"text\":"),
    ],
    answer: r#"{"candidates":[{"content":{"parts":[{"text":"b"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":4}}"#,
};
