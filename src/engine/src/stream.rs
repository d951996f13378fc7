//! A streamed turn: text goes on as it arrives, what is undecided is held.
//!
//! 1. Bytes become frames (bounded), frames become deltas.
//! 2. A delta that carries no call goes on at once.
//! 3. A fragment of a call is added to its call and goes nowhere. As soon as what has come of its name begins no name that the
//!    caller's role may use, the call is lost whatever follows, and its arguments are dropped unread.
//! 4. A call that is complete is decided and released or replaced: each by itself where no later call can take it back
//!    ([`ReleasePolicy::Call`]) and the dialect says where it ends, else all of a choice when that finishes.
//! 5. If the plan is to ask the model again, the finish is held too, and the stream's end starts the next round; its answer is
//!    appended to the stream.
//!
//! What is held: the calls of unfinished choices and one incomplete frame, together at most `responseBytes`, which bounds
//! the whole stream. Not covered: a choice that finishes twice with calls both times is an error, not two turns.

use std::collections::BTreeMap;

use callgate_wire::framing::{Decoder, Frame, FrameError};
use callgate_wire::{Call, ChoiceIndex, Delta, Earlier, End, Fate, Form, ReleasePolicy, Stream};

use crate::ledger::Ledger;
use crate::plan::{Plan, plan};
use crate::request::Asked;
use crate::settle::{Before, settle};
use crate::tool_results::Next;
use crate::unary::{too_large, too_many_values};
use crate::weight;
use crate::{Code, Gate, Refusal, Tally};

/// Characters of a lost call's name that are kept, for the sentence that tells of it.
const NAME_TOLD: usize = 64;

/// A streamed turn under way.
#[derive(Debug)]
pub(crate) struct StreamTurn {
    pub(crate) asked: Asked,
    pub(crate) stream: Box<dyn Stream>,
    decoder: Decoder,
    choices: BTreeMap<ChoiceIndex, Choice>,
    before: Before,
    bytes: u64,
    /// The bytes that the trees of the events may take beyond their text.
    trees: usize,
    /// The plan to ask again, once a choice made it; the stream's end carries it out.
    again: Option<Next>,
}

/// The calls of one choice that are not decided yet.
#[derive(Debug, Default)]
struct Choice {
    calls: BTreeMap<u32, Held>,
    finished: bool,
}

/// A call of which not all has come.
#[derive(Debug)]
enum Held {
    /// What has come so far.
    Open(Call),
    /// It can only be refused: its name begins no name that may be used.
    Lost(Call),
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

/// What the steps of a stream work with.
pub(crate) struct Desk<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) tally: &'a mut Tally,
    pub(crate) ledger: &'a mut Ledger,
    /// What may go on.
    pub(crate) out: &'a mut Vec<u8>,
}

// === impl StreamTurn ===

impl StreamTurn {
    pub(crate) fn new(gate: &Gate, asked: Asked) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self {
            stream: asked.dialect.stream(&*asked.request),
            decoder: Decoder::new(asked.dialect.framing(), most),
            before: Before::new(asked.round),
            asked,
            choices: BTreeMap::new(),
            bytes: 0,
            trees: 0,
            again: None,
        }
    }

    /// Returns the bytes that it holds. A stream counts with all its bytes, because what it said is kept.
    pub(crate) fn held(&self) -> usize {
        self.asked.request.held().saturating_add(self.said()).saturating_add(self.decoder.held())
    }

    /// Returns the bytes of the events so far, and of what is kept of them.
    pub(crate) fn said(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_add(self.trees)
    }

    /// Takes bytes.
    pub(crate) fn data(&mut self, desk: &mut Desk<'_>, chunk: &[u8]) -> Result<Progress, Refusal> {
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        let progress = self.frames(desk, frames)?;
        // After what fits in the bound went on, so that where a chunk is cut changes nothing.
        decoded.map_err(|error| unframed(desk.gate, error))?;
        Ok(progress)
    }

    /// The stream ended.
    pub(crate) fn end(&mut self, desk: &mut Desk<'_>) -> Result<Progress, Refusal> {
        let truncated = || Refusal::new(Code::UpstreamTruncated, "The model's answer ended before it was complete.");
        // An event without its end: some clients read it, so it is decided too.
        if let Some(frame) = self.decoder.finish().map_err(|_| truncated())? {
            // One that lost what it carries would be an event with nothing in it to a client.
            if frame.data.is_none() && frame.strays.is_empty() && !self.stream.is_complete() {
                return Err(truncated());
            }
            let before = desk.out.len();
            let progress = self.frames(desk, vec![frame]).map_err(|_| truncated())?;
            if !matches!(progress, Progress::Open) {
                return Ok(progress);
            }
            if desk.out.len() > before && !self.stream.is_complete() {
                desk.out.extend_from_slice(self.decoder.terminator());
            }
        }
        let held_back = self.stream.end().map_err(|_| truncated())?;
        match self.deltas(desk, held_back)? {
            Progress::Open => {}
            progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
        }
        if !self.stream.is_complete() || self.choices.values().any(|choice| !choice.calls.is_empty()) {
            return Err(truncated());
        }
        Ok(self.again.take().map_or(Progress::Complete, Progress::Again))
    }

    fn frames(&mut self, desk: &mut Desk<'_>, frames: Vec<Frame>) -> Result<Progress, Refusal> {
        let most = desk.gate.contract.limits().response_bytes;
        for frame in frames {
            self.bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if self.bytes > most {
                return Err(too_large(desk.gate, "model's API"));
            }
            let excess = weight::excess(frame.data.as_deref().unwrap_or_default());
            if excess > weight::MOST {
                return Err(too_many_values());
            }
            self.trees = self.trees.saturating_add(excess);
            let deltas = self.stream.read(frame).map_err(|error| {
                Refusal::new(Code::UpstreamInvalid, format!("An event of the model's answer cannot be read: {error}"))
            })?;
            self.asked.check_choices(self.stream.choices())?;
            match self.deltas(desk, deltas)? {
                Progress::Open => {}
                progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
            }
        }
        Ok(Progress::Open)
    }

    fn deltas(&mut self, desk: &mut Desk<'_>, deltas: Vec<Delta>) -> Result<Progress, Refusal> {
        for delta in deltas {
            match self.delta(desk, delta)? {
                Progress::Open => {}
                progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
            }
        }
        Ok(Progress::Open)
    }

    fn delta(&mut self, desk: &mut Desk<'_>, delta: Delta) -> Result<Progress, Refusal> {
        match delta {
            Delta::Forward { frame } => desk.out.extend_from_slice(&frame),
            Delta::Fragment { choice, slot, call } => self.fragment(desk.gate, choice, slot, call)?,
            Delta::CallEnd { choice, slot } => self.call_end(desk, choice, slot)?,
            Delta::Finish { choice, end } => self.finish(desk, choice, end)?,
            Delta::Usage { frame } => {
                if self.again.is_none() {
                    desk.out.extend_from_slice(&frame);
                }
            }
            Delta::Error { frame } => {
                desk.out.extend_from_slice(&frame);
                return Ok(Progress::Complete);
            }
            Delta::Done { frame } => {
                return Ok(match self.again.take() {
                    Some(next) => Progress::Again(next),
                    None => {
                        desk.out.extend_from_slice(&frame);
                        Progress::Complete
                    }
                });
            }
        }
        Ok(Progress::Open)
    }

    fn fragment(&mut self, gate: &Gate, choice: ChoiceIndex, slot: u32, piece: Call) -> Result<(), Refusal> {
        let choice = self.choices.entry(choice).or_default();
        if choice.finished {
            return Err(Refusal::new(Code::UpstreamInvalid, "The model's answer went on with a call after its end."));
        }
        let blank = Call { form: piece.form, ..Call::default() };
        let held = choice.calls.entry(slot).or_insert(Held::Open(blank));
        held.add(piece);
        if let Held::Open(call) = held
            && !call.name.is_empty()
            && !gate.contract.role(&self.asked.caller.role).is_some_and(|role| role.may_use_one_named(&call.name))
        {
            let call = std::mem::take(call);
            *held = Held::Lost(Call { arguments: String::new(), ..call });
        }
        Ok(())
    }

    /// A call is complete: where it can go on by itself, it does.
    fn call_end(&mut self, desk: &mut Desk<'_>, choice: ChoiceIndex, slot: u32) -> Result<(), Refusal> {
        if self.asked.hold == ReleasePolicy::Turn {
            return Ok(());
        }
        let Some(held) = self.choices.get_mut(&choice).and_then(|choice| choice.calls.remove(&slot)) else {
            return Ok(());
        };
        self.decide(desk, choice, vec![held.call()])
    }

    /// A choice is complete: what is left of its calls is decided now.
    fn finish(&mut self, desk: &mut Desk<'_>, index: ChoiceIndex, end: End) -> Result<(), Refusal> {
        let choice = self.choices.entry(index).or_default();
        choice.finished = true;
        let calls: Vec<Call> = std::mem::take(&mut choice.calls).into_values().map(Held::call).collect();
        if !calls.is_empty() {
            self.decide(desk, index, calls)?;
        }
        if self.again.is_none() {
            desk.out.extend_from_slice(&self.stream.finish(index, end));
        }
        Ok(())
    }

    fn decide(&mut self, desk: &mut Desk<'_>, choice: ChoiceIndex, calls: Vec<Call>) -> Result<(), Refusal> {
        let alone = self.asked.request.choices() == 1;
        let decided = settle(desk.gate, &self.asked.caller, choice, calls, &mut self.before, desk.ledger);
        desk.tally.count(&decided);
        match plan(desk.gate, decided, self.asked.round, alone) {
            Plan::Fail(refusal) => return Err(refusal),
            Plan::Again { run, refused } => {
                let said = Earlier { said: self.stream.said(choice), usage: None };
                self.again = Some(Next { said, run, refused });
            }
            Plan::Release(fates) => {
                desk.tally.release(&fates);
                for fate in fates {
                    let bytes = match fate {
                        Fate::Keep(call) => self.stream.call(choice, &call),
                        Fate::Replace(notice) => self.stream.text(choice, &notice),
                    };
                    desk.out.extend_from_slice(&bytes);
                }
            }
        }
        Ok(())
    }
}

// === impl Held ===

impl Held {
    fn add(&mut self, piece: Call) {
        let (Self::Open(Call { form, .. }) | Self::Lost(Call { form, .. })) = self;
        if matches!(piece.form, Form::Custom | Form::Unclear) {
            *form = piece.form;
        }
        match self {
            Self::Open(call) => {
                // Some APIs repeat the id in every fragment.
                if call.id != piece.id {
                    call.id.push_str(&piece.id);
                }
                call.name.push_str(&piece.name);
                call.arguments.push_str(&piece.arguments);
                call.extra.extend(piece.extra);
            }
            Self::Lost(call) => {
                if call.id.is_empty() {
                    call.id = piece.id;
                }
                let room = NAME_TOLD.saturating_sub(call.name.chars().count());
                call.name.extend(piece.name.chars().take(room));
            }
        }
    }

    fn call(self) -> Call {
        let (Self::Open(call) | Self::Lost(call)) = self;
        call
    }
}

fn unframed(gate: &Gate, error: FrameError) -> Refusal {
    match error {
        FrameError::TooLong { .. } => too_large(gate, "model's API"),
        FrameError::Corrupt { .. } => {
            Refusal::new(Code::UpstreamInvalid, format!("The model's answer cannot be read: {error}."))
        }
    }
}
