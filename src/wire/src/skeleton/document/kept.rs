//! Members of a declared tool that stay when the contract's declaration takes its place, and the callers among them.

use std::borrow::Cow;

use callgate_json::{Key, Span};

use super::List;
use crate::RequestError;
use crate::members::{Judged, ProviderTools};

/// Members of a declared tool kept as the caller sent them. They are about the API's handling of the tool, not about the tool.
/// `input_examples` are: they would be the caller's words.
const KEPT: [&str; 5] = ["strict", DEFERRED, "eager_input_streaming", "cache_control", CALLERS];
pub(super) const CALLERS: &str = "allowed_callers";
const DEFERRED: &str = "defer_loading";

/// Code of the provider that calls the client's tools, by its name among callers in Responses.
pub(crate) const PROGRAM: &str = "programmatic";
/// The tool that runs this code.
pub(crate) const PROGRAMS: &str = "programmatic_tool_calling";

/// Returns the kept members of a declared tool as JSON text, with a comma at the start. Callers that were taken out are not kept, and
/// without the search for tools no tool is deferred.
pub(crate) fn kept_members(tool: Span<'_>, runs: &ProviderTools) -> String {
    let kept = tool.pairs().filter(|(key, value)| is_kept(*key) && !value.is_null());
    let member = |(key, value): (Key<'_>, Span<'_>)| {
        let text = match key {
            _ if key.is(CALLERS) => callers_left(value, runs)?,
            _ if key.is(DEFERRED) && has_lost_search(runs) => return None,
            _ => value.text(),
        };
        Some(format!(r#","{}":{text}"#, key.name()))
    };
    kept.filter_map(member).collect()
}

/// Returns a list of callers without those that are gone; `None` if none is left, which leaves the tool to the model.
pub(crate) fn callers_left<'t>(callers: Span<'t>, runs: &ProviderTools) -> Option<Cow<'t, str>> {
    let is_gone = |caller: &str| runs.is_dropped(caller) || caller == PROGRAM && runs.is_dropped(PROGRAMS);
    let is_left = |caller: &Span<'_>| !caller.string().is_some_and(|caller| is_gone(&caller));
    if callers.items().all(|caller| is_left(&caller)) {
        return Some(callers.text());
    }
    let mut left = List::with_capacity(callers.bytes().len());
    callers.items().filter(is_left).for_each(|caller| left.item().push_str(&caller.text()));
    left.end().map(Cow::Owned)
}

/// Returns true if the provider's search for tools was taken out: nothing could find a deferred tool.
pub(crate) fn has_lost_search(runs: &ProviderTools) -> bool {
    runs.lost(|tool| tool.starts_with("tool_search"))
}

pub(super) fn is_kept(key: Key<'_>) -> bool {
    KEPT.iter().any(|kept| key.is(kept))
}

/// Judges code that may call a declared tool as a tool of the provider, which runs it. The model itself is not such a caller.
pub(crate) fn callers(tool: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    tool.some(CALLERS).map_or(Ok(()), |callers| judge_callers(callers, judged))
}

pub(super) fn judge_callers(callers: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let expected = "an array of tools whose `allowed_callers` are a list of names";
    let invalid = RequestError::invalid("tools", expected);
    for caller in callers.array().ok_or(invalid.clone())?.items() {
        match caller.string().ok_or(invalid.clone())?.as_ref() {
            "direct" => {}
            code => judged.runs.add("tools", code)?,
        }
    }
    Ok(())
}
