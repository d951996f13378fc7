//! The shape that every dialect has: one LLM API's requests, answers, streams and errors, told in the same words.
//!
//! A dialect is stateless; what it reads becomes a [`Request`], an [`Answer`] or a [`Stream`], each of which is then rewritten as
//! it is told to and written back in the same format. `README.md` beside this crate says how to add one.

use std::fmt::Debug;

use callgate_json::Value;

use crate::framing::{Frame, Framing};
use crate::{
    AnswerError, ApiError, Call, CallResult, ChoiceIndex, Declaration, Declared, Delta, End, Fate, Form, ReleasePolicy,
    RequestError, StreamError, Target, UnknownMembers,
};

/// One LLM API's wire format.
pub trait Dialect: Debug + Sync {
    /// How its streams are framed.
    fn framing(&self) -> Framing;

    /// Reads a request. Where the API puts the model or the wish for a stream into the path, it is read from `target`.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, has a member of a wrong type among those that are decided on,
    /// or declares a tool twice.
    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn Request>, RequestError>;

    /// Reads a whole answer to `request`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON of the API's shape, has a call where none may stand, or a part of a kind
    /// that is not known or runs at the provider unasked.
    fn answer(&self, request: &dyn Request, body: &[u8]) -> Result<Box<dyn Answer>, AnswerError>;

    /// A reader and writer for the stream that answers `request`.
    fn stream(&self, request: &dyn Request) -> Box<dyn Stream>;

    /// The body of an error response.
    fn error(&self, error: &ApiError) -> Vec<u8>;

    /// Returns whether a body is an error in this dialect and nothing else: strict JSON without a call anywhere.
    fn is_error(&self, body: &[u8]) -> bool;
}

/// What a request wants to be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// One turn of the model, as one JSON body.
    Whole,
    /// One turn of the model, as a stream.
    Stream,
    /// A number, such as how many tokens the request has: no turn, and nothing in it can be a call.
    Count,
}

/// The name of the member that limits output tokens in Chat Completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputLimit {
    /// The name that the request has; else what its model wants: `max_completion_tokens` for OpenAI's newer models and for
    /// Azure, `max_tokens` for all others.
    #[default]
    Auto,
    /// `max_tokens`, which every imitator knows.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// A request that was read, and perhaps changed since. Bytes of what was not changed are kept.
pub trait Request: Debug {
    /// Every model that may come to answer.
    fn models(&self) -> Vec<&str>;

    /// What is to come back.
    fn wants(&self) -> Wants;

    /// How many alternatives of the turn are asked for.
    fn choices(&self) -> u64 {
        1
    }

    /// Whether the stream is to end with what was used, where the API leaves that to the caller.
    fn include_usage(&self) -> bool {
        false
    }

    /// Whether the conversation goes on from state that the provider keeps and this request does not carry.
    fn server_state(&self) -> bool {
        false
    }

    /// What the provider itself would run, by the names that the API gives it (`web_search`, `mcp`).
    fn provider_tools(&self) -> Vec<&str>;

    /// The functions that the request declares.
    fn declared(&self) -> &[Declared];

    /// The tools that the request names as the ones to call.
    fn chosen(&self) -> Vec<&str>;

    /// Replaces the declarations of one form by these: of each only name, description and parameters are written. Tools that
    /// the provider runs stay. A list that would be empty is left out.
    fn declare(&mut self, declarations: &[&Declaration], form: Form);

    /// Leaves out the members that no table knows and `allow` does not list, by names or dotted paths. Returns which these were.
    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers;

    /// True if the request declares or chooses custom tools, whose input is free text. [`Request::declare`] leaves them out.
    fn has_custom_tools(&self) -> bool {
        false
    }

    /// Chooses the name of the limit that [`Request::clamp_output_tokens`] sets, if the API knows several.
    fn name_output_limit(&mut self, _name: OutputLimit) {}

    /// Lowers the limits of output tokens to `max`; sets one if there is none. A request that [wants](Wants) a count has none.
    fn clamp_output_tokens(&mut self, max: u64);

    /// Asks for a whole answer instead of a stream.
    fn answer_whole(&mut self);

    /// Leaves it to the model whether it calls a tool, where the request forced it to: the call that was asked for has been made,
    /// and a model that is forced again could never answer.
    fn free_choice(&mut self);

    /// Takes back a choice of tools that are not declared any more: leaves it to the model, or to the API if no tool is left.
    fn drop_choice(&mut self, tools_left: bool);

    /// Appends a turn of the model that ended in calls (what it [said](Answer::said) beside them, then the calls), and what
    /// those gave.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]);

    /// Path and query to send it to, where they are not those it came to.
    fn target(&self) -> Option<String> {
        None
    }

    /// The bytes that it keeps until its answer is complete.
    fn held(&self) -> usize;

    /// The request's bytes.
    fn write(&self) -> Vec<u8>;
}

/// A whole answer that was read, and perhaps changed since. Bytes of what was not changed are kept.
pub trait Answer: Debug {
    /// The calls of each alternative, in order.
    fn calls(&self) -> Vec<&[Call]>;

    /// Says what becomes of the calls of one alternative: one fate for each of its [calls](Answer::calls), in order.
    ///
    /// What replaces a call stands where it stood ([`ReleasePolicy::Call`]) or after all else ([`ReleasePolicy::Turn`]), as in a stream. Where no
    /// call is left, the reason for which the turn ended no longer names calls. Whatever else repeats the calls (log
    /// probabilities, a copy of the turn) goes with them. Nothing changes where nothing differs.
    fn settle(&mut self, choice: ChoiceIndex, fates: Vec<Fate>, hold: ReleasePolicy);

    /// What one alternative says beside its calls, in the dialect's own terms: for [`Request::append_turn`] and
    /// [`Answer::prepend`] only.
    fn said(&self, choice: ChoiceIndex) -> Vec<Value>;

    /// Puts what earlier turns said before what each alternative says, and adds what those used to the usage.
    fn prepend(&mut self, earlier: &[Earlier]);

    /// What the turn used, if the answer says so.
    fn usage(&self) -> Option<&Value>;

    /// The answer's bytes.
    fn write(&self) -> Vec<u8>;
}

/// What an earlier turn of the same exchange leaves behind for the one answer that the client gets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    /// What it [said](Answer::said).
    pub said: Vec<Value>,
    /// What it used.
    pub usage: Option<Value>,
}

/// A stream under way: read event by event, written as its events are to go on.
///
/// It keeps count of what it wrote (positions of blocks, sequence numbers, the items of the closing event), so everything that
/// goes on must go on in the order in which it was read or written here. Of calls it gives out nothing but
/// [fragments](Delta::Fragment), which carry no bytes; what is released is written anew by [`Stream::call`].
pub trait Stream: Debug {
    /// Reads one event: first the fragments of calls in it, then what else it says, then the ends that it brings.
    ///
    /// # Errors
    /// [`StreamError`] for data that is not strict JSON, members of a wrong type, calls that stand where none may, events of an
    /// unknown kind. The stream cannot be trusted any further then.
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError>;

    /// Takes the end of the upstream's stream: gives out what was held back until it was certain that nothing follows, such as
    /// the finish of a choice after which more calls could come.
    ///
    /// # Errors
    /// [`StreamError`] if what is held back cannot be completed.
    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        Ok(Vec::new())
    }

    /// Events that say one whole call.
    fn call(&mut self, choice: ChoiceIndex, call: &Call) -> Vec<u8>;

    /// Events that say a text of ours, in a paragraph or block of its own.
    fn text(&mut self, choice: ChoiceIndex, text: &str) -> Vec<u8>;

    /// Writes the end of a choice that [`Delta::Finish`] gave out. It corrects an end that tells of calls not released.
    fn finish(&mut self, choice: ChoiceIndex, end: End) -> Vec<u8>;

    /// The alternatives that began so far.
    fn choices(&self) -> usize;

    /// What one alternative said so far, as [`Answer::said`].
    fn said(&self, choice: ChoiceIndex) -> Vec<Value>;

    /// Whether nothing essential is missing if the stream ends here.
    fn is_complete(&self) -> bool;

    /// The rest of the stream where its turn is not finished itself but followed by `answer`, the bytes of a whole answer of this
    /// dialect: what that says, its end, and the end of the stream. What the streamed turn used is added.
    fn append(&mut self, answer: &[u8]) -> Vec<u8>;

    /// An error as the stream's last event.
    fn error(&mut self, error: &ApiError) -> Vec<u8>;
}
