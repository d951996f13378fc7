//! Reads the dialect's output.

use callgate_wire::framing::Framing;
use callgate_wire::openai_responses::OpenAiResponses;
use callgate_wire::{
    Answer, AnswerError, Call, Delta, Dialect, ReleasePolicy, Request, RequestError, Stream, StreamError, Target,
};
use serde_json::{Value, json};

use crate::suite;
pub(crate) use crate::suite::calls;

pub(crate) fn request(body: &str) -> Result<Box<dyn Request>, RequestError> {
    OpenAiResponses.request(&Target::new("/v1/responses"), body.as_bytes())
}

/// A request for these tools of the provider.
pub(crate) fn asking(tools: &[&str]) -> Box<dyn Request> {
    let tools: Vec<Value> = tools.iter().map(|tool| json!({ "type": tool })).collect();
    request(&json!({ "model": "m", "input": "a", "tools": tools }).to_string()).unwrap()
}

pub(crate) fn answer(body: &str, tools: &[&str]) -> Result<Box<dyn Answer>, AnswerError> {
    OpenAiResponses.answer(&*asking(tools), body.as_bytes())
}

pub(crate) fn stream_of(tools: &[&str]) -> Box<dyn Stream> {
    OpenAiResponses.stream(&*asking(tools))
}

pub(crate) fn deltas(stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    suite::deltas(Framing::Sse, stream, chunks)
}

pub(crate) fn told(text: &str) -> Result<Vec<Delta>, StreamError> {
    deltas(&mut *stream_of(&[]), &[text.as_bytes()])
}

pub(crate) fn shown(deltas: &[Delta]) -> String {
    suite::shown(deltas, |text| text.replace('\n', " "))
}

/// All bytes in the deltas while calls are held: the end repeats the calls, and so it is held with them.
pub(crate) fn passed(deltas: &[Delta]) -> Vec<u8> {
    let held = |delta: &&Delta| !matches!(delta, Delta::Finish { .. });
    suite::passed(&deltas.iter().filter(held).cloned().collect::<Vec<_>>())
}

/// The fate of a call.
pub(crate) type Fate = dyn Fn(usize, Call) -> callgate_wire::Fate;

pub(crate) fn carried(stream: &mut dyn Stream, bytes: &str, policy: ReleasePolicy, fate: &Fate) -> Vec<u8> {
    suite::carried(Framing::Sse, stream, bytes.as_bytes(), policy, fate)
}
