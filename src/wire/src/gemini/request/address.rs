//! Path and query: the model, the method, and in which form its answer comes.

use crate::target::decoded;
use crate::{RequestError, Target, Wants};

const GENERATE: &str = ":generateContent";
const STREAM: &str = ":streamGenerateContent";
const COUNT: &str = ":countTokens";

/// Where a request went.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) model: String,
    pub(super) wants: Wants,
    path: String,
    query: String,
    changed: bool,
}

// === impl Address ===

impl Address {
    pub(super) fn read(target: &Target<'_>) -> Result<Address, RequestError> {
        let methods = [(GENERATE, Wants::Whole), (STREAM, Wants::Stream), (COUNT, Wants::Count)];
        let wants = methods.into_iter().find(|(method, _)| target.path.ends_with(method)).map(|(_, wants)| wants);
        let invalid = |expected| RequestError::Invalid { param: "model", expected };
        let wants = wants.ok_or(invalid("followed by a method that is read, such as `:generateContent`"))?;
        let model = match target.model {
            Some(model) => decoded(model),
            None => target.between("/models/", ":"),
        };
        let model = model.filter(|model| is_plain(model));
        let model = model.ok_or(invalid("a plain name in the path, after `/models/`"))?;
        check_alt(target.query, wants)?;
        let (path, query) = (target.path.to_owned(), target.query.to_owned());
        Ok(Address { model, wants, path, query, changed: false })
    }

    /// Asks for a whole answer instead of a stream.
    pub(super) fn answer_whole(&mut self) {
        if self.wants != Wants::Stream {
            return;
        }
        self.wants = Wants::Whole;
        self.changed = true;
        if let Some(before) = self.path.strip_suffix(STREAM) {
            self.path = format!("{before}{GENERATE}");
        }
        let kept: Vec<&str> = self.query.split('&').filter(|pair| key(pair).as_deref() != Some("alt")).collect();
        self.query = kept.join("&");
    }

    /// Path and query, where they are not those of the first request.
    pub(super) fn changed(&self) -> Option<String> {
        let mark = if self.query.is_empty() { "" } else { "?" };
        self.changed.then(|| format!("{}{mark}{}", self.path, self.query))
    }
}

/// A name that no reader of paths takes for more than a name.
fn is_plain(model: &str) -> bool {
    !model.is_empty() && model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte))
}

/// Google's system parameter `alt` (and `$alt`) chooses the form of the answer: only those that are read may be asked for.
fn check_alt(query: &str, wants: Wants) -> Result<(), RequestError> {
    let expected = match wants {
        Wants::Stream => "`sse`, the only form of a stream that the gate reads; add `alt=sse` to the query",
        Wants::Whole | Wants::Count => "left out or `json`",
    };
    let invalid = RequestError::Invalid { param: "alt", expected };
    let mut forms = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match key(pair).as_deref() {
            None | Some("$alt") => return Err(invalid),
            Some("alt") => forms.push(pair.split_once('=').map_or("", |(_, form)| form)),
            Some(_) => {}
        }
    }
    match (wants, forms.as_slice()) {
        (Wants::Stream, ["sse"]) | (Wants::Whole | Wants::Count, [] | ["json"]) => Ok(()),
        _ => Err(invalid),
    }
}

/// The name in a pair of a query, decoded; `None` where readers could differ over it.
fn key(pair: &str) -> Option<String> {
    decoded(pair.split('=').next().unwrap_or_default())
}
