//! The table of a dialect: its types, its framing, its errors. Each type with a table is a [`Dialect`].

use std::fmt::Debug;

use callgate_json::{Item, Outline};

use crate::framing::Framing;
use crate::skeleton::document::{Document, RequestFormat, RequestScan};
use crate::{Answer, AnswerError, AnswerOrError, ApiError, Dialect, Request, RequestError, Stream, Target};

/// One dialect's types, and how they begin.
pub(crate) trait Format: Debug + Sync {
    /// A request.
    type Request: RequestFormat + 'static;
    /// A whole answer.
    type Answer: Answer + 'static;
    /// A streamed answer.
    type Stream: Stream + 'static;

    /// The framing of its streams.
    const FRAMING: Framing;
    /// Its error bodies.
    const ERRORS: ErrorFormat;
    /// The member of an answer with the model's turn. A body with it reports no error.
    const TURN: TurnMember;

    /// Reads a whole answer, as [`Dialect::answer`].
    ///
    /// # Errors
    /// As [`Dialect::answer`].
    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<Self::Answer, AnswerError>;

    /// Reads an error or a whole answer, as [`Dialect::answer_or_error`].
    ///
    /// # Errors
    /// As [`Dialect::answer`].
    fn read_answer_or_error(request: &dyn Request, body: Vec<u8>) -> Result<AnswerOrError<Self::Answer>, AnswerError> {
        let outline = Outline::keep(body)?;
        let is_error = !Self::TURN.is_in(outline.root()) && (Self::ERRORS.is_error)(outline.text().as_bytes());
        if is_error {
            return Ok(AnswerOrError::Error(outline.into_text()));
        }
        Self::read_answer(request, outline).map(AnswerOrError::Answer)
    }

    /// Begins a stream, as [`Dialect::stream`].
    fn begin_stream(request: &dyn Request) -> Self::Stream;
}

/// The writer and the reader of a dialect's error bodies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorFormat {
    /// As [`Dialect::error`].
    pub(crate) body: fn(&ApiError) -> Vec<u8>,
    /// As [`Dialect::is_error`].
    pub(crate) is_error: fn(&[u8]) -> bool,
}

/// The member of an answer with the model's turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TurnMember {
    /// A list.
    List(&'static str),
    /// An object.
    Object(&'static str),
}

// === impl TurnMember ===

impl TurnMember {
    fn is_in(self, body: Item<'_>) -> bool {
        match self {
            Self::List(member) => body.get(member).is_some_and(Item::is_array),
            Self::Object(member) => body.get(member).is_some_and(Item::is_object),
        }
    }
}

impl<F: Format> Dialect for F {
    fn framing(&self) -> Framing {
        F::FRAMING
    }

    fn scan_request(&self) -> RequestScan {
        RequestScan::of_object(F::Request::TURNS)
    }

    fn read_scanned(
        &self,
        target: &Target<'_>,
        body: Vec<u8>,
        scan: RequestScan,
    ) -> Result<Box<dyn Request>, RequestError> {
        Ok(Box::new(Document::<F::Request>::read(target, body, scan)?))
    }

    fn answer(&self, request: &dyn Request, body: &[u8]) -> Result<Box<dyn Answer>, AnswerError> {
        Ok(Box::new(F::read_answer(request, Outline::read(body)?)?))
    }

    fn answer_or_error(&self, request: &dyn Request, body: Vec<u8>) -> Result<AnswerOrError, AnswerError> {
        Ok(match F::read_answer_or_error(request, body)? {
            AnswerOrError::Answer(answer) => AnswerOrError::Answer(Box::new(answer)),
            AnswerOrError::Error(body) => AnswerOrError::Error(body),
        })
    }

    fn stream(&self, request: &dyn Request) -> Box<dyn Stream> {
        Box::new(F::begin_stream(request))
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        (F::ERRORS.body)(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        (F::ERRORS.is_error)(body)
    }
}

/// The tools a request makes the provider run.
pub(crate) fn provider_tools(request: &dyn Request) -> Vec<String> {
    request.provider_tools().into_iter().map(str::to_owned).collect()
}
