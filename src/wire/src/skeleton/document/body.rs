//! The body of a request: its text, the demands of its members, and the changed members.
//!
//! A body holds no tree, so a waiting request costs its bytes and no more. Later rounds read the text again.

use std::ops::{Deref, DerefMut};

use callgate_json::{Members, Object, Objects, Places, Span, with_member};

use super::scan::RequestScan;
use crate::members::{self, Fields, Judged, MemberChanges, ProviderTools, Table, is_limit};
use crate::{RequestError, Target, UnknownMembers, target};

/// The text of a request, the demands of its members, and the changes since.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    object: Object,
    table: &'static Table,
    judged: Judged,
    rewritten: bool,
}

/// The checked text of an object, and the places in it.
#[derive(Debug)]
pub(crate) struct Checked<'t> {
    text: &'t [u8],
    places: Places,
}

/// A body while a dialect reads it. Its text is still the caller's.
#[derive(Debug)]
pub(crate) struct Draft {
    table: &'static Table,
    judged: Judged,
    members: Members,
    /// The text of an object in the request, if that is the body.
    inner: Option<Vec<u8>>,
    /// Members to change.
    changes: Vec<(&'static str, String)>,
}

/// Checks the text of a request, as far as `scan` has not done so.
pub(crate) fn checked(text: &[u8], scan: RequestScan) -> Result<Checked<'_>, RequestError> {
    let places = scan.finish(text)?;
    if Span::whole(text).is_object() { Ok(Checked { text, places }) } else { Err(RequestError::NotAnObject) }
}

// === impl Checked ===

impl Checked<'_> {
    /// Returns the object.
    pub(crate) fn object(&self) -> Span<'_> {
        self.places.of(self.text)
    }

    /// Returns the turns of the conversation and the blocks in them, as far as they are known without a search.
    pub(crate) fn turns(&self) -> Option<(Objects<'_>, Option<Objects<'_>>)> {
        self.places.objects(self.text)
    }

    /// Returns the whole text.
    pub(crate) fn text(&self) -> &[u8] {
        self.text
    }
}

// === impl Draft ===

impl Draft {
    /// Reads the members of a [`checked`] request.
    pub(crate) fn read<'t>(
        checked: &'t Checked<'_>,
        table: &'static Table,
    ) -> Result<(Draft, Fields<'t>), RequestError> {
        let (fields, judged) = members::judge(checked.object(), table)?;
        let members = checked.places.members(checked.text);
        Ok((Draft { table, judged, members, inner: None, changes: Vec::new() }, fields))
    }

    /// Reads the members of an object inside of a checked request.
    pub(crate) fn inner<'t>(object: Span<'t>, table: &'static Table) -> Result<(Draft, Fields<'t>), RequestError> {
        let (fields, judged) = members::judge(object, table)?;
        let members = Members::of(object.bytes());
        Ok((Draft { table, judged, members, inner: Some(object.bytes().to_vec()), changes: Vec::new() }, fields))
    }

    /// Returns the demands of its members. Dialects add the demands of the members they read themselves.
    pub(crate) fn judged(&mut self) -> &mut Judged {
        &mut self.judged
    }

    /// Changes a member to a JSON text.
    pub(crate) fn set(&mut self, member: &'static str, text: String) {
        self.changes.push((member, text));
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

    /// Takes the text that was read.
    pub(crate) fn finish(self, text: Vec<u8>) -> Body {
        let Draft { table, judged, members, inner, changes } = self;
        let mut object = Object::with_members(inner.unwrap_or(text), members);
        for (member, text) in changes {
            object.set(member, text);
        }
        Body { object, table, judged, rewritten: false }
    }
}

// === impl Body ===

impl Body {
    pub(crate) fn models(&self) -> Vec<&str> {
        let of_tools = self.judged.runs.models().filter(|model| !self.judged.models.contains(model));
        self.judged.models.iter().chain(of_tools).collect()
    }

    pub(crate) fn provider_tools(&self) -> Vec<&str> {
        self.judged.runs.iter().collect()
    }

    /// Returns the provider's tools, and those that were taken out.
    pub(crate) fn runs(&self) -> &ProviderTools {
        &self.judged.runs
    }

    /// Takes out the provider's tools that are not allowed, and the members that turn them on. Returns their names.
    pub(crate) fn drop_provided(&mut self, is_allowed: &dyn Fn(&str) -> bool) -> Vec<String> {
        let dropped = self.judged.runs.drop(is_allowed);
        if !dropped.is_empty() {
            let changes = members::without_dropped(|| self.object.current(), self.table, &self.judged.runs);
            self.change(changes);
        }
        dropped
    }

    pub(crate) fn server_state(&self) -> bool {
        self.judged.state
    }

    /// Returns true if the body differs from the original text.
    pub(crate) fn is_changed(&self) -> bool {
        self.rewritten || self.object.is_changed()
    }

    /// Replaces the text below the changes of members.
    pub(crate) fn rewrite(&mut self, text: Vec<u8>) {
        self.object.replace_text(text);
        self.rewritten = true;
    }

    /// Changes members of the current object.
    fn change(&mut self, changes: MemberChanges) {
        match changes {
            MemberChanges::Few(changes) => {
                for (name, text) in changes {
                    self.object.put(name, text);
                }
            }
            MemberChanges::Whole(text) => {
                self.object.replace_current(text);
                self.rewritten = true;
            }
        }
    }

    /// Leaves out the members that no table knows and `allow` does not list, and returns them.
    pub(crate) fn drop_unknown(&mut self, allow: &[String]) -> UnknownMembers {
        let mut unknown = UnknownMembers::default();
        if std::mem::take(&mut self.judged.has_unknown) {
            let changes = members::without_unknown(|| self.object.current(), self.table, allow, &mut unknown);
            self.change(changes);
        }
        unknown
    }

    /// Lowers every limit of output tokens to `max`.
    pub(crate) fn clamp(&mut self, max: u64) {
        if self.judged.has_limit {
            let changes = members::clamp(|| self.object.current(), self.table, max);
            self.change(changes);
        }
    }

    /// Sets a limit of output tokens in an object of the request, if it has none there.
    pub(crate) fn limit_in(&mut self, object: &str, limit: &str, max: u64) {
        let now = self.get(object).unwrap_or(Span::new(b"{}"));
        if !is_limit(now.get(limit)) {
            let limited = with_member(now, limit.to_owned(), Some(max.to_string()));
            self.set(object.to_owned(), limited);
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
