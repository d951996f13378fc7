//! Turns that are lists of blocks, as Anthropic Messages and Bedrock Converse have them: their streams ([`BlockStream`]) and, with
//! [`crate::skeleton::list`], their whole answers. A dialect supplies a [`BlockFormat`].
//!
//! Rules for streams:
//!
//! 1. The upstream's index identifies a block while it is open. Blocks may overlap, stop late or never, and begin in any order;
//!    an index whose block has stopped may be used again.
//! 2. The stream forwards a block without a call as it arrives. The client sees one open block at a time, because some official
//!    SDKs (Go, TypeScript) take each delta for the last block. If another block begins or a call is released, the stream stops
//!    the open one; if more of it arrives, the stream resumes it as a further block.
//! 3. Written blocks are numbered from 0 without gaps. An event whose number does not change keeps its bytes.
//! 4. A call gives fragments and then its end. Ends are given out in the order in which the calls began, when a block stops.
//! 5. The stream holds the event that ends the turn until its last event, because calls may follow. If there are two, the members
//!    of the later one win, as in the SDKs.
//! 6. Events, blocks and deltas of unknown kinds are dropped if nothing in them resembles a call ([`crate::unknown`]).

mod call;
mod calls;
mod errors;
mod event;
mod output;
mod stream;
mod thoughts;
mod write;

use std::fmt::Debug;

use callgate_json::{Item, Map, Value};

pub(crate) use call::{Start, call_id};
pub(crate) use errors::reports_error;
pub(crate) use event::{BlockEvent, read_members};
pub(crate) use stream::BlockStream;
pub(crate) use thoughts::{for_client, with_calls};
pub(crate) use write::{WholeBlock, start_event};

use crate::framing::Frame;
use crate::usage::Figures;
use crate::{ApiError, Call, ReportedUsage, ShapeError, StreamError};

/// The reason to end of a turn with calls, and of a turn without.
pub(crate) const NAMES_CALLS: &str = "tool_use";
pub(crate) const NO_CALLS: &str = "end_turn";
/// The member with the usage, in answers and in events.
pub(crate) const USAGE: &str = "usage";

/// One dialect's blocks, in whole answers and in streams.
pub trait BlockFormat: Debug + Clone + 'static {
    /// A block without a call in a stream.
    type TextBlock: TextBlock;

    /// The members of an answer that are decided on.
    const ANSWER_MEMBERS: &'static [&'static str];
    /// The path to an answer's content.
    const CONTENT: &'static [&'static str];
    /// The member of an answer with the reason to end.
    const STOP_REASON: &'static str;
    /// Members of an answer with the model's turn in its own words.
    const REPEATS: &'static [&'static str];
    /// The path, in a block, to the object with the members of a call.
    const CALL: &'static [&'static str];
    /// The member of a call with its identifier.
    const CALL_ID: &'static str;
    /// The member of an event with a block's number.
    const INDEX: &'static str;
    /// The types of the events of a block.
    const EVENTS: EventTypes;

    /// The blocks of an answer's content. A call outside of it is an error.
    fn content(answer: Item<'_>) -> Result<Item<'_>, ShapeError>;

    /// Reads the kind of a block of an answer to a request that makes the provider run the tools `provided`. A block of another tool
    /// is an error, and so is one that could carry a call unseen.
    fn kind<S: AsRef<str>>(block: &Map<String, Value>, provided: &[S]) -> Result<BlockKind, ShapeError>;

    /// The object with the members of a call, in its block.
    fn call_in(block: &Map<String, Value>) -> Result<&Map<String, Value>, ShapeError>;

    /// Reads a call but for its input.
    fn call_start(call: &Map<String, Value>) -> Result<Start, ShapeError>;

    /// The members of a call, without its arguments.
    fn call_members(call: &Call) -> Map<String, Value>;

    /// Returns true if a call's block may keep the text of its arguments.
    fn keeps_arguments(old: &Call, kept: &Call) -> bool;

    /// A block with a text.
    fn text_block(text: &str) -> Value;

    /// Returns true for a block with a thought of the model.
    fn is_thought(block: &Value) -> bool;

    /// Returns true for such a block with a signature, or with nothing but encrypted words.
    fn is_signed(block: &Value) -> bool;

    /// Returns false for a block the API does not take back.
    fn says_something(_block: &Value) -> bool {
        true
    }

    /// Reads one event.
    fn read(frame: Frame, provided: &[String]) -> Result<Meaning<Self::TextBlock>, StreamError>;

    /// Begins a block from its first delta, if the upstream sent no start for it. The delta of a call is an error.
    fn implied(delta: &Map<String, Value>) -> Result<Self::TextBlock, ShapeError>;

    /// The block of a stop alone; `None` if the dialect has no such block.
    fn empty() -> Option<Self::TextBlock>;

    /// A piece of a call's input in a delta. A delta of another call than `start` is an error.
    fn piece(event: &BlockEvent, start: &Start) -> Result<String, ShapeError>;

    /// The delta with the whole input of a call.
    fn input_delta(arguments: &str) -> Value;

    /// Reads the tokens in a usage.
    fn usage(usage: impl Figures) -> ReportedUsage;

    /// The bytes of one event.
    fn event(kind: &str, body: &Value) -> Vec<u8>;

    /// The members of each event of the block number `place`.
    fn numbered(kind: &str, place: u32) -> Map<String, Value>;

    /// The event that begins a block again as number `place`; empty if such blocks need none, `None` if they cannot be split.
    fn resume(place: u32, block: &Self::TextBlock) -> Option<Vec<u8>>;

    /// Splits a block without a call into its events; `None` if streams have no such block.
    fn split(block: &Value) -> Option<WholeBlock>;

    /// Corrects an event that closes a turn with a call that was not released; `none_left` if none was. Returns true if the event
    /// changed.
    fn correct(kind: &str, body: &mut Map<String, Value>, none_left: bool) -> bool;

    /// The events that end a turn. `closing` has the members of a whole answer but its content.
    fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8>;

    /// An error as the stream's last event.
    fn error(error: &ApiError) -> Vec<u8>;
}

/// The types of the events of a block, and the first one's member with the start.
#[derive(Debug, Clone, Copy)]
pub struct EventTypes {
    pub start: &'static str,
    pub start_member: &'static str,
    pub delta: &'static str,
    pub stop: &'static str,
}

/// A kind of block in a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A call, which the client runs.
    Call,
    /// Each other known kind.
    Text,
    /// An unknown kind without a call, which is dropped.
    Unknown,
}

/// A block without a call in a stream: forwarded as it arrives, and kept for further rounds.
pub trait TextBlock: Debug {
    /// A delta to compare with.
    type FastPath: Debug;

    /// Takes a delta.
    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Growth, ShapeError>;

    /// Learns from a parsed delta.
    fn learn(&self, event: &BlockEvent) -> Option<Self::FastPath>;

    /// Takes an event that differs from the learned delta in text only; `None` if it does not fit.
    fn replay(&mut self, learned: &Self::FastPath, event: Option<&str>, data: &[u8]) -> Option<()>;

    /// Returns true if it is a thought of the model.
    fn is_thought(&self) -> bool;

    /// The same as blocks of a whole answer.
    fn whole(&self) -> Vec<Value>;
}

/// The effect of a delta on its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// The block has more in it now.
    More,
    /// The block stays as it is.
    Nothing,
    /// The delta is of an unknown kind and carries no call.
    Unknown,
}

/// The meaning of one event.
#[derive(Debug)]
pub enum Meaning<T> {
    /// No part of the turn: forwarded.
    Pass(Vec<u8>),
    /// An unknown kind without a call, which is dropped.
    Drop,
    /// The upstream's error.
    Error(Vec<u8>),
    /// The message begins.
    Begin(BlockEvent, Value),
    /// A block begins.
    Start(BlockEvent, BlockStart<T>),
    /// A block has more.
    Delta(BlockEvent),
    /// A block is complete.
    Stop(BlockEvent),
    /// The turn ends, perhaps with a reason.
    Close { event: BlockEvent, usage: Value, reason: bool },
    /// The turn's usage, in an event after its end.
    Usage(BlockEvent, Value),
    /// The stream ends.
    Over(Vec<u8>),
}

/// A new block.
#[derive(Debug)]
pub enum BlockStart<T> {
    /// Without a call.
    Text(T),
    /// A call.
    Call(Start),
    /// An unknown kind without a call, which is dropped.
    Unknown,
}
