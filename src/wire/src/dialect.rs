//! The traits of every dialect: one LLM API's requests, answers, streams and errors in the same terms.
//!
//! A dialect is stateless. It reads bytes into a [`Request`], an [`Answer`] or a [`Stream`], which the engine changes and writes
//! back in the same format. `docs/contribute/adding-a-dialect.md` says how to add one.

use std::fmt::Debug;

use callgate_json::Value;

use crate::framing::{Frame, Framing};
use crate::skeleton::document::RequestScan;
use crate::usage::word_bytes;
use crate::{
    AnswerError, ApiError, Call, CallResult, ChoiceIndex, Declaration, Declared, Delta, End, Fate, Form, Part,
    ReleasePolicy, Replacements, ReportedUsage, RequestError, StreamError, Target, UnknownMembers,
};

/// One LLM API's wire format.
pub trait Dialect: Debug + Sync {
    /// The framing of its streams.
    fn framing(&self) -> Framing;

    /// Reads a request. If the path has the model or the wish for a stream, the dialect reads them from `target`.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, a member that is decided on has a wrong type, or a tool is
    /// declared twice.
    fn read_request(&self, target: &Target<'_>, body: Vec<u8>) -> Result<Box<dyn Request>, RequestError> {
        self.read_scanned(target, body, self.scan_request())
    }

    /// Begins the check of a request while it arrives.
    fn scan_request(&self) -> RequestScan;

    /// Reads a request whose beginning was checked while it arrived.
    ///
    /// # Errors
    /// As [`Dialect::read_request`]. If the check refused the request before its end, the error is the same.
    fn read_scanned(
        &self,
        target: &Target<'_>,
        body: Vec<u8>,
        scan: RequestScan,
    ) -> Result<Box<dyn Request>, RequestError>;

    /// Reads a request from a copy of `body`.
    ///
    /// # Errors
    /// As [`Dialect::read_request`].
    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn Request>, RequestError> {
        self.read_request(target, body.to_vec())
    }

    /// Reads a whole answer to `request`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON in the API's format, a call stands in a wrong place, or a part is of an
    /// unknown kind or runs at the provider unasked.
    fn answer(&self, request: &dyn Request, body: &[u8]) -> Result<Box<dyn Answer>, AnswerError>;

    /// Reads a body that [is an error](Dialect::is_error) or a whole answer to `request`, and keeps it.
    ///
    /// # Errors
    /// As [`Dialect::answer`].
    fn answer_or_error(&self, request: &dyn Request, body: Vec<u8>) -> Result<AnswerOrError, AnswerError>;

    /// A reader and writer for the stream in answer to `request`.
    fn stream(&self, request: &dyn Request) -> Box<dyn Stream>;

    /// The body of an error response.
    fn error(&self, error: &ApiError) -> Vec<u8>;

    /// Returns whether a body is an error in this dialect and nothing else: strict JSON without a call anywhere.
    fn is_error(&self, body: &[u8]) -> bool;
}

/// The body of a response with status 200. Some APIs report errors so.
#[derive(Debug)]
pub enum AnswerOrError<A = Box<dyn Answer>> {
    /// A whole answer.
    Answer(A),
    /// The bytes of an error in the API's format.
    Error(Vec<u8>),
}

/// The kind of answer a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// One turn of the model, as one JSON body.
    Whole,
    /// One turn of the model, as a stream.
    Stream,
    /// A number, such as how many tokens the request has: no turn, and nothing in it can be a call.
    Count,
    /// A shorter conversation, as one JSON body: items for later requests, and no turn. A call in it is refused.
    Compact,
}

/// The name of the member for the limit of output tokens in Chat Completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputLimit {
    /// The request's own name; else the model's: `max_completion_tokens` for OpenAI's newer models and for Azure, `max_tokens`
    /// for all others.
    #[default]
    Auto,
    /// `max_tokens`, which every imitator knows.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// A request that was read, and perhaps changed since. Unchanged members keep their bytes.
pub trait Request: Debug {
    /// Every model that may answer.
    fn models(&self) -> Vec<&str>;

    /// The kind of answer it wants.
    fn wants(&self) -> Wants;

    /// The number of alternatives it asks for.
    fn choices(&self) -> u64 {
        1
    }

    /// Returns true if the stream is to end with the usage, in APIs that leave this to the caller.
    fn include_usage(&self) -> bool {
        false
    }

    /// Asks for the usage at the end of the stream, in APIs that leave this to the caller. If the client did not ask, the stream
    /// [hides](Request::hides_usage) it.
    fn ask_for_usage(&mut self) {}

    /// Returns true if the gate alone has asked for the usage: the stream leaves out what the client would not have got.
    fn hides_usage(&self) -> bool {
        false
    }

    /// Returns true if the conversation continues from state of the provider that this request does not carry.
    fn server_state(&self) -> bool {
        false
    }

    /// The tools the provider itself would run, by the API's names (`web_search`, `mcp`).
    fn provider_tools(&self) -> Vec<&str>;

    /// Returns true if the API takes a tool of this name.
    fn accepts_name(&self, name: &str) -> bool;

    /// The functions it declares.
    fn declared(&self) -> &[Declared];

    /// The tools it names as the ones to call.
    fn chosen(&self) -> Vec<&str>;

    /// Shows the parts of the conversation to `each`, in their order: instructions first, then the turns, with those
    /// [appended](Request::append_turn) since.
    fn conversation<'t>(&'t self, each: &mut dyn FnMut(Part<'t>));

    /// Shows the parts of the conversation as [`Request::conversation`] does, and puts the new texts that `edit` notes into the request.
    /// Without a new text nothing changes. Returns false if a new text is for a value of something else.
    fn edit_conversation(&mut self, edit: &mut dyn FnMut(Part<'_>, &mut Replacements)) -> bool;

    /// Replaces the declarations of one form by these: of each only name, description and parameters are written. Tools of the
    /// provider stay. An empty list is left out.
    fn declare(&mut self, declarations: &[&Declaration], form: Form);

    /// Leaves out the unknown members `allow` does not list, by names or dotted paths. Returns their names.
    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers;

    /// Takes out the tools of the provider that are not allowed, and all that belongs to them. Returns their names.
    ///
    /// A tool stays if the request also names it in a part that must stay, such as the model or an item of the conversation. The lists of
    /// tools change only in [`declare`](Request::declare), and the choice among tools only in [`limit_choice`](Request::limit_choice).
    fn drop_provider_tools(&mut self, is_allowed: &dyn Fn(&str) -> bool) -> Vec<String>;

    /// Returns true if a call has the form and the namespace of the declaration of its tool, so that the client takes it for a call
    /// of this tool.
    ///
    /// A tool that the request does not declare can be called as a function. In other forms, and in a namespace, only if the
    /// declaration may be part of [state](Request::server_state) at the provider.
    fn fits(&self, call: &Call) -> bool;

    /// Chooses the name of the limit [`Request::clamp_output_tokens`] sets, if the API knows several.
    fn name_output_limit(&mut self, _name: OutputLimit) {}

    /// Lowers the limits of output tokens to `max`, or sets one if there are none. A request that [wants](Wants) a count has no
    /// limit, and one that wants a shorter conversation gets none.
    fn clamp_output_tokens(&mut self, max: u64);

    /// Asks for a whole answer instead of a stream.
    fn answer_whole(&mut self);

    /// Leaves it to the model whether it calls a tool, if the request forced it to. The forced call has been made, and a model
    /// forced again could never answer.
    fn free_choice(&mut self);

    /// Takes the tools that are not offered out of the choice, and the provider's that were
    /// [taken out](Request::drop_provider_tools). A choice of no other tool is left to the model, or to the API if no tool is left.
    fn limit_choice(&mut self, tools_left: bool, is_offered: &dyn Fn(&str) -> bool);

    /// Appends a turn of the model that ended in calls ([`Answer::turn`], with the calls in their places or last), and the results.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]);

    /// The path and query to send it to, if they differ from those it came to.
    fn target(&self) -> Option<String> {
        None
    }

    /// The number of bytes it keeps until its answer is complete.
    fn held(&self) -> usize;

    /// The request's bytes.
    fn write(&self) -> Vec<u8>;
}

/// A whole answer that was read, and perhaps changed since. Unchanged members keep their bytes.
pub trait Answer: Debug {
    /// The number of alternatives.
    fn choices(&self) -> usize;

    /// The calls of one alternative, in order.
    fn calls_of(&self, choice: ChoiceIndex) -> &[Call];

    /// The calls of each alternative, in order.
    fn calls(&self) -> Vec<&[Call]> {
        (0..self.choices()).map(|position| self.calls_of(ChoiceIndex::at(position))).collect()
    }

    /// Gives the calls of one alternative their fates: one for each of its [calls](Answer::calls), in order.
    ///
    /// A text in place of a call stands at the call's place ([`ReleasePolicy::Call`]) or after all else
    /// ([`ReleasePolicy::Turn`]), as in a stream. If no call is left, the reason to end no longer names calls. Copies of the
    /// calls (log probabilities, a copy of the turn) are removed with them. If nothing differs, nothing changes.
    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, hold: ReleasePolicy);

    /// The turn of one alternative without its calls, in the dialect's own terms: for [`Request::append_turn`] and
    /// [`Answer::prepend`] only.
    fn said(&self, choice: ChoiceIndex) -> Vec<Value>;

    /// The same, with a `null` in the place of each call if the order of calls and other blocks counts.
    fn turn(&self, choice: ChoiceIndex) -> Vec<Value> {
        self.said(choice)
    }

    /// Puts earlier turns before each alternative, and adds their usage.
    fn prepend(&mut self, earlier: &[Earlier]);

    /// The turn's usage, if the answer has it.
    fn usage(&self) -> Option<Value>;

    /// The tokens of this turn as the answer came, without those of [earlier turns](Answer::prepend).
    fn reported_usage(&self) -> ReportedUsage;

    /// The answer's bytes.
    fn write(&self) -> Vec<u8>;
}

/// The rest of an earlier turn of the same exchange, for the client's one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    /// Its [blocks](Answer::turn).
    pub said: Vec<Value>,
    /// Its usage.
    pub usage: Option<Value>,
}

/// A stream under way: read event by event, and written for the client.
///
/// It counts its own output (positions of blocks, sequence numbers, the items of the closing event), so the engine must forward
/// everything in the order in which it was read or written here. Of calls it gives out nothing but [fragments](Delta::Fragment),
/// which carry no bytes. [`Stream::call`] writes the released calls.
pub trait Stream: Debug {
    /// Reads one event: first its fragments of calls, then its other news, then the ends it brings.
    ///
    /// # Errors
    /// [`StreamError`] for data other than strict JSON, members of a wrong type, calls in wrong places, events of an unknown
    /// kind. The stream cannot be trusted any further then.
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError>;

    /// Takes an event that differs from an earlier one in text only: it is forwarded with its bytes, and that is all of its news. Returns
    /// false, and changes nothing, if the event has to be [read](Stream::read).
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool;

    /// Takes the end of the upstream's stream. Gives out the news it held until nothing could follow, such as the finish of a
    /// choice with possible further calls.
    ///
    /// # Errors
    /// [`StreamError`] if the held news cannot be completed.
    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        Ok(Vec::new())
    }

    /// Writes one whole call as events.
    fn call(&mut self, choice: ChoiceIndex, call: &Call) -> Vec<u8>;

    /// Writes a text of ours as events, in a paragraph or block of its own.
    fn text(&mut self, choice: ChoiceIndex, text: &str) -> Vec<u8>;

    /// Writes the end of a choice from [`Delta::Finish`]. It corrects an end with calls that were not released.
    fn finish(&mut self, choice: ChoiceIndex, end: End) -> Vec<u8>;

    /// The number of alternatives so far.
    fn choices(&self) -> usize;

    /// The turn of one alternative so far, without its calls, as [`Answer::said`].
    fn said(&self, choice: ChoiceIndex) -> Vec<Value>;

    /// The same, with a `null` in the place of each call, as [`Answer::turn`].
    fn turn(&self, choice: ChoiceIndex) -> Vec<Value> {
        self.said(choice)
    }

    /// The tokens of the turn, as far as they have been reported.
    fn reported_usage(&self) -> ReportedUsage;

    /// The bytes of the turn's texts so far, without those of calls. Not cheap: for turns without a usage.
    fn said_bytes(&self) -> usize {
        let said = (0..self.choices()).flat_map(|position| self.said(ChoiceIndex::at(position)));
        said.fold(0, |sum, value| sum.saturating_add(word_bytes(&value)))
    }

    /// Returns true if the stream may end here, with nothing essential missing.
    fn is_complete(&self) -> bool;

    /// Writes the rest of the stream if `answer` follows its turn, the bytes of a whole answer of this dialect: its text, its
    /// end, and the end of the stream. The usage of the streamed turn is added.
    fn append(&mut self, answer: &[u8]) -> Vec<u8>;

    /// An error as the stream's last event.
    fn error(&mut self, error: &ApiError) -> Vec<u8>;

    /// Returns true if a client may take a stream that ends after its error for a whole answer. The stream is cut then.
    fn is_cut_after_error(&self) -> bool {
        false
    }
}
