//! Streams of every dialect, in pieces.

/// A dialect's streams. Each shape is one event a line, with these in it: `TEXT` (any text, escaped in one of many ways), `PAD`
/// (letters), `COUNT` (a number), `NUMBER` (the event's place in the stream), `INDEX` (of the item under way) and `NEXT` (of the next,
/// which is then under way). A line
/// `WRITE` is a text of ours; in an event stream the event's type stands before its payload.
pub(crate) struct Sample {
    pub(crate) key: &'static str,
    pub(crate) path: &'static str,
    pub(crate) request: &'static str,
    pub(crate) begin: &'static str,
    pub(crate) shapes: &'static [&'static str],
    /// Parts of an event, and their occasional replacements.
    pub(crate) twists: &'static [(&'static str, &'static str)],
    /// A whole answer after the streamed turn.
    pub(crate) answer: &'static str,
}

pub(crate) const CHAT: Sample = Sample {
    key: "chatCompletions",
    path: "/v1/chat/completions",
    request: r#"{"model":"m","stream":true,"messages":[]}"#,
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

pub(crate) const RESPONSES: Sample = Sample {
    key: "responses",
    path: "/v1/responses",
    request: r#"{"model":"m","stream":true,"input":"a"}"#,
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

pub(crate) const MESSAGES: Sample = Sample {
    key: "messages",
    path: "/v1/messages",
    request: r#"{"model":"m","stream":true,"max_tokens":9,"messages":[]}"#,
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

pub(crate) const OLLAMA: Sample = Sample {
    key: "ollama",
    path: "/api/chat",
    request: r#"{"model":"m","messages":[]}"#,
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

pub(crate) const GEMINI: Sample = Sample {
    key: "gemini",
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    request: r#"{"contents":[]}"#,
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

pub(crate) const CONVERSE: Sample = Sample {
    key: "converse",
    path: "/model/m/converse-stream",
    request: r#"{"messages":[]}"#,
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
