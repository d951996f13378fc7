//! Whole answers that are lists: blocks (Messages, Converse), items (Responses), parts of a candidate (Gemini).
//!
//! [`settle`] gives the calls of a list their fates. [`BlockAnswer`] is the whole answer of the dialects whose list has blocks.
//! [`AnswerBody`] is the body of every answer.

mod answer;
mod answer_body;
mod call_block;
mod content;
mod settle;

pub(crate) use answer::BlockAnswer;
pub(crate) use answer_body::AnswerBody;
pub(crate) use call_block::{call_block, input, with_text};
pub(crate) use content::{Content, Part};
pub(crate) use settle::{Settled, settle};
