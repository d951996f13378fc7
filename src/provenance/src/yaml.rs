//! Results in YAML, as values of JSON.
//!
//! A strict subset of YAML 1.2: one document of block and flow collections with plain, quoted, literal and folded scalars. Anchors,
//! aliases, tags, merge keys and duplicate keys give no value. A plain scalar is `null`, a boolean, or a number in JSON's syntax; any
//! other, such as a date, is a string. A plain key is a string in any case.

use callgate_json::{MAX_DEPTH, Map, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

/// Returns the value of a text, and `None` for a text outside of the subset.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut parser = Parser::new_from_str(text);
    let mut found = None;
    loop {
        match next(&mut parser)? {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if found.is_none() => {
                let event = next(&mut parser)?;
                found = Some(value(&mut parser, event, MAX_DEPTH)?);
            }
            Event::StreamEnd => return found,
            _ => return None,
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Option<Event<'t>> {
    parser.next_event()?.ok().map(|(event, _)| event)
}

fn value<'t>(parser: &mut Parser<'t, StrInput<'t>>, event: Event<'t>, depth: usize) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, 0, None) => plain(&text),
        Event::Scalar(text, _, 0, None) => Some(Value::String(text.into_owned())),
        Event::SequenceStart(0, None) => {
            let depth = depth.checked_sub(1)?;
            let mut items = Vec::new();
            loop {
                match next(parser)? {
                    Event::SequenceEnd => return Some(Value::Array(items)),
                    event => items.push(value(parser, event, depth)?),
                }
            }
        }
        Event::MappingStart(0, None) => {
            let depth = depth.checked_sub(1)?;
            let mut members = Map::new();
            loop {
                let key = match next(parser)? {
                    Event::MappingEnd => return Some(Value::Object(members)),
                    Event::Scalar(key, style, 0, None) if style != ScalarStyle::Plain || key != "<<" => {
                        key.into_owned()
                    }
                    _ => return None,
                };
                let event = next(parser)?;
                if members.insert(key, value(parser, event, depth)?).is_some() {
                    return None;
                }
            }
        }
        _ => None,
    }
}

fn plain(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        // Words begin with a letter, so most scalars are no numbers at a glance.
        _ if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => Value::String(text.to_owned()),
        _ => match callgate_json::read_by_value(text.as_bytes()) {
            Ok(number @ Value::Number(_)) => number,
            _ => Value::String(text.to_owned()),
        },
    })
}
