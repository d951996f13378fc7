//! Values as text: exactly one YAML scalar, one comment line or one block of JSON.

use std::time::Duration;

use serde_json::Value;

use super::error::RenderError;

/// Formats `text` as one YAML scalar: plain if that is surely a string, quoted otherwise.
pub(super) fn scalar(text: String) -> String {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    let letter = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    // YAML 1.1 readers, Kubernetes' among them, do not read these as strings.
    let taken = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if word && letter && !taken.contains(&text.to_ascii_lowercase().as_str()) {
        text
    } else {
        escaped(&Value::String(text).to_string())
    }
}

/// Returns `text` without anything that could end a comment line.
pub(super) fn comment(text: String) -> String {
    text.chars().map(|c| if c.is_control() || !printable(c) { '?' } else { c }).collect()
}

/// Indents every line of `text` by `width` columns, with a line break after the last.
pub(super) fn indented(text: String, width: usize) -> String {
    text.trim_end().lines().map(|line| format!("{:width$}{line}", "").trim_end().to_owned() + "\n").collect()
}

/// Formats `text` as an item of a YAML sequence.
pub(super) fn item(text: String) -> String {
    text.lines().enumerate().map(|(index, line)| format!("{}{line}\n", if index == 0 { "- " } else { "  " })).collect()
}

/// Formats pretty JSON that is valid, indented, in a YAML block scalar or as YAML itself.
pub(super) fn pretty(value: &Value) -> Result<String, RenderError> {
    Ok(escaped(&serde_json::to_string_pretty(value)?))
}

/// Replaces the characters YAML does not take literally by JSON escapes. They only occur inside strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || printable(c) { text.push(c) } else { text.push_str(&format!("\\u{:04x}", u32::from(c))) }
    }
    text
}

/// YAML 1.2 `c-printable`, less the line breaks of YAML 1.1 and the byte order mark.
fn printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        || c >= '\u{10000}'
}

/// Formats a duration of the Gateway API (GEP-2257) in whole seconds, rounded up. It has five digits at most.
pub(super) fn gateway_duration(duration: Duration) -> String {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    format!("{}s", seconds.min(99_999))
}

/// Formats a `google.protobuf.Duration` in JSON: `30s`, `0.250s`.
pub(super) fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}

/// Formats `argument` as one word of a POSIX shell.
pub(super) fn shell_word(argument: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sure_strings_stay_unquoted() {
        for (text, expected) in [
            ("api.openai.com", "api.openai.com"),
            ("/etc/callgate/callgate.wasm", "/etc/callgate/callgate.wasm"),
            ("127.0.0.1", "\"127.0.0.1\""),
            ("no", "\"no\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a\n- b", "\"a\\n- b\""),
            ("a\u{85}b", "\"a\\u0085b\""),
        ] {
            assert_eq!(scalar(text.to_owned()), expected);
        }
    }

    #[test]
    fn a_comment_is_one_line() {
        assert_eq!(comment("a\nb\u{2028}c".to_owned()), "a?b?c");
    }

    #[test]
    fn durations_are_seconds_with_milliseconds_if_needed() {
        assert_eq!(duration(Duration::from_secs(30)), "30s");
        assert_eq!(duration(Duration::from_millis(1500)), "1.500s");
    }
}
