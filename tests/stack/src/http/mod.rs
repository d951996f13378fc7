//! A client that shows details an SDK hides: the connection in use, chunks as they arrive, trailers, broken bodies.

mod connection;
mod events;

pub use connection::{Connection, HttpError, Protocol, Request, Response, get};
pub use events::{Accumulated, AccumulatedChoice, Events, SseEvent};
