//! Exchanges with Anthropic Messages: requests, whole answers, streams.

mod answers;
mod desk;
mod requests;
mod streams;
