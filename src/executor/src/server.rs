//! The server around the service: listener, health, reflection, and how it all ends.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callgate_proto::executor::v1::executor_server::ExecutorServer;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_reflection::server::Builder;

use crate::admission::Registry;
use crate::config::Config;
use crate::drain::InFlight;
use crate::queue::Load;
use crate::reload;
pub use crate::service::PartsError;
use crate::service::{Parts, Service, left};
use crate::telemetry::{self, Metrics};
use crate::transport::{Bound, Listener, Port, TransportError};
use crate::web::{Side, SideError};

/// After the last call of a drain: time for its answer to leave.
const FLUSH: Duration = Duration::from_millis(200);

/// An executor that listens, but does not answer yet.
pub struct Server {
    listener: Listener,
    http: Option<Side>,
    parts: Arc<Parts>,
    request_bytes: usize,
    grace_period: Duration,
}

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be opened.
    #[error(transparent)]
    Listen(#[from] TransportError),
    /// The HTTP side cannot be served.
    #[error("{0}")]
    Http(#[from] SideError),
    /// What calls need cannot be opened.
    #[error("{0}")]
    Parts(#[from] PartsError),
    /// The descriptors for reflection are broken: a fault of this program.
    #[error("reflection: {0}")]
    Reflection(String),
    /// The transport failed.
    #[error("serving: {0}")]
    Transport(String),
}

// === impl Server ===

impl Server {
    /// Listens on the configured address, and opens what calls need.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or its certificates cannot be used; the state directory or a backend cannot.
    pub async fn bind(config: &Config, registry: Arc<Registry>, metrics: &Metrics) -> Result<Self, ServerError> {
        let listener = Listener::bind(&config.listen, Port::Grpc, metrics).await?;
        let (request_bytes, grace_period) = (config.request_bytes, config.grace_period);
        let parts = Arc::new(Parts::open(config, registry, metrics).await?);
        let http = Side::bind(config, &parts.approvals, &parts.audit, metrics).await?;
        let http = http.map(|side| side.with(telemetry::metrics_router(metrics.clone())));
        Ok(Self { listener, http, parts, request_bytes, grace_period })
    }

    /// Where it listens; with port 0 configured, the port that was taken.
    pub fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Where the HTTP side listens, if there is one.
    pub fn http_address(&self) -> Option<&Bound> {
        self.http.as_ref().map(Side::address)
    }

    /// How full the sandboxes are, whenever it is asked.
    pub fn load(&self) -> impl Fn() -> Load + Send + Sync + 'static {
        let queue = self.parts.queues.sandbox.clone();
        move || queue.load()
    }

    /// Follows changes of the configuration in `file`, which was read as `config`, for as long as it is polled: other contracts
    /// are served without a restart.
    ///
    /// # Errors
    /// SIGHUP cannot be waited for.
    pub fn reloading(&self, file: PathBuf, config: Config) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        reload::watch(file, config, Arc::clone(&self.parts))
    }

    /// Serves until `stop`, then drains: nothing new is accepted, health says so, and what runs gets the grace period.
    ///
    /// # Errors
    /// The transport failed.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let in_flight = InFlight::new();
        // Also while draining: who waits may want to look. Dropped at the end, they end with the last call.
        let mut beside = JoinSet::new();
        if let Some(side) = self.http {
            beside.spawn(async move {
                if let Err(error) = side.serve(std::future::pending()).await {
                    tracing::error!(%error, "the HTTP side has ended");
                }
            });
        }
        beside.spawn(left::follow(Arc::clone(&self.parts)));
        let executor = ExecutorServer::new(Service::new(Arc::clone(&self.parts), in_flight.clone()))
            .max_decoding_message_size(self.request_bytes);
        let (health, health_service) = health_reporter();
        set_health(&health, ServingStatus::Serving).await;
        let reflection = |builder: Builder<'static>| {
            builder
                .register_encoded_file_descriptor_set(callgate_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let broken = |error: tonic_reflection::server::Error| ServerError::Reflection(error.to_string());
        let reflection_v1 = reflection(Builder::configure()).build_v1().map_err(broken)?;
        // Older tools (grpcurl among them, for a long time) ask for this one.
        let reflection_v1alpha = reflection(Builder::configure()).build_v1alpha().map_err(broken)?;

        let (drain, drained) = oneshot::channel::<()>();
        let serving = tonic::transport::Server::builder()
            .add_service(executor)
            .add_service(health_service)
            .add_service(reflection_v1)
            .add_service(reflection_v1alpha)
            .serve_with_incoming_shutdown(self.listener.incoming(), async {
                // A dropped sender means the same.
                let _ = drained.await;
            });
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended.map_err(|error| ServerError::Transport(error.to_string())),
            () = stop => {}
        }

        tracing::info!(running = in_flight.running(), grace_period = ?self.grace_period, "draining");
        set_health(&health, ServingStatus::NotServing).await;
        in_flight.close();
        let _ = drain.send(());
        let idle = async {
            in_flight.idle().await;
            tokio::time::sleep(FLUSH).await;
        };
        tokio::select! {
            ended = &mut serving => ended.map_err(|error| ServerError::Transport(error.to_string()))?,
            () = idle => {}
            () = tokio::time::sleep(self.grace_period) => {}
        }
        tracing::info!(cut_off = in_flight.running(), "stopped");
        Ok(())
    }
}

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    health.set_service_status("", status).await;
    health.set_service_status(callgate_proto::executor::v1::EXECUTOR_SERVICE, status).await;
}
