//! What is read by comparison with an event before it (`src/template.rs`) leaves a stream where parsing it would have left it.
//!
//! One stream reads events as they come; another reads the same events, each with one more space after its first brace than the one
//! before, so that none of them can be compared with another and every one is parsed. All that can be seen of the two must be equal:
//! what they give out, byte for byte, what was said, what is written next, what was used.

use callgate_wire::framing::{Decoder, Frame};
use callgate_wire::{ApiError, Call, DIALECTS, Delta, Dialect, Stream, Target};
use proptest::prelude::*;

/// A dialect's streams. Each shape is one event a line, with these in it: `TEXT` (any text, escaped in one of many ways), `PAD`
/// (letters), `COUNT` (a number), `NUMBER` (the event's place in the stream), `INDEX` (of the item under way) and `NEXT` (of the next,
/// which is then under way). A line `WRITE` is a text of ours.
struct Sample {
    key: &'static str,
    path: &'static str,
    request: &'static str,
    begin: &'static str,
    shapes: &'static [&'static str],
    /// Parts of an event, and what stands there instead now and then.
    twists: &'static [(&'static str, &'static str)],
    /// A whole answer that follows the streamed turn.
    answer: &'static str,
}

const CHAT: Sample = Sample {
    key: "chatCompletions",
    path: "/v1/chat/completions",
    request: r#"{"model":"m","stream":true,"messages":[]}"#,
    begin: "",
    shapes: &[
        r#"{"id":"c","created":COUNT,"choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}],"obfuscation":"PAD"}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"TEXT"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":""}},{"index":1,"delta":{"content":"TEXT"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"TEXT"}},{"index":1,"delta":{"content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"TEXT"}}]}}]}"#,
        "WRITE",
    ],
    twists: &[
        ("\"finish_reason\":null", "\"finish_reason\":\"stop\""),
        ("\"index\":0", "\"index\":1"),
        ("\"content\":", "\"c\\u006fntent\":"),
        ("\"content\":\"", "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}],\"content\":\""),
        ("\"choices\":", "\"usage\":{\"total_tokens\":COUNT},\"choices\":"),
    ],
    answer: r#"{"id":"d","choices":[{"index":0,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}],"usage":{"total_tokens":3}}"#,
};

const RESPONSES: Sample = Sample {
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

const MESSAGES: Sample = Sample {
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

const OLLAMA: Sample = Sample {
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

const GEMINI: Sample = Sample {
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

fn dialect(sample: &Sample) -> &'static dyn Dialect {
    DIALECTS.iter().find(|row| row.key == sample.key).and_then(|row| row.dialect()).unwrap()
}

fn stream(sample: &Sample) -> Box<dyn Stream> {
    let request = dialect(sample).request(&Target::new(sample.path), sample.request.as_bytes()).unwrap();
    dialect(sample).stream(&*request)
}

/// What stands in an event where its shape leaves that open.
#[derive(Debug, Clone)]
struct Choice {
    shape: prop::sample::Index,
    common: bool,
    text: String,
    pad: String,
    count: u32,
    twist: Option<prop::sample::Index>,
    named: bool,
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let text = prop_oneof![
        6 => "[a-zé /\u{2028}]{0,6}",
        2 => r#"(\\n|\\"|\\\\|\\/|a){0,4}"#,
        1 => Just(r"\u0041\ud83d\ude00".to_owned()),
        1 => Just(String::new()),
    ];
    // The first two shapes are the common ones.
    let shape = (any::<prop::sample::Index>(), any::<bool>());
    let twist = prop_oneof![15 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let choice = (shape, text, "[a-z]{0,3}", 0..3_u32, twist, any::<bool>()).prop_map(
        |((shape, common), text, pad, count, twist, named)| Choice { shape, common, text, pad, count, twist, named },
    );
    // One shape many times over is what streams are made of.
    let run = (choice, 1..5_usize, prop::collection::vec("[a-z]{0,3}", 4), prop::collection::vec(0..9_u32, 4));
    prop::collection::vec(run, 1..14).prop_map(|runs| {
        let mut all = Vec::new();
        for (choice, length, texts, counts) in runs {
            all.push(choice.clone());
            for (text, count) in texts.into_iter().zip(counts).take(length - 1) {
                all.push(Choice { text, count, ..choice.clone() });
            }
        }
        all
    })
}

/// The events, one a line, and whether each has its type beside its data.
fn events(sample: &Sample, choices: &[Choice]) -> Vec<(String, bool)> {
    let mut written = Vec::new();
    let mut index = 0_u32;
    let begun = sample.begin.lines().map(|line| (line, None));
    let rest = choices.iter().flat_map(|choice| {
        let shapes = sample.shapes.get(..2).filter(|_| choice.common).unwrap_or(sample.shapes);
        choice.shape.get(shapes).lines().map(move |line| (line, Some(choice)))
    });
    for (line, choice) in begun.chain(rest) {
        let mut line = line.to_owned();
        if let Some(twist) = choice.and_then(|choice| choice.twist) {
            let (from, to) = twist.get(sample.twists);
            line = line.replacen(from, to, 1);
        }
        if line.contains("NEXT") {
            index += 1;
        }
        line = line.replace("NEXT", &index.to_string()).replace("INDEX", &index.to_string());
        line = line.replace("NUMBER", &written.len().to_string());
        if let Some(Choice { count, text, pad, .. }) = choice {
            line = line.replace("COUNT", &count.to_string()).replace("TEXT", text).replace("PAD", pad);
        }
        written.push((line, choice.is_none_or(|choice| choice.named)));
    }
    written
}

/// An event in its frame.
fn framed(sample: &Sample, event: &str, named: bool) -> Frame {
    let framing = dialect(sample).framing();
    let kind = event.split_once("\"type\":\"").and_then(|(_, rest)| rest.split_once('"')).map(|(kind, _)| kind);
    let bytes = match framing.media_type() {
        "text/event-stream" => match kind.filter(|_| named && sample.key != "chatCompletions") {
            Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        },
        _ => format!("{event}\n"),
    };
    let mut frames = Vec::new();
    Decoder::new(framing, 1 << 20).push(bytes.as_bytes(), &mut frames).unwrap();
    assert_eq!(frames.len(), 1, "{bytes}");
    frames.remove(0)
}

/// A text without the spaces that were put into it.
fn unspaced(bytes: &[u8], spaces: usize) -> String {
    let spaced = format!("{{{}", " ".repeat(spaces));
    String::from_utf8_lossy(bytes).replacen(&spaced, "{", 1)
}

fn delta_unspaced(delta: Delta, spaces: usize) -> Delta {
    let of = |frame: Vec<u8>| unspaced(&frame, spaces).into_bytes();
    match delta {
        Delta::Forward { frame } => Delta::Forward { frame: of(frame) },
        Delta::Finish { choice, frame } => Delta::Finish { choice, frame: of(frame) },
        Delta::Usage { frame } => Delta::Usage { frame: of(frame) },
        Delta::Error { frame } => Delta::Error { frame: of(frame) },
        Delta::Done { frame } => Delta::Done { frame: of(frame) },
        other => other,
    }
}

fn agree(sample: &Sample, choices: &[Choice]) -> Result<(), TestCaseError> {
    let (mut compared, mut parsed) = (stream(sample), stream(sample));
    for (at, (event, named)) in events(sample, choices).iter().enumerate() {
        if event == "WRITE" {
            prop_assert_eq!(compared.text(0, "of ours"), parsed.text(0, "of ours"));
            continue;
        }
        let spaces = at + 1;
        let spaced = event.replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
        let told = compared.read(framed(sample, event, *named));
        let expected = parsed.read(framed(sample, &spaced, *named));
        let (Ok(told), Ok(expected)) = (&told, expected.clone()) else {
            prop_assert!(told.is_err() && expected.is_err(), "{event}: {told:?} is not {expected:?}");
            return Ok(());
        };
        let expected: Vec<Delta> = expected.into_iter().map(|delta| delta_unspaced(delta, spaces)).collect();
        prop_assert_eq!(told, &expected, "{}", event);
        for delta in told {
            match delta {
                Delta::CallEnd { choice, .. } => {
                    prop_assert_eq!(compared.text(*choice, "not that"), parsed.text(*choice, "not that"));
                }
                Delta::Finish { choice, frame } => {
                    let (told, expected) =
                        (compared.finish(*choice, frame.clone()), parsed.finish(*choice, frame.clone()));
                    prop_assert_eq!(told, unspaced(&expected, spaces).into_bytes());
                }
                _ => {}
            }
        }
        for choice in 0..3 {
            prop_assert_eq!(compared.said(choice), parsed.said(choice), "{}", event);
        }
    }
    prop_assert_eq!(compared.choices(), parsed.choices());
    prop_assert_eq!(compared.is_complete(), parsed.is_complete());
    prop_assert_eq!(last_words(&mut *compared, sample), last_words(&mut *parsed, sample));
    Ok(())
}

/// What a stream writes where it is; it tells of what it counted and of what was used.
fn last_words(stream: &mut dyn Stream, sample: &Sample) -> String {
    let call = Call { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned(), ..Call::default() };
    let error = ApiError { status: 502, code: "c".to_owned(), message: "m".to_owned(), param: None };
    let written = [stream.text(0, "at last"), stream.call(0, &call), stream.append(sample.answer.as_bytes())].concat();
    String::from_utf8([written, stream.error(&error)].concat()).unwrap()
}

proptest! {
    // A case that fails is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chat_completions_compared_are_chat_completions_parsed(choices in choices()) {
        agree(&CHAT, &choices)?;
    }

    #[test]
    fn responses_compared_are_responses_parsed(choices in choices()) {
        agree(&RESPONSES, &choices)?;
    }

    #[test]
    fn messages_compared_are_messages_parsed(choices in choices()) {
        agree(&MESSAGES, &choices)?;
    }

    #[test]
    fn ollama_compared_is_ollama_parsed(choices in choices()) {
        agree(&OLLAMA, &choices)?;
    }

    #[test]
    fn gemini_compared_is_gemini_parsed(choices in choices()) {
        agree(&GEMINI, &choices)?;
    }
}
