//! The bytes that a JSON text may take while its values are kept.
//!
//! Some values of an answer are kept as trees until its end, such as items of reasoning. A tree takes little more than its text
//! if the text is mostly strings, and 30 times as much if it is mostly brackets.

/// Bytes of a tree for each bracket, comma and colon outside of strings, on a host of 32 bits.
const NODE: usize = 80;

/// One such sign in so many bytes weighs nothing: the streams of real APIs have no more.
const SPARSE: usize = 8;

/// Returns the bytes that a text and what is kept of it take.
pub(crate) fn weight(json: &[u8]) -> usize {
    let dense = nodes(json).saturating_sub(json.len() / SPARSE);
    json.len().saturating_add(dense.saturating_mul(NODE))
}

fn nodes(json: &[u8]) -> usize {
    let mut nodes = 0_usize;
    let mut bytes = json.iter();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' | b'{' | b',' | b':' if !in_string => nodes = nodes.saturating_add(1),
            _ => {}
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_brackets_weighs_a_multiple_of_its_length() {
        let lists = format!("[{}0]", "[0],".repeat(1000));
        assert!(weight(lists.as_bytes()) > 30 * lists.len());
        assert!(weight(br#"{"":0,"a":0}"#) > 16 * 12);
    }

    #[test]
    fn an_event_of_a_real_api_weighs_its_length() {
        for text in [
            r#"{"id":"chatcmpl-1234567890","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"x"}}]}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#,
            r#"{"text":"a string may have [[[[{{{{::::,,,,\",\",\",\"]]]] in it and weighs no more"}"#,
            "",
        ] {
            assert_eq!(weight(text.as_bytes()), text.len(), "{text}");
        }
    }
}
