//! Members of a declaration that stay as the caller sent them. They are about the API's handling of the tool, and say nothing to
//! the model.
//!
//! `input_examples` do not stay: they are the caller's words about a tool that the contract describes.

use callgate_json::Span;

use super::invalid;
use crate::RequestError;
use crate::members::ProviderTools;
use crate::skeleton::document::{callers_left, has_lost_search};

const FLAGS: [&str; 3] = ["strict", DEFERRED, "eager_input_streaming"];
const DEFERRED: &str = "defer_loading";
const CACHE: &str = "cache_control";
/// The known members of [`CACHE`], each a short word.
const CACHE_MEMBERS: [&str; 3] = ["type", "ttl", "scope"];
const LONGEST_WORD: usize = 32;

/// Checks the types of these members.
pub(super) fn check(tool: Span<'_>) -> Result<(), RequestError> {
    if FLAGS.iter().filter_map(|flag| tool.some(flag)).any(|value| value.bool().is_none()) {
        return Err(invalid(
            "an array of tools whose `strict`, `defer_loading` and `eager_input_streaming` are true or false",
        ));
    }
    match tool.some(CACHE) {
        Some(cache) if !cache.is_object() => Err(invalid("an array of tools whose `cache_control` is an object")),
        _ => Ok(()),
    }
}

/// Returns the members of a declaration that stay, as JSON text with a comma at the start. Callers that were taken out are not kept,
/// and without the search for tools no tool is deferred.
pub(super) fn members(tool: Span<'_>, runs: &ProviderTools) -> String {
    let mut out = String::new();
    let defers = !has_lost_search(runs);
    for name in FLAGS.iter().filter(|name| defers || **name != DEFERRED) {
        if let Some(value) = tool.some(name) {
            out.push_str(&format!(r#","{name}":{}"#, value.text()));
        }
    }
    if let Some(callers) = tool.some("allowed_callers").and_then(|callers| callers_left(callers, runs)) {
        out.push_str(&format!(r#","allowed_callers":{callers}"#));
    }
    if !defers || tool.some(DEFERRED).and_then(Span::bool) != Some(true) {
        out.push_str(&cache_control(tool));
    }
    out
}

/// Returns the mark of a place up to which the provider caches. The API refuses one on a deferred tool.
pub(super) fn cache_control(tool: Span<'_>) -> String {
    let Some(cache) = tool.some(CACHE) else { return String::new() };
    let is_word = |value: Span<'_>| value.string().is_some_and(|word| word.len() <= LONGEST_WORD);
    if cache.members().all(|(name, value)| CACHE_MEMBERS.contains(&name.as_ref()) && is_word(value)) {
        return format!(r#","{CACHE}":{}"#, cache.text());
    }
    let known = CACHE_MEMBERS.iter().filter_map(|name| Some((name, cache.some(name).filter(|value| is_word(*value))?)));
    let words: Vec<String> = known.map(|(name, value)| format!(r#""{name}":{}"#, value.text())).collect();
    format!(r#","{CACHE}":{{{}}}"#, words.join(","))
}
