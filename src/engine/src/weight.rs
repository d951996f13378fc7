//! The memory of a JSON text as a tree.
//!
//! A tree of many small values takes up to fifty times the bytes of its text. Answers of model APIs are texts with a few members
//! around them, so they all stay within the allowance below. A larger answer is not read: one such answer could
//! use up the memory of the worker. Smaller texts kept as trees are claimed from the budget with their weight.
//!
//! The weights are those of `serde_json` on 32 bits. Brackets within strings weigh nothing. JSON in a string, such as the arguments
//! of a call, becomes a tree only while it is decided, and a reader bounds the values of such a tree.

const ARRAY: usize = 128;
const OBJECT: usize = 320;
const VALUE: usize = 32;
/// The bytes of a tree allowed for each byte of text.
const ALLOWED: usize = 24;
/// The maximum excess of one answer or event.
pub(crate) const MOST: usize = 1 << 20;

/// Returns the bytes of a text's tree beyond the allowance.
pub(crate) fn excess(text: &[u8]) -> usize {
    let allowed = text.len().saturating_mul(ALLOWED);
    // Nearly every text weighs little even if the brackets within its strings are counted.
    if greatest_weight(text) <= allowed { 0 } else { weight(text).saturating_sub(allowed) }
}

/// Returns the weight with the brackets within strings. The counts fit into bytes, so compilers count many bytes at once.
fn greatest_weight(text: &[u8]) -> usize {
    let mut weight = 0_usize;
    for part in text.chunks(240) {
        let (arrays, objects, values) = part.iter().fold((0_u8, 0_u8, 0_u8), |(arrays, objects, values), byte| {
            let one = |wanted: u8| u8::from(*byte == wanted);
            (arrays.wrapping_add(one(b'[')), objects.wrapping_add(one(b'{')), values.wrapping_add(one(b',')))
        });
        let part = ARRAY * usize::from(arrays) + OBJECT * usize::from(objects) + VALUE * usize::from(values);
        weight = weight.saturating_add(part);
    }
    weight
}

fn weight(text: &[u8]) -> usize {
    let mut bytes = text.iter();
    let mut in_string = false;
    let mut weight = 0_usize;
    while let Some(byte) = bytes.next() {
        weight = weight.saturating_add(match byte {
            b'[' if !in_string => ARRAY,
            b'{' if !in_string => OBJECT,
            b',' if !in_string => VALUE,
            _ => 0,
        });
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            _ => {}
        }
    }
    weight
}

/// Returns true for a text whose tree would be too large to build.
pub(crate) fn is_excessive(text: &[u8]) -> bool {
    // A short text is not counted: a tree of nothing but objects would be allowed.
    text.len().saturating_mul(OBJECT - ALLOWED) > MOST && excess(text) > MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_events_of_real_apis_have_no_excess() {
        for text in [
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}]}"#,
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"token":" the","logprob":-0.0123,"bytes":[32,116,104,101],"top_logprobs":[]}"#,
        ] {
            assert_eq!(excess(text.as_bytes()), 0, "{text}");
        }
    }

    #[test]
    fn a_string_weighs_nothing() {
        let text = format!(r#"{{"a":"\"{}"}}"#, r"[{},\,\\".repeat(1 << 17));
        assert_eq!(excess(text.as_bytes()), 0);
    }

    #[test]
    fn a_text_of_many_small_values_is_excessive() {
        for unit in ["[0],", r#"{"a":0},"#, "[],", "{},"] {
            assert!(is_excessive(unit.repeat(1 << 17).as_bytes()), "{unit}");
        }
    }
}
