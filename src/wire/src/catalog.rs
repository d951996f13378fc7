//! Lists of models, and the description of one: `GET /v1/models` and `/v1/models/ID` of OpenAI, Anthropic and their imitators,
//! `GET /v1beta/models` of Gemini, and `GET /api/tags` of Ollama.
//!
//! A list names models and makes no calls. The gate leaves out the models that the contract does not allow, and keeps the bytes of all
//! others. Only the members of a list are kept around them, so no client can take the answer for a turn of a model.
//!
//! Source: OpenAI's reference, *List models*; Anthropic's, *List Models* (pages by ids); Google's, *models.list* (pages by a token);
//! Ollama's, *List models*; the models of Codex's own service (`slug`). Some servers give two lists in one answer.
//!
//! Not covered: the words in an entry, such as a description. They configure the client, and each of its requests is checked later.

use callgate_json::Span;
use callgate_json::splice::pair;

use crate::checks::{folds, is_like};
use crate::skeleton::document::model_in_path;
use crate::{AnswerError, RequestError, ShapeError, Target};

/// The members with models.
const LISTS: [&str; 2] = ["data", "models"];
/// The members with the name of a model in an entry. The first of them counts: a `name` beside an `id` is for people.
const NAMES: [&str; 4] = ["id", "slug", "model", "name"];
/// The members about a page. Others around a list are left out.
const PAGE: [&str; 8] =
    ["object", "has_more", "first_id", "last_id", "next_page", "nextPageToken", "total_count", "etag"];
/// The members with the turn of a model in some API.
const TURNS: [&str; 8] = ["choices", "output", "content", "contents", "candidates", "message", "messages", "response"];
/// The beginning of names in Gemini's lists.
const PREFIX: &str = "models/";
/// The end of names in Ollama's lists that requests leave out.
const LATEST: &str = ":latest";

/// Returns the model that a path names, decoded.
///
/// # Errors
/// [`RequestError::Invalid`] if readers could differ over the name.
pub fn model_named(target: &Target<'_>) -> Result<Option<String>, RequestError> {
    model_in_path(target)
}

/// Returns a list without the models for which `allows` is false. `first_id` and `last_id` name the first and the last model that is
/// left. A page without any keeps them if another page follows, because the client needs them to ask for it.
///
/// # Errors
/// [`AnswerError`] for a text that is not strict JSON, or no list of models.
pub fn filtered(text: Vec<u8>, allows: &dyn Fn(&str) -> bool) -> Result<Vec<u8>, AnswerError> {
    let page = object(&text)?;
    let mut lists = Vec::new();
    let mut changed = false;
    for (key, value) in page.pairs() {
        if LISTS.iter().any(|list| key.is(list)) {
            let list = List::read(value, allows)?;
            changed |= list.changed;
            lists.push(list);
        } else {
            changed |= !is_of_page(value, &key.name());
        }
    }
    if lists.is_empty() {
        return Err(ShapeError::Type { at: "data", expected: "a list of models" }.into());
    }
    if !changed {
        return Ok(text);
    }
    let mut out = Vec::with_capacity(text.len());
    out.push(b'{');
    let is_last = page.get("has_more").and_then(Span::bool) != Some(true);
    let ids = lists.iter().find_map(|list| list.ends);
    let mut lists = lists.iter();
    for (key, value) in page.pairs() {
        let id = match (key.name().as_ref(), ids) {
            ("first_id", Some((first, _))) => Some(first.bytes()),
            ("last_id", Some((_, last))) => Some(last.bytes()),
            ("first_id" | "last_id", None) if is_last => Some(&b"null"[..]),
            _ => None,
        };
        if LISTS.iter().any(|list| key.is(list)) {
            pair(&mut out, key.raw(), lists.next().map(|list| list.text.as_slice()).unwrap_or(b"[]"));
        } else if is_of_page(value, &key.name()) {
            pair(&mut out, key.raw(), id.unwrap_or(value.bytes()));
        }
    }
    out.push(b'}');
    Ok(out)
}

/// Checks the description of one model: an object with its name, and without the turn of a model.
///
/// # Errors
/// [`AnswerError`] for any other text.
pub fn check_description(text: &[u8]) -> Result<(), AnswerError> {
    let model = object(text)?;
    if model.pairs().any(|(key, _)| TURNS.iter().chain(&LISTS).any(|turn| folds(key, turn))) {
        return Err(ShapeError::StrayCall.into());
    }
    match named(model) {
        Some(_) => Ok(()),
        None => Err(ShapeError::Type { at: "id", expected: "the name of a model" }.into()),
    }
}

fn object(text: &[u8]) -> Result<Span<'_>, AnswerError> {
    callgate_json::check(text)?;
    Span::whole(text).object().ok_or(ShapeError::Type { at: "data", expected: "a member of an object" }.into())
}

fn is_of_page(value: Span<'_>, name: &str) -> bool {
    PAGE.contains(&name) && !value.is_object() && !value.is_array()
}

/// A list without some of its entries.
struct List<'t> {
    text: Vec<u8>,
    changed: bool,
    /// The names of the first and the last entry, as they are written.
    ends: Option<(Span<'t>, Span<'t>)>,
}

// === impl List ===

impl<'t> List<'t> {
    fn read(list: Span<'t>, allows: &dyn Fn(&str) -> bool) -> Result<List<'t>, AnswerError> {
        if !list.is_array() && !list.is_null() {
            return Err(ShapeError::Type { at: "data", expected: "a list of models" }.into());
        }
        let mut text = Vec::with_capacity(list.bytes().len());
        let (mut changed, mut ends) = (false, None);
        for entry in list.items() {
            let name = named(entry).filter(|name| name.string().is_some_and(|name| is_allowed(&name, allows)));
            let Some(name) = name else {
                changed = true;
                continue;
            };
            ends = Some((ends.map_or(name, |(first, _)| first), name));
            text.push(if text.is_empty() { b'[' } else { b',' });
            text.extend_from_slice(entry.bytes());
        }
        text.extend_from_slice(if text.is_empty() { b"[]" } else { b"]" });
        Ok(List { text, changed, ends })
    }
}

/// Returns the name of an entry. A member that only some readers take for a name makes it nobody's.
fn named(entry: Span<'_>) -> Option<Span<'_>> {
    if entry.is_string() {
        return Some(entry);
    }
    let mut names = [None; NAMES.len()];
    for (key, value) in entry.object()?.pairs() {
        for (place, name) in names.iter_mut().zip(NAMES) {
            if key.is(name) {
                *place = Some(value).filter(|value| value.is_string());
            } else if is_like(key, name) {
                return None;
            }
        }
    }
    names.into_iter().flatten().next()
}

fn is_allowed(name: &str, allows: &dyn Fn(&str) -> bool) -> bool {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    allows(name) || name.strip_suffix(LATEST).is_some_and(allows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<String, AnswerError> {
        let text = filtered(text.as_bytes().to_vec(), &|name| name.starts_with("ok"))?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_list_of_each_api_loses_the_models_that_are_not_allowed() {
        for (text, left) in [
            (
                r#"{"object":"list","data":[{"id":"ok-1","object":"model"},{"id":"no","object":"model"}]}"#,
                r#"{"object":"list","data":[{"id":"ok-1","object":"model"}]}"#,
            ),
            (
                r#"{"models":[{"name":"models/ok"},{"name":"models/no"}],"nextPageToken":"t"}"#,
                r#"{"models":[{"name":"models/ok"}],"nextPageToken":"t"}"#,
            ),
            (
                r#"{"models":[{"name":"no:latest","model":"no:latest"},{"name":"ok","model":"ok"}]}"#,
                r#"{"models":[{"name":"ok","model":"ok"}]}"#,
            ),
            (
                r#"{"models":[{"slug":"no","name":"ok"},{"slug":"ok","name":"no"}]}"#,
                r#"{"models":[{"slug":"ok","name":"no"}]}"#,
            ),
            (r#"{"data":["ok","no"],"models":[{"id":"no"}]}"#, r#"{"data":["ok"],"models":[]}"#),
        ] {
            assert_eq!(list(text).unwrap(), left, "{text}");
        }
    }

    #[test]
    fn a_list_of_allowed_models_keeps_its_bytes() {
        for text in [
            r#" { "data" : [ {"id" : "ok" , "type":"model"} ], "has_more":false,"first_id":"ok","last_id":"ok" } "#,
            r#"{"models":null}"#,
            r#"{"data":[]}"#,
        ] {
            assert_eq!(list(text).unwrap(), text);
        }
    }

    #[test]
    fn the_ids_of_a_page_are_those_of_the_models_that_are_left() {
        let page = |ids: &[&str], more: bool| {
            let entries: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
            let (first, last) = (ids.first().unwrap(), ids.last().unwrap());
            let entries = entries.join(",");
            format!(r#"{{"data":[{entries}],"has_more":{more},"first_id":"{first}","last_id":"{last}"}}"#)
        };
        assert_eq!(list(&page(&["no-1", "ok-1", "ok-2", "no-2"], true)).unwrap(), page(&["ok-1", "ok-2"], true));
        let none = r#"{"data":[],"has_more":true,"first_id":"no-1","last_id":"no-2"}"#;
        assert_eq!(list(&page(&["no-1", "no-2"], true)).unwrap(), none);
        let end = r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#;
        assert_eq!(list(&page(&["no-1", "no-2"], false)).unwrap(), end);
    }

    #[test]
    fn nothing_stays_beside_a_list_that_could_be_a_turn() {
        let text = r#"{"data":[],"choices":[{"message":{"tool_calls":[{}]}}],"object":{"a":1},"Data":[{"id":"no"}]}"#;
        assert_eq!(list(text).unwrap(), r#"{"data":[]}"#);
    }

    #[test]
    fn an_entry_with_a_doubtful_name_is_left_out() {
        for entry in [r#"{"id":"ok","ID":"no"}"#, r#"{"Id":"ok"}"#, "{}", "1", "null", "[]", r#"{"id":1}"#] {
            assert_eq!(list(&format!(r#"{{"data":[{entry}]}}"#)).unwrap(), r#"{"data":[]}"#, "{entry}");
        }
    }

    #[test]
    fn what_is_no_list_of_models_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":"ok"}"#,
            r#"{"data":[],"data":[]}"#,
            "{\"data\":[}",
            "data: {}",
        ] {
            assert!(list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_description_names_a_model_and_is_no_turn() {
        for text in [r#"{"id":"m","object":"model"}"#, r#"{"name":"models/m","supportedGenerationMethods":["a"]}"#] {
            assert!(check_description(text.as_bytes()).is_ok(), "{text}");
        }
        for text in
            [r#"{"id":"m","Choices":[]}"#, r#"{"id":"m","content":[]}"#, r#"{"id":"m","data":[]}"#, "{}", "[]", "1"]
        {
            assert!(check_description(text.as_bytes()).is_err(), "{text}");
        }
    }
}
