//! OpenAI Chat Completions: `POST /v1/chat/completions`.
//!
//! Source: OpenAI's API reference, *Chat Completions* (create, object, chunk object), and what servers that imitate it send.
//! Where those differ from the reference without ambiguity (a missing `index`, `null` for a missing text, a finish reason
//! beside the last call) they are understood; where two clients could read two different calls, they are refused.

pub mod answer;
pub mod error;
mod head;
mod replayed;
pub mod request;
mod shape;
mod slots;
mod split;
pub mod stream;

pub use answer::{Answer, AnswerError, Choice, Rewrite};
pub use head::{DONE, StreamHead};
pub use request::{Declared, Request, RequestError};
pub use shape::ShapeError;
pub use stream::{Delta, StreamError, StreamReader, with_reason};
