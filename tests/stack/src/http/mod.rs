//! A client that sees what an SDK hides: which connection is used, chunks as they arrive, trailers, broken bodies.

mod connection;
mod events;

pub use connection::{Connection, HttpError, Protocol, Request, Response, get};
pub use events::{Accumulated, Choice, Event, Events};
