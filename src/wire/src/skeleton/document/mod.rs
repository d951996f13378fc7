//! The request of every dialect: its text, the members which decide something, and the changes since.
//!
//! [`Document`] is the algorithm. A dialect supplies a [`RequestFormat`]: the names of members and the places of tools, limits and
//! turns in its requests.

mod body;
mod custom;
mod endpoint;
mod kept;
mod names;
mod scan;
mod tools;

use std::fmt::Debug;

use callgate_json::Value;

use crate::conversation::Each;
use crate::{
    Call, CallResult, Declaration, Declared, Form, OutputLimit, Part, Replacements, Request, RequestError, Target,
    UnknownMembers, Wants,
};
use body::checked;
pub(crate) use body::{Body, Checked, Draft, model_in_path};
pub(crate) use custom::is_known_format;
pub(crate) use endpoint::Endpoint;
pub(crate) use kept::{PROGRAM, PROGRAMS, callers, callers_left, has_lost_search, kept_members};
pub(crate) use names::NameRule;
pub use scan::RequestScan;
use scan::without_mark;
pub(crate) use tools::{
    List, Replaced, ToolMembers, Tools, add, additional, declare, declared_once, declared_twice, may_bring_tools,
    messages, redeclared,
};

/// A request that was read, and its changes since. Unchanged members keep their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Document<F> {
    pub(crate) body: Body,
    pub(crate) tools: Tools,
    pub(crate) wants: Wants,
    /// The dialect's own state.
    pub(crate) format: F,
}

/// A request that a dialect read. Its text is still the caller's.
#[derive(Debug)]
pub(crate) struct Read<F> {
    pub(crate) draft: Draft,
    pub(crate) tools: Tools,
    pub(crate) wants: Wants,
    /// The dialect's own state.
    pub(crate) format: F,
}

/// The differences of one API's requests from all others.
pub(crate) trait RequestFormat: Debug + Sized {
    /// The member with the conversation.
    const TURNS: &'static str;
    /// The forms in which the API declares functions.
    const FORMS: &'static [Form] = &[Form::Tool];
    /// The API's rule for names of tools: OpenAI's, unless a dialect has another.
    const NAMES: NameRule = NameRule { longest: 64, beside: b"_-", begins_plain: false };

    /// Reads a request sent to `target`, whose text was checked.
    ///
    /// # Errors
    /// As [`Dialect::request`](crate::Dialect::request).
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<Self>, RequestError>;

    /// Returns the number of alternatives asked for.
    fn choices(&self) -> u64 {
        1
    }

    /// Returns true if the stream is to end with the usage.
    fn include_usage(&self) -> bool {
        false
    }

    /// Asks for the usage at the end of the stream.
    fn ask_for_usage(&mut self, _body: &mut Body) {}

    /// Returns true if the gate alone has asked for the usage.
    fn hides_usage(&self) -> bool {
        false
    }

    /// Shows the parts of the conversation.
    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>);

    /// Replaces the declarations of one of the [forms](RequestFormat::FORMS).
    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], form: Form);

    /// Chooses the name of the limit set by the gate, if the API knows several.
    fn name_output_limit(&mut self, _name: OutputLimit) {}

    /// Sets a limit of output tokens unless the request has one. All present limits are at most `max` already.
    fn limit(&self, body: &mut Body, max: u64);

    /// Asks for a whole answer. `streamed` is false if the request did so before.
    fn answer_whole(&mut self, body: &mut Body, streamed: bool);

    /// Leaves a forced choice of tools to the model.
    fn free_choice(&self, body: &mut Body);

    /// Takes out what belongs to tools of the provider that were [dropped](Body::drop_provided), beside members of the
    /// table, declarations, and choices.
    fn drop_provided(&self, _body: &mut Body) {}

    /// Limits the choice of tools, as [`Request::limit_choice`].
    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool);

    /// Writes a turn that ended in calls, and their results, as JSON texts for the [conversation](RequestFormat::TURNS).
    fn turn(&self, body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String>;

    /// Returns path and query if they changed.
    fn target(&self) -> Option<String> {
        None
    }

    /// Returns the number of bytes kept by the request.
    fn held(&self, body: &Body) -> usize {
        body.held()
    }

    /// Returns the bytes of the request.
    fn write(&self, body: &Body) -> Vec<u8> {
        body.write()
    }
}

// === impl Document ===

impl<F: RequestFormat> Document<F> {
    /// Reads a request, and keeps its text. `scan` has checked the beginning of it. A byte order mark before it is skipped.
    pub(crate) fn read(target: &Target<'_>, text: Vec<u8>, scan: RequestScan) -> Result<Document<F>, RequestError> {
        let text = without_mark(text);
        let checked = checked(&text, scan)?;
        let Read { draft, tools, wants, format } = F::read(target, &checked)?;
        drop(checked);
        Ok(Document { body: draft.finish(text), tools, wants, format })
    }
}

impl<F: RequestFormat> Request for Document<F> {
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    fn choices(&self) -> u64 {
        self.format.choices()
    }

    fn include_usage(&self) -> bool {
        self.format.include_usage()
    }

    fn ask_for_usage(&mut self) {
        if self.wants == Wants::Stream {
            self.format.ask_for_usage(&mut self.body);
        }
    }

    fn hides_usage(&self) -> bool {
        self.format.hides_usage()
    }

    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn accepts_name(&self, name: &str) -> bool {
        F::NAMES.accepts(name)
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen.iter().collect()
    }

    fn conversation<'t>(&'t self, each: &mut dyn FnMut(Part<'t>)) {
        F::conversation(&self.body, each);
    }

    fn edit_conversation(&mut self, edit: &mut dyn FnMut(Part<'_>, &mut Replacements)) -> bool {
        let mut new = Replacements::default();
        F::conversation(&self.body, &mut |part| edit(part, &mut new));
        new.put_into(&mut self.body)
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if F::FORMS.contains(&form) {
            self.tools.replace(declarations, form);
            self.format.declare(&mut self.body, declarations, form);
        }
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    fn drop_provider_tools(&mut self, is_allowed: &dyn Fn(&str) -> bool) -> Vec<String> {
        let dropped = self.body.drop_provided(is_allowed);
        if !dropped.is_empty() {
            self.format.drop_provided(&mut self.body);
        }
        dropped
    }

    fn fits(&self, call: &Call) -> bool {
        self.tools.fits(call, self.body.server_state())
    }

    fn name_output_limit(&mut self, name: OutputLimit) {
        self.format.name_output_limit(name);
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        if self.wants != Wants::Compact {
            self.format.limit(&mut self.body, max);
        }
    }

    fn answer_whole(&mut self) {
        let streamed = self.wants == Wants::Stream;
        if streamed {
            self.wants = Wants::Whole;
        }
        self.format.answer_whole(&mut self.body, streamed);
    }

    fn free_choice(&mut self) {
        self.format.free_choice(&mut self.body);
    }

    fn limit_choice(&mut self, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        self.format.limit_choice(&mut self.body, tools_left, is_offered);
    }

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let turn = self.format.turn(&mut self.body, said, results);
        self.body.extend_list(F::TURNS, &turn);
    }

    fn target(&self) -> Option<String> {
        self.format.target()
    }

    fn held(&self) -> usize {
        self.format.held(&self.body)
    }

    fn write(&self) -> Vec<u8> {
        self.format.write(&self.body)
    }
}
