//! Writes JSON values as block YAML, in the order of their members.

use std::fmt::Write as _;

use serde_json::Value;

/// The longest line of a value in few lines.
const WIDTH: usize = 136;

/// Appends a value behind `key:`, at this indentation.
pub(crate) fn member(out: &mut String, indent: usize, key: &str, value: &Value) {
    let _ = write!(out, "{:indent$}{}:", "", scalar_of(key));
    behind(out, indent, value);
}

/// Appends a value behind a key or a dash.
fn behind(out: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            members.iter().for_each(|(key, value)| member(out, indent + 2, key, value));
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push('\n');
            for item in items {
                let _ = write!(out, "{:indent$}-", "", indent = indent + 2);
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        let mut inside = String::new();
                        members.iter().for_each(|(key, value)| member(&mut inside, indent + 4, key, value));
                        out.push(' ');
                        out.push_str(inside.trim_start());
                    }
                    item => behind(out, indent + 2, item),
                }
            }
        }
        value => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

/// Appends a value behind `key:`, on one line if it fits, and in as few lines as fit otherwise.
pub(crate) fn compact(out: &mut String, indent: usize, key: &str, value: &Value) {
    let line = format!("{:indent$}{}: {}", "", scalar_of(key), flow(value));
    match value {
        Value::Object(members) if line.len() > WIDTH && !members.is_empty() => {
            let _ = writeln!(out, "{:indent$}{}:", "", scalar_of(key));
            members.iter().for_each(|(key, value)| compact(out, indent + 2, key, value));
        }
        _ => {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// Appends a value behind `key:` in flow style, with full lines. A member that fits on a line is not cut.
pub(crate) fn dense(out: &mut String, indent: usize, key: &str, value: &Value) {
    let _ = write!(out, "{:indent$}{}: ", "", scalar_of(key));
    fill(out, indent + 2, value);
    out.push('\n');
}

fn fill(out: &mut String, indent: usize, value: &Value) {
    let used = out.len() - out.rfind('\n').map_or(0, |end| end + 1);
    let whole = flow(value);
    let Value::Object(members) = value else {
        out.push_str(&whole);
        return;
    };
    if used + whole.len() <= WIDTH || members.is_empty() {
        out.push_str(&whole);
        return;
    }
    out.push_str("{ ");
    let count = members.len();
    for (number, (key, value)) in members.iter().enumerate() {
        let used = out.len() - out.rfind('\n').map_or(0, |end| end + 1);
        let text = format!("{}: {}", scalar_of(key), flow(value));
        let is_whole = indent + text.len() + 2 <= WIDTH;
        if number > 0 && used + text.len() + 4 > WIDTH {
            out.truncate(out.trim_end().len());
            let _ = write!(out, "\n{:indent$}", "");
        }
        if is_whole {
            out.push_str(&text);
        } else {
            let _ = write!(out, "{}: ", scalar_of(key));
            fill(out, indent + 2, value);
        }
        out.push_str(if number + 1 < count { ", " } else { " }" });
    }
}

/// Appends a list of scalars, in as few lines as fit.
pub(crate) fn filled(out: &mut String, indent: usize, items: &[Value]) {
    let mut length = out.lines().last().map_or(0, str::len);
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        let text = flow(item);
        if number > 0 {
            out.push(',');
            if length + text.len() + 4 > WIDTH {
                let _ = write!(out, "\n{:indent$}", "");
                length = indent;
            } else {
                out.push(' ');
            }
        }
        length += text.len() + 2;
        out.push_str(&text);
    }
    out.push(']');
}

/// Writes a scalar, or a list of scalars, on one line.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => scalar_of(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{}: {}", scalar_of(key), flow(value)));
            let members = members.collect::<Vec<_>>().join(", ");
            if members.is_empty() { "{}".to_owned() } else { format!("{{ {members} }}") }
        }
    }
}

/// Writes a text: plain if no reader could take it for something else, and quoted otherwise.
pub(crate) fn scalar_of(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '/'))
        && !WORDS.contains(&text.to_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter
                if letter.is_control()
                    || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
