//! The requests of one call: each is allowed or refused before any of it leaves.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use hyper::{Method, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::destination::{Destination, Origin};
use super::send::{Patience, send};
use super::{Granted, Outgoing};

/// The maximum concurrent requests of one call.
const AT_ONCE: usize = 16;
/// The maximum bytes of one set of header fields, the host's own bookkeeping included.
pub(crate) const FIELD_BYTES: usize = 32 << 10;
/// The bytes of a request's body a guest hands over at once. Two such pieces wait for the server.
const CHUNK_BYTES: usize = 64 << 10;

/// A task that returns the server's response and drives the connection until then.
type DrivenResponse = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// The handler of a guest's requests.
pub(crate) struct Requests {
    outgoing: Outgoing,
    timeout: Duration,
    places: Arc<Semaphore>,
    journal: Arc<Journal>,
}

/// The reason a request is refused. The texts hold nothing from the guest, since that may come from arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestRefusal {
    #[error("its host and port are not in the contract's `http`")]
    NotGranted,
    #[error("its address is not a plain host and port")]
    Unclear,
    #[error("CONNECT asks for a tunnel, which could lead anywhere")]
    Tunnel,
    #[error("the granted name has an address that is not public, and the grant does not say `private: true`")]
    Private,
    #[error("the granted name has a link-local address, which only a grant of that very address opens")]
    LinkLocal,
    #[error("the granted name has the address of a metadata service, which only a grant of that very address opens")]
    Metadata,
    #[error("too many requests of the call are under way")]
    TooMany,
}

/// Logs the first refusal of a call only, so a guest cannot flood the log.
#[derive(Debug)]
pub(super) struct Journal {
    tool: String,
    said: AtomicBool,
}

// === impl Requests ===

impl Requests {
    /// Creates the handler without requests. A single wait takes at most `timeout`, the whole call's.
    pub(crate) fn new(tool: String, outgoing: Outgoing, timeout: Duration) -> Self {
        let journal = Arc::new(Journal { tool, said: AtomicBool::new(false) });
        Self { outgoing, timeout, places: Arc::new(Semaphore::new(AT_ONCE)), journal }
    }

    fn allow(
        &self,
        request: &Request<WasiBody>,
    ) -> Result<(Arc<Granted>, Destination, OwnedSemaphorePermit), RequestRefusal> {
        if *request.method() == Method::CONNECT {
            return Err(RequestRefusal::Tunnel);
        }
        let to = Origin::of(request.uri()).ok_or(RequestRefusal::Unclear)?;
        let (granted, destination) = self.outgoing.to(&to).ok_or(RequestRefusal::NotGranted)?;
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| RequestRefusal::TooMany)?;
        Ok((Arc::clone(granted), destination.clone(), permit))
    }
}

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<DrivenResponse, Error>> + Send> {
        let (granted, destination, permit) = match self.allow(&request) {
            Ok(allowed) => allowed,
            Err(refusal) => {
                let error = self.journal.refused(refusal);
                return Box::new(async move { Err(error) });
            }
        };
        // The library lets no guest set this field. If it ever did, no guest's server should get it.
        request.headers_mut().remove(PROXY_AUTHORIZATION);
        if !destination.authorization {
            request.headers_mut().remove(AUTHORIZATION);
            request.headers_mut().remove(COOKIE);
        }
        let patience = Patience::of(options, self.timeout);
        let journal = Arc::clone(&self.journal);
        Box::new(async move {
            let (response, driver) = send(&granted, &destination, request, patience, permit, &journal).await?;
            // The end of a connection adds nothing: the body has reported every fault.
            let driven: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async move {
                driver.await;
                Ok(())
            });
            Ok((response, driven))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    // The library's own would log events a guest can cause at will.
    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::DestinationUnavailable
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

// === impl RequestRefusal ===

impl From<RequestRefusal> for Error {
    fn from(refusal: RequestRefusal) -> Self {
        match refusal {
            RequestRefusal::NotGranted => Self::HttpRequestDenied,
            RequestRefusal::Unclear => Self::HttpRequestUriInvalid,
            RequestRefusal::Tunnel => Self::HttpRequestMethodInvalid,
            RequestRefusal::Private | RequestRefusal::LinkLocal | RequestRefusal::Metadata => {
                Self::DestinationIpProhibited
            }
            RequestRefusal::TooMany => Self::ConnectionLimitReached,
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Returns the error the guest gets.
    pub(super) fn refused(&self, refusal: RequestRefusal) -> Error {
        if !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(tool = self.tool, reason = %refusal, "an outgoing request was refused");
        }
        refusal.into()
    }
}
