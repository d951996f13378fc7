//! Tools of MCP servers, over streamable HTTP or on standard input and output.
//!
//! Each tenant has one session, opened by its first call and opened again if it is lost ([`sessions`]). The official
//! SDK implements the protocol; [`wire`] bounds its traffic over HTTP, and a [`program`] has a process for each session. The server may ask for nothing: no sampling, no
//! elicitation, no roots.

mod program;
mod result;
mod sessions;
mod wire;

use std::sync::Arc;

use callgate_contract::McpRun;
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientConfig, ClientRequest, Implementation,
    JsonObject, MetaObject, ProtocolVersion, RequestMetaObject, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, PeerRequestOptions, RequestHandle, RoleClient,
    RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use tokio::process::Child;
use tokio::time::{Instant, timeout_at};

use self::program::Program;
use self::sessions::{Line, Sessions};
use self::wire::{Terms, Wire};
use super::fault::AttemptFault;
use super::headers::headers;
use super::settings::ProgramSettings;
use super::{BackendError, Invocation};

/// The bytes around a result that is sent both as structure and as escaped text.
const WIRE_FACTOR: u64 = 4;
const WIRE_ENVELOPE: u64 = 64 << 10;
/// The newest first. The SDK falls back to older ones, with a handshake.
const VERSIONS: [ProtocolVersion; 1] = [ProtocolVersion::LATEST];
/// The W3C Trace Context, placed as MCP asks (SEP-414).
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// The most sessions with one server: a program has a process for each.
const SESSIONS: usize = 64;
const PROGRAM_SESSIONS: usize = 16;

/// An open session. A process of a program ends with it.
struct Session {
    running: RunningService<RoleClient, ClientConfig>,
    _process: Option<Child>,
}

/// An MCP server.
pub(super) struct Mcp {
    reach: McpReach,
    sessions: Sessions<Session>,
}

/// The way to a server.
enum McpReach {
    Http { client: Client, address: Url, always: HeaderMap, max_in_flight: usize },
    Program(Program),
}

/// A request in flight. Dropping it cancels the request at the server.
struct Pending(Option<RequestHandle<RoleClient>>);

// === impl Mcp ===

impl Mcp {
    pub(super) fn new(client: Client, address: Url, always: HeaderMap, max_in_flight: u32) -> Self {
        let max_in_flight = usize::try_from(max_in_flight).unwrap_or(usize::MAX);
        let reach = McpReach::Http { client, address, always, max_in_flight };
        Self { reach, sessions: Sessions::new(SESSIONS) }
    }

    /// A server that the executor starts for each session.
    pub(super) fn program(name: &str, settings: &ProgramSettings) -> Result<Self, BackendError> {
        let reach = McpReach::Program(Program::new(name, settings)?);
        Ok(Self { reach, sessions: Sessions::new(PROGRAM_SESSIONS) })
    }

    pub(super) async fn call(&self, invocation: &Invocation<'_>, run: &McpRun) -> Result<Vec<u8>, AttemptFault> {
        let line = self.sessions.line(invocation.tenant, Instant::now());
        let begun = timeout_at(invocation.deadline, self.session(&line)).await.unwrap_or(Err(AttemptFault::Timeout))?;
        let called = timeout_at(invocation.deadline, self.ask(&begun, invocation, run)).await;
        match called.unwrap_or(Err(AttemptFault::Timeout)) {
            Ok(result) => Ok(result),
            Err(fault) => {
                // A session without a response is not trusted again: a restarted server may have forgotten it, and need
                // not say so.
                if !fault.answered() {
                    line.forget(&begun);
                }
                Err(fault)
            }
        }
    }

    async fn session(&self, line: &Line<Session>) -> Result<Arc<Session>, AttemptFault> {
        if let Some(session) = line.open(usable) {
            return Ok(session);
        }
        let _alone = line.beginning.lock().await;
        if let Some(session) = line.open(usable) {
            return Ok(session);
        }
        let who = Implementation::new("callgate-executor", env!("CARGO_PKG_VERSION"));
        let lifecycle = ClientLifecycleMode::Auto { preferred_versions: VERSIONS.to_vec(), legacy_version: None };
        let client = ClientConfig::new(ClientCapabilities::default(), who);
        let (begun, process) = match &self.reach {
            McpReach::Http { client: http, address, always, max_in_flight } => {
                let config = wire::config(address, always, *max_in_flight);
                let transport = StreamableHttpClientTransport::with_client(Wire::new(http.clone()), config);
                (client.serve_with_lifecycle(transport, lifecycle).await, None)
            }
            McpReach::Program(program) => {
                let (process, transport) = program.start()?;
                (client.serve_with_lifecycle(transport, lifecycle).await, Some(process))
            }
        };
        let session = Arc::new(Session { running: begun.map_err(|error| not_begun(&error))?, _process: process });
        line.set(Arc::clone(&session));
        Ok(session)
    }

    async fn ask(&self, session: &Session, invocation: &Invocation<'_>, run: &McpRun) -> Result<Vec<u8>, AttemptFault> {
        let bytes = run.bounds.output_bytes.saturating_mul(WIRE_FACTOR).saturating_add(WIRE_ENVELOPE);
        // The transport has the common headers already.
        let terms = Terms::new(usize::try_from(bytes).unwrap_or(usize::MAX), headers(invocation, &HeaderMap::new()));
        let arguments: JsonObject = serde_json::from_str(invocation.arguments)
            .map_err(|_| AttemptFault::Failed("the arguments are not a JSON object, so nothing was sent".into()))?;
        let mut options = PeerRequestOptions::default();
        options.meta = Some(trace(terms.headers()));
        let mut request = CallToolRequest::new(CallToolRequestParams::new(run.tool.clone()).with_arguments(arguments));
        request.extensions.insert(terms.clone());
        let request = ClientRequest::CallToolRequest(request);
        let handle = session.running.peer().send_cancellable_request(request, options).await;
        let answered = match handle {
            Ok(handle) => Pending(Some(handle)).answer().await,
            Err(error) => Err(error),
        };
        match answered {
            // A response over its limit may also appear as a broken stream.
            Err(_) if terms.overrun() => Err(AttemptFault::TooLarge),
            Err(error) => Err(not_answered(&error)),
            Ok(ServerResult::CallToolResult(answer)) => result::read(answer, run.bounds.output_bytes),
            Ok(ServerResult::InputRequiredResult(_)) => {
                Err(AttemptFault::Failed("it asks for input, which nobody gives".into()))
            }
            Ok(ServerResult::CreateTaskResult(_)) => {
                Err(AttemptFault::Failed("it answers later, with a task, which nobody waits for".into()))
            }
            Ok(_) => Err(AttemptFault::Failed("its answer is not the result of a tool".into())),
        }
    }
}

fn usable(session: &Session) -> bool {
    !session.running.is_closed() && !session.running.peer().is_transport_closed()
}

fn trace(headers: &HeaderMap) -> RequestMetaObject {
    let present = TRACE.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.into()))
    });
    RequestMetaObject(MetaObject(present.collect()))
}

/// Decided by its kind alone: the words are the server's.
fn not_answered(error: &ServiceError) -> AttemptFault {
    match error {
        ServiceError::McpError(error) => AttemptFault::Failed(format!("JSON-RPC error {}", error.code.0).into()),
        ServiceError::TransportSend(error) => wire::fault(error),
        ServiceError::TransportClosed => AttemptFault::Unavailable("the session ended before the answer came".into()),
        _ => AttemptFault::Failed("its answer is not MCP".into()),
    }
}

fn not_begun(error: &ClientInitializeError) -> AttemptFault {
    match error {
        ClientInitializeError::TransportError { error, .. } => wire::fault(error),
        ClientInitializeError::ConnectionClosed(_) => AttemptFault::Unavailable("no session could be begun".into()),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => not_begun(fallback),
        ClientInitializeError::JsonRpcError(error) => {
            AttemptFault::Failed(format!("no session could be begun: JSON-RPC error {}", error.code.0).into())
        }
        _ => AttemptFault::Failed("no session could be begun: its answer is not MCP as it is known here".into()),
    }
}

// === impl Pending ===

impl Pending {
    async fn answer(mut self) -> Result<ServerResult, ServiceError> {
        let answered = match self.0.as_mut() {
            Some(handle) => (&mut handle.rx).await,
            None => return Err(ServiceError::TransportClosed),
        };
        self.0 = None;
        answered.unwrap_or(Err(ServiceError::TransportClosed))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(handle), Ok(runtime)) = (self.0.take(), runtime) {
            runtime.spawn(handle.cancel(None));
        }
    }
}
