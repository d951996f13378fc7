//! A streamed turn: text goes on as it arrives, what is undecided is held.
//!
//! 1. Bytes become frames (bounded), frames become deltas.
//! 2. A delta that carries no call goes on at once, its bytes untouched.
//! 3. A fragment of a call is added to its call and goes nowhere.
//! 4. When a choice finishes, its calls are complete: they are decided, and what the plan releases goes on before the finish.
//! 5. If the plan is to ask the model again, the finish is held too, and `[DONE]` (or the end) starts the next round; its
//!    answer is appended to the stream.
//!
//! What is held: the calls of unfinished choices and one incomplete frame, together at most `responseBytes`, which bounds
//! the whole stream. Not covered: a choice that finishes twice with calls both times is an error, not two turns.

use std::collections::BTreeMap;
use std::time::Duration;

use callgate_wire::openai_chat::{DONE, Delta, StreamHead, StreamReader, with_reason};
use callgate_wire::{Call, Form, sse};

use crate::plan::{Plan, plan};
use crate::request::Asked;
use crate::rounds::Next;
use crate::settle::settle;
use crate::whole::{late, too_large, with_notices};
use crate::{Code, Gate, Refusal, Tally};

/// A streamed turn under way.
#[derive(Debug)]
pub(crate) struct StreamTurn {
    pub(crate) asked: Asked,
    decoder: sse::Decoder,
    reader: StreamReader,
    choices: BTreeMap<u32, Choice>,
    calls_before: u32,
    bytes: u64,
    deadline: Duration,
    /// The plan to ask again, once a choice made it; the stream's end carries it out.
    again: Option<Next>,
}

/// One choice of the turn.
#[derive(Debug, Default)]
struct Choice {
    text: String,
    calls: BTreeMap<u32, Call>,
    finished: bool,
}

/// Where a stream stands after some of its bytes.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It goes on.
    Open,
    /// It is complete; nothing of it remains to be said.
    Complete,
    /// The model is asked again.
    Again(Next),
}

impl StreamTurn {
    pub(crate) fn new(gate: &Gate, asked: Asked, deadline: Duration) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self {
            asked,
            decoder: sse::Decoder::new(most),
            reader: StreamReader::new(),
            choices: BTreeMap::new(),
            calls_before: 0,
            bytes: 0,
            deadline,
            again: None,
        }
    }

    /// The head of the stream's events, for those appended to it.
    pub(crate) fn head(&self) -> Result<StreamHead, Refusal> {
        let missing = || Refusal::new(Code::UpstreamInvalid, "The model's answer has a call before its first event.");
        self.reader.head().cloned().ok_or_else(missing)
    }

    /// Takes bytes; what may go on is appended to `out`.
    pub(crate) fn data(
        &mut self,
        gate: &Gate,
        chunk: &[u8],
        now: Duration,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Refusal> {
        let most = gate.contract.limits().response_bytes;
        if now > self.deadline {
            return Err(late());
        }
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        let progress = self.frames(gate, &frames, tally, out)?;
        // After what fits in the bound went on, so that where a chunk is cut changes nothing.
        decoded.map_err(|_| too_large(most))?;
        Ok(progress)
    }

    /// The stream ended.
    pub(crate) fn end(&mut self, gate: &Gate, tally: &mut Tally, out: &mut Vec<u8>) -> Result<Progress, Refusal> {
        let truncated = || Refusal::new(Code::UpstreamTruncated, "The model's answer ended before it was complete.");
        // An event without its blank line: some clients read it, so it is decided too.
        if let Some(frame) = self.decoder.finish() {
            let before = out.len();
            let progress = self.frames(gate, &[frame], tally, out).map_err(|_| truncated())?;
            if !matches!(progress, Progress::Open) {
                return Ok(progress);
            }
            if out.len() > before && !self.is_finished() {
                out.extend_from_slice(b"\n\n");
            }
        }
        if !self.is_finished() {
            return Err(truncated());
        }
        Ok(self.again.take().map_or(Progress::Complete, Progress::Again))
    }

    fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finished)
    }

    fn frames(
        &mut self,
        gate: &Gate,
        frames: &[sse::Frame],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Refusal> {
        let most = gate.contract.limits().response_bytes;
        for frame in frames {
            self.bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if self.bytes > most {
                return Err(too_large(most));
            }
            let deltas = self.reader.read(frame).map_err(|error| {
                Refusal::new(Code::UpstreamInvalid, format!("An event of the model's answer cannot be read: {error}"))
            })?;
            for delta in deltas {
                match self.delta(gate, delta, tally, out)? {
                    Progress::Open => {}
                    progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
                }
            }
        }
        Ok(Progress::Open)
    }

    fn delta(&mut self, gate: &Gate, delta: Delta, tally: &mut Tally, out: &mut Vec<u8>) -> Result<Progress, Refusal> {
        match delta {
            Delta::Forward { frame, text } => {
                for (choice, text) in text {
                    self.choices.entry(choice).or_default().text.push_str(&text);
                }
                out.extend_from_slice(&frame);
            }
            Delta::Fragment { choice, slot, id, name, arguments, form } => {
                let choice = self.choices.entry(choice).or_default();
                if choice.finished {
                    return Err(Refusal::new(
                        Code::UpstreamInvalid,
                        "The model's answer went on with a call after its end.",
                    ));
                }
                let call = choice.calls.entry(slot).or_insert_with(|| blank(form));
                merge(&mut call.id, &id);
                call.name.push_str(&name);
                call.arguments.push_str(&arguments);
            }
            Delta::Finish { choice, reason, frame, usage } => {
                self.finish(gate, choice, &reason, &frame, usage, tally, out)?
            }
            Delta::Usage { frame, usage } => match &mut self.again {
                Some(next) => next.usage.push(usage),
                None => out.extend_from_slice(&frame),
            },
            Delta::Error { frame } => {
                out.extend_from_slice(&frame);
                return Ok(Progress::Complete);
            }
            Delta::Done { frame } => return self.done(gate, &frame, tally, out),
        }
        Ok(Progress::Open)
    }

    /// `[DONE]`: some APIs never send a finish reason; then it finishes every choice that has calls.
    fn done(&mut self, gate: &Gate, frame: &[u8], tally: &mut Tally, out: &mut Vec<u8>) -> Result<Progress, Refusal> {
        let open: Vec<u32> = self
            .choices
            .iter()
            .filter(|(_, choice)| !choice.finished && !choice.calls.is_empty())
            .map(|(index, _)| *index)
            .collect();
        for choice in open {
            let finish = self.head()?.finish(choice, "tool_calls");
            self.finish(gate, choice, "tool_calls", &finish, None, tally, out)?;
        }
        match self.again.take() {
            Some(next) => Ok(Progress::Again(next)),
            None => {
                out.extend_from_slice(frame);
                Ok(Progress::Complete)
            }
        }
    }

    /// A choice is complete: its calls are decided now.
    #[allow(clippy::too_many_arguments, reason = "the parts of one finish event and where its outcome goes")]
    fn finish(
        &mut self,
        gate: &Gate,
        index: u32,
        reason: &str,
        frame: &[u8],
        usage: Option<callgate_json::Value>,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let choice = self.choices.entry(index).or_default();
        choice.finished = true;
        let calls: Vec<Call> = std::mem::take(&mut choice.calls).into_values().collect();
        if calls.is_empty() {
            out.extend_from_slice(frame);
            return Ok(());
        }
        let text = choice.text.clone();
        let alone = self.asked.request.choices() == 1 && self.choices.len() == 1;
        let settled = settle(gate, &self.asked.caller, calls, &mut self.calls_before);
        match plan(gate, tally.count(settled), self.asked.round, alone) {
            Plan::Fail(refusal) => return Err(refusal),
            Plan::Again { run, refused } => {
                self.again = Some(Next { text, run, refused, usage: usage.into_iter().collect() })
            }
            Plan::Release { calls, notices } => {
                tally.release(&calls);
                let head = self.head()?;
                let notice = with_notices(text.clone(), &notices);
                if let Some(notice) = notice.strip_prefix(&text).filter(|notice| !notice.is_empty()) {
                    out.extend_from_slice(&head.text(index, notice));
                }
                for (position, call) in (0u32..).zip(&calls) {
                    out.extend_from_slice(&head.call(index, position, call));
                }
                if calls.is_empty() && matches!(reason, "tool_calls" | "function_call") {
                    out.extend_from_slice(&with_reason(frame, "stop"));
                } else {
                    out.extend_from_slice(frame);
                }
            }
        }
        Ok(())
    }
}

/// The rest of a stream after its last round: the answer's chunks and the end.
pub(crate) fn close(head: &StreamHead, answer: &callgate_wire::openai_chat::Answer, include_usage: bool) -> Vec<u8> {
    let mut bytes = answer.frames(head, include_usage);
    bytes.extend_from_slice(DONE);
    bytes
}

fn blank(form: Form) -> Call {
    Call { id: String::new(), name: String::new(), arguments: String::new(), form }
}

/// Some APIs repeat the id in every fragment.
fn merge(id: &mut String, fragment: &str) {
    if id != fragment {
        id.push_str(fragment);
    }
}
