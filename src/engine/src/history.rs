//! The texts, calls and results of a request, for rules about the sources of values.
//!
//! A history is built when the first call of a turn is decided whose tool has such a rule. It is kept for the rest of the turn. Further
//! rounds of the exchange are part of the request by then.
//!
//! A summary in place of earlier parts (compaction) cannot be read, or has the model's own words. It counts as an outsider's text, and no rule
//! holds because something is not in the other parts.
//!
//! Not covered: a conversation that the provider keeps. Its texts are unknown, and every such rule fails.

use callgate_contract::{Contract, Outputs, Texts};
use callgate_json::Span;
use callgate_provenance::{Content, History, HistoryBuilder, Speaker};
use callgate_wire::{Part, Request, ResultBlock, Role, called, result_blocks};

use crate::facts::{is_own_words, is_summary};
use crate::tool_results::NOT_RUN;

/// The texts of a conversation, read at most once.
#[derive(Debug, Default)]
pub(crate) enum ReadTexts {
    /// Nobody needed them.
    #[default]
    Unread,
    /// They cannot be known.
    Unknown,
    /// They are known.
    Known(Box<History>),
}

// === impl ReadTexts ===

impl ReadTexts {
    /// Returns the texts. `None` is a request without a conversation.
    pub(crate) fn read(&mut self, contract: &Contract, request: Option<&dyn Request>) -> Texts<'_> {
        if matches!(self, Self::Unread) {
            *self = match request {
                Some(request) if !request.server_state() => Self::Known(Box::new(history(contract, request))),
                Some(_) | None => Self::Unknown,
            };
        }
        match self {
            Self::Unread | Self::Unknown => Texts::Unknown,
            Self::Known(history) => Texts::Known(history),
        }
    }

    /// Returns the bytes that it takes, about.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Unread | Self::Unknown => 0,
            Self::Known(history) => history.bytes(),
        }
    }
}

/// Reads the conversation of a request.
#[must_use]
pub fn history(contract: &dyn Outputs, request: &dyn Request) -> History {
    let mut history = HistoryBuilder::new(contract);
    request.conversation(&mut |part| match part {
        Part::Text { role, text } => {
            let speaker = match role {
                Role::System => Speaker::System,
                Role::User => Speaker::User,
                Role::Assistant => Speaker::Model,
                Role::Tool | Role::Unknown => Speaker::Unknown,
            };
            history.text(speaker, text.string().unwrap_or_default());
        }
        Part::Call { id, name, namespace, arguments } => {
            let arguments = match arguments {
                Some(text) if text.is_string() => text.string().unwrap_or_default().into_owned(),
                Some(value) => value.text().into_owned(),
                None => String::new(),
            };
            let tool = called(name, namespace).unwrap_or_default();
            history.call(text(id).as_deref(), &tool, arguments);
        }
        Part::Result { id, name, content } => {
            let blocks =
                result_blocks(content).into_iter().map(content_of).filter(|block| !is_not_run(block)).collect();
            history.result(text(id).as_deref(), text(name).as_deref(), Content::Parts(blocks));
        }
        Part::Other { value, .. } if is_summary(value) => history.summary(),
        Part::Other { role, value } => {
            let may_be_a_result = match role {
                Role::System | Role::User => false,
                Role::Assistant | Role::Unknown => !is_own_words(value),
                Role::Tool => true,
            };
            if may_be_a_result {
                history.opaque();
            }
        }
    });
    history.finish()
}

/// Returns true for the gate's own sentence about a call that did not run. No tool and no outsider has said it.
fn is_not_run(content: &Content) -> bool {
    match content {
        Content::Text(text) => text == NOT_RUN,
        Content::Json(value) => callgate_json::canonical(value) == NOT_RUN,
        Content::Parts(_) | Content::Opaque => false,
    }
}

/// Returns the content of a block of a result.
#[must_use]
pub fn content_of(block: ResultBlock<'_>) -> Content {
    match block {
        ResultBlock::Text(text) => Content::Text(text.string().unwrap_or_default().into_owned()),
        ResultBlock::Json(value) => match callgate_json::read_by_value(value.bytes()) {
            Ok(value) => Content::Json(value),
            Err(_) => Content::Text(value.text().into_owned()),
        },
        ResultBlock::Other(_) => Content::Opaque,
    }
}

fn text(value: Option<Span<'_>>) -> Option<String> {
    value.and_then(Span::string).map(std::borrow::Cow::into_owned)
}
