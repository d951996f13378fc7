//! A streamed turn: text is forwarded as it arrives, undecided calls are held.
//!
//! 1. Bytes become frames (bounded), frames become deltas.
//! 2. A delta without a call is forwarded at once.
//! 3. A fragment of a call is added to its call and held. If no tool the caller's role may use has a name with this beginning,
//!    the call is doomed whatever follows, and its arguments are dropped unread.
//! 4. A complete call is decided, and released or replaced. This happens call by call if no later call can take it back
//!    ([`ReleasePolicy::Call`]) and the dialect marks its end, else for a whole choice when it finishes.
//! 5. If the executor must release calls first, everything behind them waits unread ([`Backlog`]).
//! 6. If the plan is to ask the model again, the finish is held too. The stream's end starts the next round, whose answer is
//!    appended to the stream.
//!
//! The calls of unfinished choices and one incomplete frame are held, together at most `responseBytes`, which bounds
//! the whole stream. Not covered: if a choice finishes twice with calls both times, it is an error, not two turns.

use std::collections::BTreeMap;

use callgate_wire::framing::{Decoder, Frame, FrameError};
use callgate_wire::{Call, ChoiceIndex, Delta, Earlier, End, Fate, ReleasePolicy, Stream};

use crate::authorize::resolve;
use crate::backlog::{Asking, Backlog, StreamEnd};
use crate::effect::{ReleaseRule, RunCall};
use crate::event::CallRuling;
use crate::ledger::Ledger;
use crate::plan::{TurnPlan, plan};
use crate::request::CheckedRequest;
use crate::settle::{Decided, TurnSoFar, settle};
use crate::tool_results::Next;
use crate::unary::{too_large, too_many_values};
use crate::usage::{RoundEnd, RoundUsage};
use crate::weight;
use crate::{Code, Gate, Refusal, Tally};

/// The characters kept of a doomed call's name, for the sentence in its place.
const NAME_TOLD: usize = 64;

/// A streamed turn under way.
#[derive(Debug)]
pub(crate) struct StreamTurn {
    pub(crate) checked: CheckedRequest,
    pub(crate) stream: Box<dyn Stream>,
    decoder: Decoder,
    choices: BTreeMap<ChoiceIndex, PendingChoice>,
    before: TurnSoFar,
    bytes: u64,
    /// The bytes of the events' trees beyond their text.
    trees: usize,
    /// The next round, once a choice leads to it; the stream's end starts it.
    again: Option<Next>,
    /// The calls on which the executor must rule.
    asking: Option<Asking>,
    backlog: Backlog,
    /// The bytes of the calls' fragments.
    call_bytes: usize,
    /// The upstream ended the stream in an error.
    failed: bool,
}

/// The undecided calls of one choice.
#[derive(Debug, Default)]
struct PendingChoice {
    calls: BTreeMap<u32, PendingCall>,
    finished: bool,
}

/// A call still incomplete.
#[derive(Debug)]
enum PendingCall {
    /// The fragments so far.
    Open(Call),
    /// It can only be refused: no usable name has this beginning.
    Doomed(Call),
}

/// The state of a stream after some of its bytes.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More is to come.
    Open,
    /// It is complete; nothing of it remains unsent.
    Complete,
    /// The model is asked again.
    Again(Next),
    /// The executor must rule on these calls before anything more is read.
    Ask(Vec<RunCall>, ReleaseRule),
}

/// The parts of an exchange that the steps of a stream use.
pub(crate) struct StreamContext<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) tally: &'a mut Tally,
    pub(crate) ledger: &'a mut Ledger,
    /// The time, in milliseconds since the Unix epoch.
    pub(crate) now: Option<u64>,
    /// The bytes to forward.
    pub(crate) out: &'a mut Vec<u8>,
}

// === impl StreamTurn ===

impl StreamTurn {
    pub(crate) fn new(gate: &Gate, checked: CheckedRequest) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self {
            stream: checked.dialect.stream(&*checked.request),
            decoder: Decoder::new(checked.dialect.framing(), most),
            before: TurnSoFar::new(checked.round, checked.facts.clone()),
            checked,
            choices: BTreeMap::new(),
            bytes: 0,
            trees: 0,
            again: None,
            asking: None,
            backlog: Backlog::default(),
            call_bytes: 0,
            failed: false,
        }
    }

    /// Returns the calls on which the executor must rule.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &RunCall> {
        self.asking.iter().flat_map(Asking::asked)
    }

    /// Returns the bytes held. A stream counts with all its bytes, because what it said is kept.
    pub(crate) fn held(&self) -> usize {
        let read = self.said().saturating_add(self.decoder.held()).saturating_add(self.before.held());
        let behind = read.saturating_add(self.backlog.held());
        self.checked.request.held().saturating_add(behind)
    }

    /// Returns true if the model's turn is complete and nothing of it waits. Many clients hang up then, before the response ends.
    pub(crate) fn is_over(&self) -> bool {
        let is_undecided = self.choices.values().any(|choice| !choice.calls.is_empty());
        self.stream.is_complete() && !is_undecided && self.asking.is_none() && self.again.is_none()
    }

    /// Returns the bytes of the events so far, and of the trees kept of them.
    pub(crate) fn said(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_add(self.trees)
    }

    /// Returns the tokens of the turn so far.
    pub(crate) fn usage(&self, gate: &Gate) -> RoundUsage {
        let reported = self.stream.reported_usage();
        let end = match self.failed {
            true => RoundEnd::Failed,
            false if self.stream.is_complete() => RoundEnd::Whole,
            false => RoundEnd::Broken,
        };
        let is_estimated = reported.output_tokens.is_none() || end != RoundEnd::Whole;
        let said_bytes = match is_estimated && gate.contract.needs_usage() {
            true => self.stream.said_bytes().saturating_add(self.call_bytes),
            false => 0,
        };
        RoundUsage { reported, end, said_bytes }
    }

    /// Takes the events at the start of `chunk` that differ from an earlier one in text only, and returns their bytes: they are
    /// forwarded unchanged. Takes none if it has to hold something of them, or to refuse it.
    pub(crate) fn replay(&mut self, gate: &Gate, chunk: &[u8]) -> usize {
        let most = gate.contract.limits().response_bytes;
        let mut taken = 0;
        while let Some(frame) = chunk.get(taken..).and_then(|rest| self.decoder.whole(rest)) {
            let bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if bytes > most || weight::excess(frame.data) > 0 || !self.stream.replay(frame.event, frame.data) {
                break;
            }
            self.decoder.skip();
            self.bytes = bytes;
            taken += frame.raw.len();
        }
        taken
    }

    /// Takes bytes.
    pub(crate) fn data(&mut self, context: &mut StreamContext<'_>, chunk: &[u8]) -> Result<Progress, Refusal> {
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        let progress = self.frames(context, frames)?;
        if matches!(progress, Progress::Ask(..)) {
            self.backlog.fault = decoded.err().map(|error| unframed(context.gate, error));
            return Ok(progress);
        }
        // This comes after all frames within the bound, so the cuts between chunks change nothing.
        decoded.map_err(|error| unframed(context.gate, error))?;
        Ok(progress)
    }

    /// The stream ended.
    pub(crate) fn end(&mut self, context: &mut StreamContext<'_>) -> Result<Progress, Refusal> {
        // Some clients read an event without its end, so it is decided too.
        if let Some(frame) = self.decoder.finish().map_err(|_| truncated())? {
            // Without its data, a client would read it as an empty event.
            if frame.data.is_none() && frame.strays.is_empty() && !self.stream.is_complete() {
                return Err(truncated());
            }
            self.backlog.frames.push_back(frame);
        }
        self.backlog.end = StreamEnd::LastEvent;
        self.catch_up(context)
    }

    /// Takes the rulings on the asked calls, one for each and in order, then everything that waited for them.
    pub(crate) fn ruled(
        &mut self,
        context: &mut StreamContext<'_>,
        rulings: Vec<CallRuling>,
    ) -> Result<Progress, Refusal> {
        let Some(Asking { choice, planned, release, end }) = self.asking.take() else {
            return Err(Refusal::new(Code::OutOfOrder, "Rulings on calls came when none were awaited."));
        };
        let plan = resolve(planned, &mut rulings.into_iter(), release, context.tally);
        self.carry_out(context, choice, plan)?;
        if let Some(end) = end.filter(|_| self.again.is_none()) {
            context.out.extend_from_slice(&self.stream.finish(choice, end));
        }
        self.catch_up(context)
    }

    /// Takes everything that waits, and the end of the stream if it has come.
    fn catch_up(&mut self, context: &mut StreamContext<'_>) -> Result<Progress, Refusal> {
        if self.backlog.end == StreamEnd::NotYet {
            let progress = self.waiting(context)?;
            return match self.backlog.fault.take().filter(|_| !matches!(progress, Progress::Ask(..))) {
                Some(fault) => Err(fault),
                None => Ok(progress),
            };
        }
        if self.backlog.end == StreamEnd::LastEvent {
            let before = context.out.len();
            match self.waiting(context).map_err(|_| truncated())? {
                Progress::Open => {}
                progress => return Ok(progress),
            }
            if context.out.len() > before && !self.stream.is_complete() {
                context.out.extend_from_slice(self.decoder.terminator());
            }
            self.backlog.end = StreamEnd::HeldBack;
            self.backlog.deltas.extend(self.stream.end().map_err(|_| truncated())?);
        }
        match self.waiting(context)? {
            Progress::Open => {}
            progress => return Ok(progress),
        }
        if !self.stream.is_complete() || self.choices.values().any(|choice| !choice.calls.is_empty()) {
            return Err(truncated());
        }
        Ok(self.again.take().map_or(Progress::Complete, Progress::Again))
    }

    /// Takes the deltas and the events that wait.
    fn waiting(&mut self, context: &mut StreamContext<'_>) -> Result<Progress, Refusal> {
        let deltas = std::mem::take(&mut self.backlog.deltas);
        match self.deltas(context, deltas)? {
            Progress::Open => {}
            progress => return Ok(progress),
        }
        let frames = std::mem::take(&mut self.backlog.frames);
        self.frames(context, frames)
    }

    fn frames(
        &mut self,
        context: &mut StreamContext<'_>,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Result<Progress, Refusal> {
        let most = context.gate.contract.limits().response_bytes;
        let mut frames = frames.into_iter();
        while let Some(frame) = frames.next() {
            self.bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if self.bytes > most {
                return Err(too_large(context.gate, "model's API"));
            }
            let excess = weight::excess(frame.data.as_deref().unwrap_or_default());
            if excess > weight::MOST {
                return Err(too_many_values());
            }
            self.trees = self.trees.saturating_add(excess);
            let deltas = self.stream.read(frame).map_err(|error| {
                Refusal::new(Code::UpstreamInvalid, format!("An event of the model's answer cannot be read: {error}"))
            })?;
            self.checked.check_choices(self.stream.choices())?;
            match self.deltas(context, deltas)? {
                Progress::Open => {}
                progress @ Progress::Ask(..) => {
                    self.backlog.frames.extend(frames);
                    return Ok(progress);
                }
                progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
            }
        }
        Ok(Progress::Open)
    }

    fn deltas(
        &mut self,
        context: &mut StreamContext<'_>,
        deltas: impl IntoIterator<Item = Delta>,
    ) -> Result<Progress, Refusal> {
        let mut deltas = deltas.into_iter();
        while let Some(delta) = deltas.next() {
            match self.delta(context, delta)? {
                Progress::Open => {}
                progress @ Progress::Ask(..) => {
                    self.backlog.deltas.extend(deltas);
                    return Ok(progress);
                }
                progress @ (Progress::Complete | Progress::Again(_)) => return Ok(progress),
            }
        }
        Ok(Progress::Open)
    }

    fn delta(&mut self, context: &mut StreamContext<'_>, delta: Delta) -> Result<Progress, Refusal> {
        match delta {
            Delta::Forward { frame } => context.out.extend_from_slice(&frame),
            Delta::Fragment { choice, slot, call } => self.fragment(context.gate, choice, slot, call)?,
            Delta::CallEnd { choice, slot } => return self.call_end(context, choice, slot),
            Delta::Finish { choice, end } => return self.finish(context, choice, end),
            Delta::Usage { frame } => {
                if self.again.is_none() {
                    context.out.extend_from_slice(&frame);
                }
            }
            Delta::Error { frame } => {
                self.failed = true;
                context.out.extend_from_slice(&frame);
                return Ok(Progress::Complete);
            }
            Delta::Done { frame } => {
                return Ok(match self.again.take() {
                    Some(next) => Progress::Again(next),
                    None => {
                        context.out.extend_from_slice(&frame);
                        Progress::Complete
                    }
                });
            }
        }
        Ok(Progress::Open)
    }

    fn fragment(&mut self, gate: &Gate, choice: ChoiceIndex, slot: u32, piece: Call) -> Result<(), Refusal> {
        self.call_bytes = self.call_bytes.saturating_add(piece.name.len()).saturating_add(piece.arguments.len());
        let choice = self.choices.entry(choice).or_default();
        if choice.finished {
            return Err(Refusal::new(Code::UpstreamInvalid, "The model's answer has a call after its end."));
        }
        let blank = Call { form: piece.form, ..Call::default() };
        let held = choice.calls.entry(slot).or_insert(PendingCall::Open(blank));
        let is_named = !piece.name.is_empty();
        held.add(piece);
        if let PendingCall::Open(call) = held
            && is_named
            && gate.dooms(&self.checked.caller.role, &call.name)
        {
            let call = std::mem::take(call);
            *held = PendingCall::Doomed(Call { arguments: String::new(), ..call });
        }
        Ok(())
    }

    /// A call is complete. It is released now if the policy allows.
    fn call_end(
        &mut self,
        context: &mut StreamContext<'_>,
        choice: ChoiceIndex,
        slot: u32,
    ) -> Result<Progress, Refusal> {
        if self.checked.hold == ReleasePolicy::Turn {
            return Ok(Progress::Open);
        }
        let Some(held) = self.choices.get_mut(&choice).and_then(|choice| choice.calls.remove(&slot)) else {
            return Ok(Progress::Open);
        };
        self.decide(context, choice, &[held.call()])
    }

    /// A choice is complete. Its remaining calls are decided now.
    fn finish(&mut self, context: &mut StreamContext<'_>, index: ChoiceIndex, end: End) -> Result<Progress, Refusal> {
        let choice = self.choices.entry(index).or_default();
        choice.finished = true;
        let calls: Vec<Call> = std::mem::take(&mut choice.calls).into_values().map(PendingCall::call).collect();
        if !calls.is_empty()
            && let progress @ Progress::Ask(..) = self.decide(context, index, &calls)?
        {
            if let Some(asking) = &mut self.asking {
                asking.end = Some(end);
            }
            return Ok(progress);
        }
        if self.again.is_none() {
            context.out.extend_from_slice(&self.stream.finish(index, end));
        }
        Ok(Progress::Open)
    }

    fn decide(
        &mut self,
        context: &mut StreamContext<'_>,
        choice: ChoiceIndex,
        calls: &[Call],
    ) -> Result<Progress, Refusal> {
        let alone = self.checked.request.choices() == 1;
        let basis = self.checked.basis(context.gate, context.now, alone);
        let decided = settle(basis, choice, calls, &mut self.before, context.tally, context.ledger);
        context.tally.refuse(decided.iter().filter_map(Decided::violation).map(|violation| violation.code));
        let plan = plan(context.gate, decided, self.checked.round, alone);
        self.carry_out(context, choice, plan)
    }

    fn carry_out(
        &mut self,
        context: &mut StreamContext<'_>,
        choice: ChoiceIndex,
        plan: TurnPlan,
    ) -> Result<Progress, Refusal> {
        match plan {
            TurnPlan::Fail(refusal) => return Err(refusal),
            TurnPlan::Again(calls) => {
                let said = Earlier { said: self.stream.turn(choice), usage: None };
                self.again = Some(Next { said, calls });
            }
            TurnPlan::Ask(planned, release) => {
                let asking = self.asking.insert(Asking { choice, planned, release, end: None });
                return Ok(Progress::Ask(asking.asked().cloned().collect(), release));
            }
            TurnPlan::Release(fates) => {
                context.tally.release(&fates);
                for fate in fates {
                    let bytes = match fate {
                        Fate::Keep(call) => self.stream.call(choice, &call),
                        Fate::Replace(notice) => self.stream.text(choice, &notice),
                    };
                    context.out.extend_from_slice(&bytes);
                }
            }
        }
        Ok(Progress::Open)
    }
}

// === impl PendingCall ===

impl PendingCall {
    fn add(&mut self, piece: Call) {
        let (Self::Open(Call { form, .. }) | Self::Doomed(Call { form, .. })) = self;
        if piece.form.is_refused() {
            *form = piece.form;
        }
        match self {
            Self::Open(call) => {
                // Some APIs repeat the id in every fragment.
                if call.id != piece.id {
                    call.id.push_str(&piece.id);
                }
                call.name.push_str(&piece.name);
                call.namespace.push_str(&piece.namespace);
                call.arguments.push_str(&piece.arguments);
                call.extra.extend(piece.extra);
            }
            Self::Doomed(call) => {
                if call.id.is_empty() {
                    call.id = piece.id;
                }
                let room = NAME_TOLD.saturating_sub(call.name.chars().count());
                call.name.extend(piece.name.chars().take(room));
            }
        }
    }

    fn call(self) -> Call {
        let (Self::Open(call) | Self::Doomed(call)) = self;
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

fn truncated() -> Refusal {
    Refusal::new(Code::UpstreamTruncated, "The model's answer ended before it was complete.")
}
