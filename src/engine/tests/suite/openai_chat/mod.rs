//! Exchanges with Chat Completions: requests, whole answers, streams, servers that imitate the API.

mod answers;
mod imitators;
mod requests;
mod streams;
