//! A fake executor: a test chooses its behaviour.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_server::{Executor, ExecutorServer};
use callgate_proto::executor::v1::{
    AdmitRequest, AdmitResponse, AuthorizeRequest, AuthorizeResponse, CallOutcome, ChargeRequest, ChargeResponse,
    Decision, ExecuteRequest, ExecuteResponse, RecordRequest, RecordResponse, Success,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The behaviour of a fake executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Every call's result is its arguments, at once.
    Echo,
    /// The same, after this delay.
    Slow(Duration),
    /// One outcome too few.
    TooFew,
    /// Outcomes under unknown ids.
    OtherIds,
    /// Results with invalid JSON.
    NotJson,
    /// An internal error.
    Fails,
    /// Always overloaded.
    Overloaded,
}

/// The requests to a fake executor.
#[derive(Debug, Default)]
struct Seen {
    executed: Vec<Executed>,
    recorded: Vec<Decision>,
}

/// A request to run calls.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The request.
    pub request: ExecuteRequest,
    /// Its `traceparent` and `tracestate`, if present.
    pub trace: (Option<String>, Option<String>),
}

/// A running fake; dropping it ends it.
#[derive(Debug)]
pub struct FakeExecutor {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

struct Service {
    behaviour: Behaviour,
    /// `None` if nobody reads them: the bench's echo.
    seen: Option<Arc<Mutex<Seen>>>,
}

impl FakeExecutor {
    /// Starts on `address`; port 0 takes a free one.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seen = Arc::default();
        let service = Service { behaviour, seen: Some(Arc::clone(&seen)) };
        let task = tokio::spawn(serve(service, listener));
        Ok(Self { address, seen, task })
    }

    /// Returns the listening address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the requests to run calls.
    pub fn begun(&self) -> usize {
        self.executed().len()
    }

    /// Returns the requests to run calls.
    pub fn executed(&self) -> Vec<Executed> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).executed.clone()
    }

    /// Returns the recorded decisions on this tenant's calls, in order of arrival.
    pub fn recorded(&self, tenant: &str) -> Vec<Decision> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = |decision: &&Decision| decision.caller.as_ref().is_some_and(|caller| caller.tenant == tenant);
        seen.recorded.iter().filter(of_tenant).cloned().collect()
    }
}

/// Serves an echo without memory, as the baseline of a bench.
pub async fn echo(listen: SocketAddr) -> io::Result<()> {
    echo_on(TcpListener::bind(listen).await?).await;
    Ok(())
}

/// The same on a socket that listens already.
pub async fn echo_on(listener: TcpListener) {
    serve(Service { behaviour: Behaviour::Echo, seen: None }, listener).await;
}

async fn serve(service: Service, listener: TcpListener) {
    // The builder sets `tcp_nodelay` only on its own listeners.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    drop(Server::builder().add_service(ExecutorServer::new(service)).serve_with_incoming(incoming).await);
}

impl Drop for FakeExecutor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    fn see(&self, see: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &self.seen {
            see(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[tonic::async_trait]
impl Executor for Service {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        self.see(|seen| {
            let text =
                |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let trace = (text("traceparent"), text("tracestate"));
            seen.executed.push(Executed { request: request.get_ref().clone(), trace });
        });
        if let Behaviour::Slow(time) = self.behaviour {
            tokio::time::sleep(time).await;
        }
        if self.behaviour == Behaviour::Fails {
            return Err(Status::internal("the fake fails"));
        }
        if self.behaviour == Behaviour::Overloaded {
            return Err(Status::resource_exhausted("the fake has no room"));
        }
        let outcome = |call: callgate_proto::executor::v1::Call| {
            let result = if self.behaviour == Behaviour::NotJson { "{".to_owned() } else { call.arguments };
            let id = if self.behaviour == Behaviour::OtherIds { format!("other-{}", call.id) } else { call.id };
            CallOutcome { id, outcome: Some(Outcome::Success(Success { result })), usage: None }
        };
        let mut outcomes: Vec<CallOutcome> = request.into_inner().calls.into_iter().map(outcome).collect();
        if self.behaviour == Behaviour::TooFew {
            outcomes.pop();
        }
        Ok(Response::new(ExecuteResponse { outcomes }))
    }

    async fn authorize(&self, _: Request<AuthorizeRequest>) -> Result<Response<AuthorizeResponse>, Status> {
        Err(Status::unimplemented("the fake knows no approvals"))
    }

    async fn admit(&self, _: Request<AdmitRequest>) -> Result<Response<AdmitResponse>, Status> {
        Err(Status::unimplemented("the fake counts nothing"))
    }

    async fn charge(&self, _: Request<ChargeRequest>) -> Result<Response<ChargeResponse>, Status> {
        Err(Status::unimplemented("the fake counts nothing"))
    }

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        self.see(|seen| seen.recorded.extend(request.into_inner().decisions));
        Ok(Response::new(RecordResponse {}))
    }
}
