//! The calls of a host on one stream.

use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, ModelReply,
    ModelRequest, Outcome, UsageCharge, lend,
};

/// One stream of a host, as far as [`crate::LiveExchange`] writes to it.
///
/// Only [`Host::run`], [`Host::authorize`], [`Host::admit`], [`Host::ask`] and [`Host::cancel`] may call back into the filter before they
/// return. No exchange is borrowed during these five.
pub trait Host {
    /// Returns the time since the Unix epoch.
    fn now(&self) -> Duration;

    /// Sets a header of the request, or removes it.
    fn set_request_header(&self, name: &str, value: Option<&str>);

    /// Sets a header of the response, or removes it.
    fn set_response_header(&self, name: &str, value: Option<&str>);

    /// Replaces the `held` bytes of the request's body the host has at hand.
    fn set_request_body(&self, held: usize, bytes: &[u8]);

    /// Replaces the `held` bytes of the response's body the host has at hand.
    fn set_response_body(&self, held: usize, bytes: &[u8]);

    /// Leaves a value in filter state, for access logs. The key begins with `wasm.`, as Envoy names properties of wasm filters, so
    /// access logs are the same in all hosts.
    fn note(&self, key: &str, value: &str);

    /// Takes decisions for the audit log.
    fn record(&self, decisions: Decisions<'_>);

    /// Sends calls to the executor.
    fn run(&self, batch: CallBatch) -> Sent<Vec<Outcome>>;

    /// Asks the executor about calls that the client runs.
    fn authorize(&self, batch: AuthorizeBatch) -> Sent<Vec<Authorization>>;

    /// Asks the executor to count a request or a further round. The answer counts only within the request's own timeout.
    fn admit(&self, request: AdmissionRequest) -> Sent<AdmissionReply>;

    /// Takes the charge of an exchange that has ended, for the executor.
    fn charge(&self, charge: UsageCharge);

    /// Asks the model again.
    fn ask(&self, request: ModelRequest) -> Sent<OwnedReply>;

    /// Cancels a call of the executor whose outcome nobody awaits. A call that has ended needs no cancelling.
    fn cancel(&self, token: u64);
}

/// The fate of a callout when the host returns.
#[derive(Debug)]
pub enum Sent<T> {
    /// The answer will come with this token.
    Waits(u64),
    /// The callout has ended, before the host returned.
    Ended(Result<T, CallFailed>),
}

/// The model's answer to a further round.
#[derive(Debug)]
pub struct OwnedReply {
    /// All its headers, `:status` included, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All its body.
    pub body: Vec<u8>,
}

// === impl OwnedReply ===

impl OwnedReply {
    /// Lends it as the engine wants it.
    pub(crate) fn lend<T>(
        reply: &Result<Self, CallFailed>,
        read: impl FnOnce(Result<ModelReply<'_>, CallFailed>) -> T,
    ) -> T {
        match reply {
            Ok(Self { headers, body }) => read(Ok(ModelReply { headers: &lend(headers), body })),
            Err(failed) => read(Err(*failed)),
        }
    }
}
