//! Path and query: the model, the method, and the form of its answer.

use crate::skeleton::document::Endpoint;
use crate::target::decoded;
use crate::{RequestError, Target, Wants};

const GENERATE: &str = ":generateContent";
const STREAM: &str = ":streamGenerateContent";
const COUNT: &str = ":countTokens";

/// Reads the model and the form of the answer.
pub(super) fn read(target: &Target<'_>) -> Result<(String, Wants), RequestError> {
    let methods = [(GENERATE, Wants::Whole), (STREAM, Wants::Stream), (COUNT, Wants::Count)];
    let wants = methods.into_iter().find(|(method, _)| target.path.ends_with(method)).map(|(_, wants)| wants);
    let invalid = |expected| RequestError::invalid("model", expected);
    let wants = wants.ok_or(invalid("followed by a method that is read, such as `:generateContent`"))?;
    let model = match target.model {
        Some(model) => decoded(model),
        None => target.between("/models/", ":"),
    };
    let model = model.filter(|model| is_plain(model));
    let model = model.ok_or(invalid("a plain name in the path, after `/models/`"))?;
    check_alt(target.query, wants)?;
    Ok((model, wants))
}

/// Asks for a whole answer instead of a stream.
pub(super) fn answer_whole(endpoint: &mut Endpoint) {
    endpoint.replace_end(STREAM, GENERATE);
    endpoint.retain_query(|pair| key(pair).as_deref() != Some("alt"));
}

/// Returns true for a name without characters that a reader of paths could act on.
fn is_plain(model: &str) -> bool {
    !model.is_empty() && model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte))
}

/// Checks Google's system parameter `alt` (and `$alt`), which chooses the form of the answer: the gate must be able to read it.
fn check_alt(query: &str, wants: Wants) -> Result<(), RequestError> {
    let expected = match wants {
        Wants::Stream => "`sse`, the only form of a stream that the gate reads; add `alt=sse` to the query",
        Wants::Whole | Wants::Count | Wants::Compact => "left out or `json`",
    };
    let invalid = RequestError::invalid("alt", expected);
    let mut forms = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match key(pair).as_deref() {
            None | Some("$alt") => return Err(invalid),
            Some("alt") => forms.push(pair.split_once('=').map_or("", |(_, form)| form)),
            Some(_) => {}
        }
    }
    match (wants, forms.as_slice()) {
        (Wants::Stream, ["sse"]) | (Wants::Whole | Wants::Count | Wants::Compact, [] | ["json"]) => Ok(()),
        _ => Err(invalid),
    }
}

/// Returns the name in a pair of a query, decoded, and `None` if readers could differ over it.
fn key(pair: &str) -> Option<String> {
    decoded(pair.split('=').next().unwrap_or_default())
}
