//! Exchanges with Anthropic Messages: requests, whole answers, streams.

mod answers;
mod client_tools;
mod desk;
mod requests;
mod streams;
