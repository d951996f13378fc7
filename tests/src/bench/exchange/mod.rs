//! The measured exchanges: requests as bytes of HTTP/1.1, and the static answers to them.

mod bodies;
mod chat;
mod travel;

use std::sync::Arc;

/// The header that tells the static upstream which exchange a request belongs to. The gate forwards it, also when it asks the model
/// again.
pub(super) const MARK: &str = "x-bench";
/// Text deltas in [`STREAM`].
pub(super) const DELTAS: usize = 500;

/// Names of the exchanges.
pub(super) const NO_TOOLS: &str = "no_tools";
pub(super) const TWO_CALLS: &str = "two_calls";
pub(super) const CALLS_32: &str = "calls_32";
pub(super) const STREAM: &str = "stream_500";
pub(super) const STREAM_CALL: &str = "stream_20k_call";
pub(super) const CONVERSATION: &str = "conversation_200k";
pub(super) const MCP: &str = "mcp_call";
pub(super) const LOOP: &str = "server_loop";
pub(super) const ONE_TOOL: &str = "one_tool";

/// One exchange.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) name: &'static str,
    /// The path of the request.
    pub(super) path: &'static str,
    /// The body of the request.
    pub(super) request: String,
    /// The request with the tool's result, of a client that runs the tool itself. With the gate, the executor runs it inside the
    /// exchange.
    pub(super) then: Option<String>,
    pub(super) answer: Answer,
    /// Texts that an answer has if nothing refused it.
    pub(super) marks: Vec<String>,
}

/// The answer of the static upstream.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// JSON.
    Whole(String),
    /// Events, one at a time, like those of a model.
    Stream(Vec<String>),
    /// A call of a tool, and the answer to a request that has its result.
    Loop { call: String, last: String },
}

impl Exchange {
    /// Returns all exchanges.
    pub(super) fn all() -> Vec<Self> {
        vec![
            bodies::no_tools(),
            bodies::two_calls(),
            bodies::calls_32(),
            bodies::stream(),
            bodies::stream_call(),
            bodies::conversation(),
            bodies::mcp(),
            bodies::server_loop(),
            bodies::one_tool(),
        ]
    }

    /// Returns the requests to send, one after the other. `alone` is true if the client runs the tool of a loop itself.
    pub(super) fn requests(&self, alone: bool) -> Vec<Arc<[u8]>> {
        let more = self.then.iter().filter(|_| alone);
        std::iter::once(&self.request).chain(more).map(|body| self.message(body)).collect()
    }

    /// The headers of a request, without its length.
    pub(super) fn headers(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("x-callgate-tenant", "acme"),
            ("x-callgate-role", "clerk"),
            ("authorization", "Bearer sk-bench-0123456789"),
            (MARK, self.name),
        ]
    }

    fn message(&self, body: &str) -> Arc<[u8]> {
        let mut text = format!("POST {} HTTP/1.1\r\nhost: bench\r\n", self.path);
        for (name, value) in self.headers() {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
        text.into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_have_the_sizes_they_are_named_for() {
        let all = Exchange::all();
        let of = |name: &str| all.iter().find(|exchange| exchange.name == name).unwrap();
        assert!((195_000..215_000).contains(&of(CONVERSATION).request.len()), "{}", of(CONVERSATION).request.len());
        let Answer::Stream(events) = &of(STREAM_CALL).answer else { panic!("a stream") };
        let arguments: usize = events.iter().map(|event| event.matches("word").count() * 5).sum();
        assert!((19_000..22_000).contains(&arguments), "{arguments}");
        let Answer::Stream(events) = &of(STREAM).answer else { panic!("a stream") };
        assert_eq!(events.iter().filter(|event| event.contains(" token")).count(), DELTAS);
        let Answer::Whole(answer) = &of(CALLS_32).answer else { panic!("a whole answer") };
        assert_eq!(answer.matches("\"id\":\"call_").count(), 32);
    }

    #[test]
    fn every_body_is_json() {
        for exchange in Exchange::all() {
            let Exchange { request, then, answer, .. } = exchange;
            let answers = match answer {
                Answer::Whole(text) => vec![text],
                Answer::Stream(_) => Vec::new(),
                Answer::Loop { call, last } => vec![call, last],
            };
            for text in [request].into_iter().chain(then).chain(answers) {
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
            }
        }
    }
}
