//! The host's steps, and the answers that no exchange makes.

use callgate_engine::Reply;

/// The host's next step on the stream.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Forward the headers, the chunk or the trailers, as they are now.
    Continue,
    /// Forward nothing yet. Drop the chunk: the engine has it.
    Hold,
    /// Release the held response. Only outside a callback of the response.
    Resume,
    /// Release the held request. Only outside a callback of the request.
    ResumeRequest,
    /// Answer here, in place of everything held.
    Reply(Reply),
    /// Reset the stream: its end would look like a complete answer, and nothing can be written any more.
    Reset,
}

/// Fails closed if an effect does not fit its event.
pub(crate) fn defect() -> Step {
    log::error!("callgate: an effect came that does not fit its event; the exchange is refused");
    Step::Reply(Reply::new(500, DEFECT.to_vec()))
}

/// The answer if the adapter itself is at fault.
pub const DEFECT: &[u8] =
    br#"{"error":{"message":"Callgate could not carry on with this exchange.","type":"server_error","param":null,"code":"out_of_order"}}"#;

/// The answer to a stream without a configuration.
pub const NOT_CONFIGURED: &[u8] =
    br#"{"error":{"message":"Callgate has no contract yet.","type":"server_error","param":null,"code":"not_configured"}}"#;
