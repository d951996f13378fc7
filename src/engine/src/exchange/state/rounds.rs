//! An exchange between two rounds.

use callgate_json::Value;
use callgate_wire::{Earlier, Stream};

use crate::request::CheckedRequest;
use crate::tool_results::{TurnCall, TurnResult};
use crate::unary::HeldAnswer;

/// The request, the earlier rounds and the client's answer so far.
#[derive(Debug)]
pub(in crate::exchange) struct Rounds {
    pub(in crate::exchange) checked: CheckedRequest,
    /// The content of earlier rounds not yet sent to the client.
    pub(in crate::exchange) earlier: Vec<Earlier>,
    pub(in crate::exchange) form: AnswerForm,
    pub(in crate::exchange) waiting: Waiting,
    /// The upstream's response to the first round has ended.
    pub(in crate::exchange) ended: bool,
}

/// The form of the client's answer.
#[derive(Debug)]
pub(in crate::exchange) enum AnswerForm {
    /// One JSON body, whose headers are still held back. `said` counts the bytes of the first turn.
    Whole { said: usize },
    /// A stream that has begun. `said` counts its bytes; `unsent` are the bytes held back.
    Stream { stream: Box<dyn Stream>, said: usize, unsent: Vec<u8> },
}

/// The callout under way.
#[derive(Debug)]
pub(in crate::exchange) enum Waiting {
    /// The executor, for the outcomes of those calls that it runs.
    Calls { said: Vec<Value>, calls: Vec<TurnCall> },
    /// The executor, for the rulings on calls of an answer with so many bytes.
    Rulings { held: Box<HeldAnswer>, bytes: usize },
    /// The executor, which counts the next round of the model.
    Count { said: Vec<Value>, results: Vec<TurnResult> },
    /// The model.
    Model,
}

// === impl Rounds ===

impl Rounds {
    pub(in crate::exchange) fn new(
        checked: CheckedRequest,
        earlier: Vec<Earlier>,
        form: AnswerForm,
        ended: bool,
    ) -> Self {
        Self { checked, earlier, form, waiting: Waiting::Model, ended }
    }

    /// Returns the bytes held. The request has the turns of earlier rounds, and its text is written again for each round.
    pub(in crate::exchange) fn held(&self) -> usize {
        let stream = match &self.form {
            AnswerForm::Whole { said } => *said,
            AnswerForm::Stream { said, unsent, .. } => said.saturating_add(unsent.capacity()),
        };
        let answer = match &self.waiting {
            Waiting::Rulings { bytes, .. } => *bytes,
            Waiting::Calls { .. } | Waiting::Count { .. } | Waiting::Model => 0,
        };
        self.checked.request.held().saturating_mul(2).saturating_add(stream).saturating_add(answer)
    }
}
