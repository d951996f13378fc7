//! An executor that answers what a test wants, in the place of the real one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_server::{Executor, ExecutorServer};
use callgate_proto::executor::v1::{
    CallOutcome, ExecuteRequest, ExecuteResponse, RecordRequest, RecordResponse, Success,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
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
}

/// A running fake; dropping it ends it.
#[derive(Debug)]
pub struct FakeExecutor {
    address: SocketAddr,
    begun: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

struct Service {
    behaviour: Behaviour,
    begun: Arc<AtomicUsize>,
}

impl FakeExecutor {
    /// Starts on `address`; port 0 takes a free one.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let begun = Arc::new(AtomicUsize::new(0));
        let service = ExecutorServer::new(Service { behaviour, begun: begun.clone() });
        let server = Server::builder().tcp_nodelay(true).add_service(service);
        let task =
            tokio::spawn(async move { drop(server.serve_with_incoming(TcpListenerStream::new(listener)).await) });
        Ok(Self { address, begun, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have come.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

impl Drop for FakeExecutor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tonic::async_trait]
impl Executor for Service {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if let Behaviour::Slow(time) = self.behaviour {
            tokio::time::sleep(time).await;
        }
        if self.behaviour == Behaviour::Fails {
            return Err(Status::internal("the fake fails"));
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

    async fn record(&self, _: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        Ok(Response::new(RecordResponse {}))
    }
}
