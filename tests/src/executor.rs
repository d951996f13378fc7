//! An executor that answers what a test wants, in the place of the real one.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_server::{Executor, ExecutorServer};
use callgate_proto::executor::v1::{
    CallOutcome, Decision, ExecuteRequest, ExecuteResponse, RecordRequest, RecordResponse, Success,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What a fake executor does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Every call's result is its arguments, at once.
    Echo,
    /// The same, but after this long.
    Slow(Duration),
    /// One outcome less than there were calls.
    TooFew,
    /// Outcomes under ids that nobody asked for.
    OtherIds,
    /// Results that are no JSON.
    NotJson,
    /// An internal error.
    Fails,
    /// No room, for anything.
    Overloaded,
}

/// What a fake executor was asked.
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
    /// Its `traceparent` and `tracestate`, where it had them.
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
    /// None where nobody will ask: the bench's echo.
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests to run calls have come.
    pub fn begun(&self) -> usize {
        self.executed().len()
    }

    /// The requests to run calls.
    pub fn executed(&self) -> Vec<Executed> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).executed.clone()
    }

    /// The decisions on calls of this tenant's that it was told, in the order in which they came.
    pub fn recorded(&self, tenant: &str) -> Vec<Decision> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = |decision: &&Decision| decision.caller.as_ref().is_some_and(|caller| caller.tenant == tenant);
        seen.recorded.iter().filter(of_tenant).cloned().collect()
    }
}

/// Serves an echo that remembers nothing, for a bench to compare with.
pub async fn echo(listen: SocketAddr) -> io::Result<()> {
    let service = Service { behaviour: Behaviour::Echo, seen: None };
    serve(service, TcpListener::bind(listen).await?).await;
    Ok(())
}

async fn serve(service: Service, listener: TcpListener) {
    // Of the builder's own listeners only would its `tcp_nodelay` be true.
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

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        self.see(|seen| seen.recorded.extend(request.into_inner().decisions));
        Ok(Response::new(RecordResponse {}))
    }
}
