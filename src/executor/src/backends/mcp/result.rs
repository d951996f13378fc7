//! An MCP tool's result as JSON: its structured content, else its one text if that is strict JSON, else its texts as
//! one JSON string, with a line break between two.

use callgate_json::Value;
use rmcp::model::{CallToolResult, ContentBlock};

use crate::backends::fault::AttemptFault;

/// Returns the result's JSON text, of at most `limit` bytes.
pub(super) fn read(answer: CallToolResult, limit: u64) -> Result<Vec<u8>, AttemptFault> {
    if answer.is_error == Some(true) {
        return Err(AttemptFault::Failed("the tool reported an error".into()));
    }
    let json = match answer.structured_content {
        Some(value) => callgate_json::canonical(&value),
        None => text(answer.content)?,
    };
    if u64::try_from(json.len()).map_or(true, |length| length > limit) {
        return Err(AttemptFault::TooLarge);
    }
    Ok(json.into_bytes())
}

fn text(content: Vec<ContentBlock>) -> Result<String, AttemptFault> {
    let texts: Option<Vec<String>> = content
        .into_iter()
        .map(|block| match block {
            ContentBlock::Text(text) => Some(text.text),
            // Images, audio, files, and kinds of later versions.
            _ => None,
        })
        .collect();
    let texts = texts.ok_or(AttemptFault::Failed("its result is not text".into()))?;
    let [text] = texts.as_slice() else {
        return Ok(callgate_json::canonical(&Value::String(texts.join("\n"))));
    };
    Ok(match callgate_json::read_by_value(text.as_bytes()) {
        Ok(value) => callgate_json::canonical(&value),
        Err(_) => callgate_json::canonical(&Value::String(text.clone())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(answer: &str) -> Result<String, AttemptFault> {
        read(serde_json::from_str(answer).unwrap(), 64).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn results_become_json() {
        for (answer, result) in [
            (r#"{"content":[{"type":"text","text":"x"}],"structuredContent":{"b":1,"a":2}}"#, r#"{"a":2,"b":1}"#),
            (r#"{"content":[{"type":"text","text":" {\"a\": 1.0} "}]}"#, r#"{"a":1}"#),
            (r#"{"content":[{"type":"text","text":"0.10000000000000001"}]}"#, "0.1"),
            (r#"{"content":[{"type":"text","text":"12 o'clock"}]}"#, r#""12 o'clock""#),
            (r#"{"content":[{"type":"text","text":"{\"a\":1,\"a\":2}"}]}"#, r#""{\"a\":1,\"a\":2}""#),
            (r#"{"content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}"#, r#""1\n2""#),
            (r#"{"content":[]}"#, r#""""#),
        ] {
            assert_eq!(read_json(answer).as_deref(), Ok(result), "{answer}");
        }
    }

    #[test]
    fn errors_pictures_and_floods_are_none() {
        let error = read_json(r#"{"content":[{"type":"text","text":"secret"}],"isError":true}"#).unwrap_err();
        assert_eq!(error, AttemptFault::Failed("the tool reported an error".into()));
        let picture = r#"{"content":[{"type":"image","data":"AAAA","mimeType":"image/png"}]}"#;
        assert_eq!(read_json(picture).unwrap_err(), AttemptFault::Failed("its result is not text".into()));
        let flood = format!(r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#, "x".repeat(63));
        assert_eq!(read_json(&flood).unwrap_err(), AttemptFault::TooLarge);
    }
}
