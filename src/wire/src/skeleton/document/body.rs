//! The body of a request: its text, the demands of its members, and the changed members.
//!
//! A body holds no tree, so a waiting request costs its bytes and no more. Later rounds read the text again.

use std::ops::{Deref, DerefMut};

use callgate_json::{Members, Object, Span, with_member};

use crate::members::{self, Fields, Judged, Table, is_limit};
use crate::{RequestError, Target, UnknownMembers, target};

/// The text of a request, the demands of its members, and the changes since.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    object: Object,
    table: &'static Table,
    judged: Judged,
    rewritten: bool,
}

/// The checked text of an object, and the places of its members.
#[derive(Debug)]
pub(crate) struct Checked<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) members: Members,
}

/// Checks the text of a request. A byte order mark before it is skipped and not forwarded.
pub(crate) fn checked(text: &[u8]) -> Result<Checked<'_>, RequestError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let members = callgate_json::check_object(text)?;
    if Span::whole(text).is_object() { Ok(Checked { text, members }) } else { Err(RequestError::NotAnObject) }
}

// === impl Checked ===

impl<'t> Checked<'t> {
    /// Takes an object inside of a checked text.
    pub(crate) fn inner(object: Span<'t>) -> Checked<'t> {
        Checked { text: object.bytes(), members: Members::of(object.bytes()) }
    }
}

// === impl Body ===

impl Body {
    /// Reads the members of a [`checked`] request.
    pub(crate) fn read<'t>(checked: Checked<'t>, table: &'static Table) -> Result<(Body, Fields<'t>), RequestError> {
        let Checked { text, members } = checked;
        let (fields, judged) = members::judge(members.walk(text), table)?;
        Ok((Body { object: Object::with_members(text.to_vec(), members), table, judged, rewritten: false }, fields))
    }

    /// Returns the demands of its members. Dialects add the demands of the members they read themselves.
    pub(crate) fn judged(&mut self) -> &mut Judged {
        &mut self.judged
    }

    /// Notes the model in the path, and returns it. Refuses a request with a model neither there nor in its body.
    pub(crate) fn model(&mut self, fields: &Fields<'_>, target: &Target<'_>) -> Result<Option<String>, RequestError> {
        let in_path = model_in_path(target)?;
        match (&in_path, fields.read("model", "a string", Span::string)?) {
            (Some(model), _) => self.judged.model("model", model)?,
            (None, Some(_)) => {}
            (None, None) => return Err(RequestError::invalid("model", "a string")),
        }
        Ok(in_path)
    }

    pub(crate) fn models(&self) -> Vec<&str> {
        self.judged.models.iter().collect()
    }

    pub(crate) fn provider_tools(&self) -> Vec<&str> {
        self.judged.runs.iter().collect()
    }

    pub(crate) fn server_state(&self) -> bool {
        self.judged.state
    }

    /// Returns true if the body differs from the original text.
    pub(crate) fn is_changed(&self) -> bool {
        self.rewritten || self.object.is_changed()
    }

    fn rewrite(&mut self, text: Option<Vec<u8>>) {
        if let Some(text) = text {
            self.object.replace_text(text);
            self.rewritten = true;
        }
    }

    /// Leaves out the members that no table knows and `allow` does not list, and returns them.
    pub(crate) fn drop_unknown(&mut self, allow: &[String]) -> UnknownMembers {
        let mut unknown = UnknownMembers::default();
        if std::mem::take(&mut self.judged.has_unknown) {
            self.rewrite(members::without_unknown(self.object.original(), self.table, allow, &mut unknown));
        }
        unknown
    }

    /// Lowers every limit of output tokens to `max`.
    pub(crate) fn clamp(&mut self, max: u64) {
        if self.judged.has_limit {
            self.rewrite(members::clamp(self.object.original(), self.table, max));
        }
    }

    /// Sets a limit of output tokens in an object of the request, if it has none there.
    pub(crate) fn limit_in(&mut self, object: &str, limit: &str, max: u64) {
        let now = self.get(object).unwrap_or(Span::new(b"{}"));
        if !is_limit(now.get(limit)) {
            let limited = with_member(now, limit, Some(max.to_string()));
            self.set(object, limited);
        }
    }
}

impl Deref for Body {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

/// Returns the model in a path, decoded. Some servers end a segment at a parameter, a query or a fragment, or decode it a
/// second time, and would find another model.
pub(crate) fn model_in_path(target: &Target<'_>) -> Result<Option<String>, RequestError> {
    let Some(model) = target.model else { return Ok(None) };
    let is_whole = |model: &String| !model.is_empty() && !model.contains([';', '?', '#', '%', '\\']);
    let model = target::decoded(model).filter(is_whole);
    model.map(Some).ok_or(RequestError::invalid("model", "a plain name in the path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_forwarded() {
        assert_eq!(checked("\u{feff}{\"a\":1}".as_bytes()).unwrap().text, br#"{"a":1}"#);
        assert!(checked("\u{feff}\u{feff}{}".as_bytes()).is_err());
    }
}
