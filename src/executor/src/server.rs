//! The server around the service: listener, health, reflection, and how it all ends.

use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
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
use crate::service::Service;
use crate::telemetry::Instruments;
use crate::transport::{Bound, Listener, Port, TransportError};

/// After the last call of a drain: time for its answer to leave.
const FLUSH: Duration = Duration::from_millis(200);

/// An executor that listens, but does not answer yet.
pub struct Server {
    listener: Listener,
    registry: Arc<Registry>,
    instruments: Instruments,
    request_bytes: usize,
    grace_period: Duration,
    state_dir: PathBuf,
}

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be opened.
    #[error(transparent)]
    Listen(#[from] TransportError),
    /// There is nowhere to keep what must outlive the process.
    #[error("stateDir: {folder} cannot be made: {reason}; give a folder that this user can write")]
    StateDir {
        /// The configured folder.
        folder: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The descriptors for reflection are broken: a fault of this program.
    #[error("reflection: {0}")]
    Reflection(String),
    /// The transport failed.
    #[error("serving: {0}")]
    Transport(String),
}

// === impl Server ===

impl Server {
    /// Listens on the configured address.
    ///
    /// # Errors
    /// The address is taken or not this machine's, its certificates cannot be used, or there is nowhere to keep things.
    pub async fn bind(config: &Config, registry: Arc<Registry>, instruments: Instruments) -> Result<Self, ServerError> {
        let listener = Listener::bind(&config.listen, Port::Grpc, &instruments.metrics).await?;
        let (request_bytes, grace_period) = (config.request_bytes, config.grace_period);
        let state_dir = config.state_dir.clone();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&state_dir)
            .map_err(|reason| ServerError::StateDir { folder: state_dir.clone(), reason })?;
        Ok(Self { listener, registry, instruments, request_bytes, grace_period, state_dir })
    }

    /// Where it listens; with port 0 configured, the port that was taken.
    pub fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Serves until `stop`, then drains: nothing new is accepted, health says so, and what runs gets the grace period.
    ///
    /// # Errors
    /// The transport failed.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let in_flight = InFlight::new();
        let executor =
            ExecutorServer::new(Service::new(Arc::clone(&self.registry), in_flight.clone(), self.instruments.clone()))
                .max_decoding_message_size(self.request_bytes);
        let (health, health_service) = health_reporter();
        let readiness = self.instruments.readiness.clone();
        readiness.loaded();
        // Ends with this function.
        let mut watching = JoinSet::new();
        watching.spawn(async move { readiness.follow(|ready| set_health(health.clone(), ready)).await });
        let readiness = self.instruments.readiness.clone();
        watching.spawn(async move { readiness.probe(self.state_dir).await });
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
        self.instruments.readiness.draining();
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
        self.instruments.traces.shutdown().await;
        tracing::info!(cut_off = in_flight.running(), "stopped");
        Ok(())
    }
}

async fn set_health(health: HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status("", status).await;
    health.set_service_status(callgate_proto::executor::v1::EXECUTOR_SERVICE, status).await;
}
