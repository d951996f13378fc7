//! Reads an event without parsing it if the event differs from an earlier one in a few texts and numbers only.
//!
//! Streams repeat themselves: in two text deltas all bytes are equal but the text, a counter and some padding. A [`Template`] is
//! the bytes of an event with holes in place of those values. It is learned from an event which was parsed and carries text and
//! nothing else. A fitting event is the same event with other values in the holes.
//!
//! **Soundness.** All bytes outside of the holes equal those of an event that was parsed in full, strictly, and found to be no part
//! of a call. Its keys, its structure, its `type`s and its finish reason are therefore the same bytes. The filling of a hole is
//! checked: it is the inside of one JSON string (no quote, no control character, only two-character escapes, UTF-8) or one number.
//! It cannot end its string or become a key, so every JSON reader takes the event apart exactly as it took the first. Escapes may
//! spell a key, but no key is in a hole. Any other event is parsed, even if it means the same (another order of
//! members, `\u` escapes, white space).
//!
//! Each dialect names the members that may be holes: only members it never decides on.

use std::borrow::Cow;

/// The kinds of values for a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The inside of a string.
    Text,
    /// A whole number of up to 15 digits.
    Number,
}

/// An event's bytes with `N` holes.
#[derive(Debug, Clone)]
pub struct Template<const N: usize> {
    /// The bytes before each hole of the event, with the number and the kind of the hole, in the order of the text.
    parts: Vec<(Vec<u8>, usize, Hole)>,
    tail: Vec<u8>,
}

// === impl Template ===

impl<const N: usize> Template<N> {
    /// Learns from an event that was read in full.
    ///
    /// Each hole is a path of member names; array items are named by their position. A hole is left out if the event does not have
    /// it, or has a value of another kind there.
    #[must_use]
    pub fn learn(data: &[u8], holes: &[(&[&str], Hole); N]) -> Option<Template<N>> {
        let mut spans = Vec::with_capacity(N);
        for (number, (path, hole)) in holes.iter().enumerate() {
            if let Some((start, end)) = find(data, 0, path) {
                let (start, end) = match hole {
                    Hole::Text => (start.checked_add(1)?, end.checked_sub(1)?),
                    Hole::Number => (start, end),
                };
                if start <= end && filled(data.get(start..)?, *hole) == data.get(start..end) {
                    spans.push((start, end, number, *hole));
                }
            }
        }
        spans.sort_unstable_by_key(|span| span.0);
        let mut at = 0;
        let mut parts = Vec::with_capacity(spans.len());
        for (start, end, number, hole) in spans {
            parts.push((data.get(at..start)?.to_vec(), number, hole));
            at = end;
        }
        Some(Template { parts, tail: data.get(at..)?.to_vec() })
    }

    /// Returns true if the learned event had this hole.
    #[must_use]
    pub fn has(&self, hole: usize) -> bool {
        self.parts.iter().any(|(_, number, _)| *number == hole)
    }

    /// Returns the fillings of the holes in `data`, or `None` if it does not fit. Holes missing in the template are empty.
    #[must_use]
    pub fn fill<'d>(&self, data: &'d [u8]) -> Option<[&'d str; N]> {
        let mut found: [&str; N] = [""; N];
        let mut rest = data;
        for (before, number, hole) in &self.parts {
            rest = rest.strip_prefix(before.as_slice())?;
            let value = filled(rest, *hole)?;
            rest = rest.get(value.len()..)?;
            *found.get_mut(*number)? = std::str::from_utf8(value).ok()?;
        }
        (rest == self.tail).then_some(found)
    }
}

/// Returns the meaning of the inside of a string, or `None` if it has escapes that a hole does not take.
#[must_use]
pub fn unescaped(inside: &str) -> Option<Cow<'_, str>> {
    if !inside.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut text = String::with_capacity(inside.len());
    let mut pieces = inside.split('\\');
    text.push_str(pieces.next()?);
    while let Some(piece) = pieces.next() {
        let mut letters = piece.chars();
        match letters.next() {
            Some(letter) => text.push(escape(letter)?),
            // Two backslashes in a row: the second is the letter, and the text after it is plain.
            None => {
                text.push('\\');
                text.push_str(pieces.next()?);
                continue;
            }
        }
        text.push_str(letters.as_str());
    }
    Some(Cow::Owned(text))
}

fn escape(letter: char) -> Option<char> {
    Some(match letter {
        '"' | '/' => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    })
}

/// Returns the bytes at the start of `data` that fill a hole.
fn filled(data: &[u8], hole: Hole) -> Option<&[u8]> {
    match hole {
        Hole::Text => {
            let mut at = 0;
            loop {
                match data.get(at)? {
                    b'"' => return data.get(..at),
                    b'\\' if matches!(data.get(at + 1)?, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                        at += 2
                    }
                    b'\\' | 0..=0x1f => return None,
                    _ => at += 1,
                }
            }
        }
        Hole::Number => {
            let digits = data.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = data.get(..digits)?;
            // The template has no fraction or exponent after it.
            (matches!(digits, 1..=15) && (digits == 1 || number.first() != Some(&b'0'))).then_some(number)
        }
    }
}

/// Returns the place of the value at `path` in a valid JSON text; strings with their quotes.
fn find(data: &[u8], start: usize, path: &[&str]) -> Option<(usize, usize)> {
    let start = start + space(data.get(start..)?);
    let Some((first, rest)) = path.split_first() else {
        return Some((start, value_end(data, start)?));
    };
    let open = *data.get(start)?;
    let mut at = start + 1;
    let mut position = 0_usize;
    loop {
        at += space(data.get(at..)?);
        if matches!(data.get(at)?, b'}' | b']') {
            return None;
        }
        let wanted = if open == b'{' {
            let end = value_end(data, at)?;
            let key = data.get(at + 1..end.checked_sub(1)?)?;
            if key.contains(&b'\\') {
                return None;
            }
            at = end + space(data.get(end..)?) + 1;
            key == first.as_bytes()
        } else {
            position += 1;
            first.parse() == Ok(position - 1)
        };
        if wanted {
            return find(data, at, rest);
        }
        at += space(data.get(at..)?);
        at = value_end(data, at)?;
        at += space(data.get(at..)?);
        if data.get(at) == Some(&b',') {
            at += 1;
        }
    }
}

fn space(data: &[u8]) -> usize {
    data.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Returns the end of the value that starts at `start`.
fn value_end(data: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match data.get(at)? {
            b'"' => {
                at += 1;
                while *data.get(at)? != b'"' {
                    at += if *data.get(at)? == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => {
                let scalar = data
                    .get(at..)?
                    .iter()
                    .take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
                return Some(at + scalar.count());
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failed index is a failed test")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EVENT: &str =
        r#"{"id":"x","n": 12,"choices":[{"index":0,"delta":{"content":"Hi\n"},"finish_reason":null}],"pad":"ab"}"#;
    const HOLES: [(&[&str], Hole); 3] =
        [(&["choices", "0", "delta", "content"], Hole::Text), (&["n"], Hole::Number), (&["pad"], Hole::Text)];

    fn template() -> Template<3> {
        Template::learn(EVENT.as_bytes(), &HOLES).unwrap()
    }

    #[test]
    fn an_event_that_differs_only_in_the_holes_fits() {
        assert_eq!(template().fill(EVENT.as_bytes()), Some(["Hi\\n", "12", "ab"]));
        let other = EVENT.replace("Hi\\n", "é \\\"q\\\"").replace("12", "4096").replace("ab", "");
        assert_eq!(template().fill(other.as_bytes()), Some(["é \\\"q\\\"", "4096", ""]));
    }

    #[test]
    fn a_hole_that_an_event_does_not_have_is_empty() {
        let text = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
        let template: Template<3> = Template::learn(text.as_bytes(), &HOLES).unwrap();
        assert_eq!(template.fill(text.as_bytes()), Some(["a", "", ""]));
    }

    #[test]
    fn an_event_that_differs_elsewhere_does_not_fit() {
        for (from, to) in [
            ("null", "\"stop\""),
            ("\"index\":0", "\"index\":1"),
            ("\"content\"", "\"c\\u006fntent\""),
            ("Hi\\n", "Hi\",\"tool_calls\":[],\"x\":\""),
            ("Hi\\n", "\\u0041"),
            ("Hi\\n", "tab\there"),
            ("Hi\\n", "\\x"),
            ("Hi\\n", "\\"),
            ("12", "012"),
            ("12", "1.5"),
            ("12", "-1"),
            ("12", "null"),
            ("12", "1234567890123456"),
            ("\"pad\":\"ab\"}", "\"pad\":\"ab\",\"tool_calls\":[1]}"),
            ("\"pad\":\"ab\"}", "\"pad\":\"ab\"} "),
        ] {
            let other = EVENT.replacen(from, to, 1);
            assert_ne!(other, EVENT);
            assert_eq!(template().fill(other.as_bytes()), None, "{other}");
        }
        assert_eq!(template().fill(b"\xff"), None);
        assert_eq!(template().fill(EVENT.replace("Hi\\n", "\u{fffd}").as_bytes()).unwrap()[0], "\u{fffd}");
        let not_utf8: Vec<u8> = EVENT.bytes().map(|byte| if byte == b'H' { 0xff } else { byte }).collect();
        assert_eq!(template().fill(&not_utf8), None);
    }

    #[test]
    fn the_filling_of_a_hole_is_the_text_that_a_parser_reads() {
        for text in ["", "plain", "a\\b", "\\\\", "q\"q", "\n\r\t\u{8}\u{c}/", "\\n", "x\\\\\"", "é\u{1f600}"] {
            let event = json!({ "choices": [{ "delta": { "content": text } }] }).to_string();
            let template: Template<3> = Template::learn(br#"{"choices":[{"delta":{"content":"a"}}]}"#, &HOLES).unwrap();
            let read: Value = serde_json::from_str(&event).unwrap();
            let [inside, ..] = template.fill(event.as_bytes()).unwrap();
            assert_eq!(unescaped(inside).as_deref(), read["choices"][0]["delta"]["content"].as_str(), "{event}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_no_hole_but_must_be_the_same() {
        for value in ["-1", "1.0", "\"1\"", "null", "[1]", "{}"] {
            let text = format!(r#"{{"n":{value},"pad":"a"}}"#);
            let template: Template<3> = Template::learn(text.as_bytes(), &HOLES).unwrap();
            assert_eq!(template.fill(text.as_bytes()), Some(["", "", "a"]), "{text}");
            assert_eq!(template.fill(text.replace(value, "2").as_bytes()), None, "{text}");
        }
        for pad in ["null", r#""\u0041""#, "1", "7"] {
            let text = format!(r#"{{"pad":{pad}}}"#);
            let template: Template<3> = Template::learn(text.as_bytes(), &HOLES).unwrap();
            assert_eq!(template.fill(br#"{"pad":"x"}"#), None, "{text}");
        }
    }
}
