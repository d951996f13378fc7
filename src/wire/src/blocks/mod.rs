//! The block machine: turns that are lists of blocks, as Anthropic Messages and Bedrock Converse have them.
//!
//! Rules for streams ([`Stream`]):
//!
//! 1. The upstream's index identifies a block while it is open. Blocks may overlap, stop late or never, and begin in any order;
//!    an index whose block has stopped may be used again.
//! 2. A block without a call is forwarded as it arrives. The client sees one open block at a time, because some official SDKs
//!    (Go, TypeScript) take each delta for the last block. If another block begins or a call is released, the machine stops
//!    the open one; if more of it arrives, the machine resumes it as a further block.
//! 3. Written blocks are numbered from 0 without gaps. An event whose number does not change keeps its bytes.
//! 4. A call gives fragments and then its end. Ends are given out in the order in which the calls began, when a block stops.
//! 5. The event that ends the turn is held until the last event of the stream, because calls may follow it. If there are two,
//!    the members of the later one win, as in the SDKs.
//! 6. Events, blocks and deltas of unknown kinds are dropped if nothing in them resembles a call ([`crate::unknown`]).
//!
//! A dialect supplies a [`Format`]: how its events are read and written. Whole answers share [`Content`].

mod called;
mod calls;
mod content;
mod errors;
mod event;
mod ids;
mod output;
mod stream;

use std::fmt::Debug;

use callgate_json::{Map, Value};

pub(crate) use called::{Start, input};
pub(crate) use content::{Content, Part, Write};
pub(crate) use errors::reports_error;
pub(crate) use event::Event;
pub(crate) use ids::id;
pub(crate) use stream::Stream;

use crate::framing::Frame;
use crate::{ApiError, Call, ShapeError, StreamError};

/// The reason for which a turn ends that ended in calls, and in none.
pub(crate) const NAMES_CALLS: &str = "tool_use";
pub(crate) const NO_CALLS: &str = "end_turn";

/// One dialect's reader and writer of blocks.
pub trait Format: Debug + Sized {
    /// A block without a call.
    type Said: Said;

    /// The member that holds a block's number.
    const INDEX: &'static str;

    /// Reads one event.
    ///
    /// # Errors
    /// [`StreamError`] for data that is not strict JSON, members of a wrong type, and what could carry a call unseen.
    fn read(frame: Frame, provided: &[String]) -> Result<Step<Self::Said>, StreamError>;

    /// Begins a block from its first delta, if the upstream sent no start for it.
    ///
    /// # Errors
    /// [`ShapeError`] if the delta belongs to a call.
    fn implied(delta: &Map<String, Value>) -> Result<Self::Said, ShapeError>;

    /// The block that consists of a stop alone; `None` if the dialect has no such block.
    fn empty() -> Option<Self::Said>;

    /// A piece of a call's input in a delta.
    ///
    /// # Errors
    /// [`ShapeError`] if the delta names another call than `start` or could carry one.
    fn piece(event: &Event, start: &Start) -> Result<String, ShapeError>;

    /// The bytes of one event.
    fn event(kind: &str, body: &Value) -> Vec<u8>;

    /// The event that stops a block.
    fn stop(place: u32) -> Vec<u8>;

    /// The event that begins a block again as number `place`; empty if such blocks need none, `None` if they cannot be split.
    fn resume(place: u32, said: &Self::Said) -> Option<Vec<u8>>;

    /// A block with a text.
    fn text(place: u32, text: &str) -> Vec<u8>;

    /// A block with a call.
    fn call(place: u32, call: &Call) -> Vec<u8>;

    /// A whole block without a call; `None` if streams have no such block.
    fn said(place: u32, block: &Value) -> Option<Vec<u8>>;

    /// Corrects an event that closes a turn in which not every call was released; `none_left` if none was. Returns `true` if the
    /// event changed.
    fn correct(kind: &str, body: &mut Map<String, Value>, none_left: bool) -> bool;

    /// Reads a whole answer: its content, and its other members.
    fn answer(provided: &[&str], text: &[u8]) -> Option<(Content, Map<String, Value>)>;

    /// The events that end a turn. `closing` has the members that [`Format::answer`] returned.
    fn end(closing: &Map<String, Value>, usage: &Value) -> Vec<u8>;

    /// An error as the stream's last event.
    fn error(error: &ApiError) -> Vec<u8>;
}

/// A block without a call: forwarded as it arrives, and kept for further rounds.
pub trait Said: Debug {
    /// A delta to compare with, as `template.rs` says.
    type Plain: Debug;

    /// Takes a delta.
    ///
    /// # Errors
    /// [`ShapeError`] if the delta has members of a wrong type or could carry a call.
    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Taken, ShapeError>;

    /// Learns from a delta that was read in full.
    fn learn(&self, event: &Event) -> Option<Self::Plain>;

    /// Takes a frame that differs from the learnt delta only in its text.
    fn fill(&mut self, plain: &Self::Plain, frame: &Frame) -> Option<()>;

    /// The blocks of a whole answer that say the same.
    fn whole(&self) -> Vec<Value>;
}

/// The effect of a delta on its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The block has more in it now.
    More,
    /// The block stays as it is.
    Nothing,
    /// The delta is of an unknown kind and carries no call.
    Unknown,
}

/// The meaning of one event.
#[derive(Debug)]
pub enum Step<S> {
    /// No part of the turn: forwarded.
    Pass(Vec<u8>),
    /// An unknown kind without a call, which is dropped.
    Drop,
    /// The upstream's error.
    Error(Vec<u8>),
    /// The message begins.
    Begin(Event, Value),
    /// A block begins.
    Start(Event, Begun<S>),
    /// A block has more.
    Delta(Event),
    /// A block is complete.
    Stop(Event),
    /// The turn ends, perhaps with a reason.
    Close { event: Event, usage: Value, reason: bool },
    /// The turn's usage, in an event after its end.
    Usage(Event, Value),
    /// The stream ends.
    Over(Vec<u8>),
}

/// A block that begins.
#[derive(Debug)]
pub enum Begun<S> {
    /// Without a call.
    Said(S),
    /// A call.
    Call(Start),
    /// An unknown kind without a call, which is dropped.
    Unknown,
}
