//! The server around the service: ports, health, reflection and shutdown.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn;
use callgate_proto::executor::v1::executor_server::ExecutorServer;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_reflection::server::Builder;

use crate::admission::Registry;
use crate::config::Config;
use crate::drain::InFlight;
use crate::queue::Load;
use crate::reload;
pub use crate::service::ServicesError;
use crate::service::{Service, Services, deadline, lag, orphans, pulse, space, waiting};
use crate::telemetry::Instruments;
use crate::transport::{Bound, Listener, Port, TransportError};
use crate::web::{HttpServer, HttpServerError};

/// The time for the last response of a drain to leave.
const FLUSH: Duration = Duration::from_millis(200);

/// The time for the stores to close into one file each.
const CLOSE: Duration = Duration::from_secs(10);

/// An executor that listens but does not respond yet.
pub struct Server {
    listener: Listener,
    side: Option<HttpServer>,
    services: Arc<Services>,
    request_bytes: usize,
    grace_period: Duration,
    state_dir: PathBuf,
    min_free: u64,
}

/// The reason the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The gRPC port cannot be opened.
    #[error(transparent)]
    Listen(#[from] TransportError),
    /// The HTTP port cannot be opened.
    #[error("http: {0}")]
    HttpServer(#[from] HttpServerError),
    /// A service for calls cannot be opened.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The descriptors for reflection are broken: a fault of this program.
    #[error("reflection: {0}")]
    Reflection(String),
}

// === impl Server ===

impl Server {
    /// Opens the services for calls, then listens on the configured addresses.
    ///
    /// # Errors
    /// An address is taken or not this machine's, its certificates cannot be used, or the state directory or a backend
    /// cannot.
    pub async fn bind(config: &Config, registry: Arc<Registry>, instruments: Instruments) -> Result<Self, ServerError> {
        let services = Services::open(config, registry, instruments).await?;
        let listener = Listener::bind(&config.listen, Port::Grpc, &services.instruments.metrics).await?;
        let side = HttpServer::bind(
            &config.http,
            &config.state_dir,
            config.telemetry.open_metrics,
            &services.approvals,
            &services.audit,
            &services.instruments,
        )
        .await?;
        HttpServer::warn_of_missing_persons(side.as_ref(), &services.approvals, services.serving.load().contracts());
        Ok(Self {
            listener,
            side,
            services: Arc::new(services),
            request_bytes: config.request_bytes,
            grace_period: config.grace_period,
            state_dir: config.state_dir.clone(),
            min_free: config.audit.retention.min_free,
        })
    }

    /// Returns the address; with port 0 configured, the actual port.
    pub fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Returns the HTTP server's address, if there is one.
    pub fn http_address(&self) -> Option<&Bound> {
        self.side.as_ref().map(HttpServer::address)
    }

    /// Returns a function that reads the load of the sandbox.
    pub fn load(&self) -> impl Fn() -> Load + Send + Sync + 'static {
        let queue = self.services.queues.sandbox.clone();
        move || queue.load()
    }

    /// Follows changes of the configuration in `file`, first read as `config`, for as long as it is polled: new
    /// contracts are served without a restart. `hangup` was installed before anything was read.
    pub fn reloading(&self, file: PathBuf, config: Config, hangup: Signal) -> impl Future<Output = ()> + Send + use<> {
        reload::watch(file, config, hangup, Arc::clone(&self.services))
    }

    /// Serves until `stop`, then drains: accepts nothing new, reports it in health, and gives running calls the grace
    /// period.
    ///
    /// # Errors
    /// The descriptors for reflection are broken.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        self.serve_until(stop, std::future::pending()).await
    }

    /// Does the same, but ends the drain at `cut`, whatever still runs.
    ///
    /// # Errors
    /// The descriptors for reflection are broken.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = ()>,
        cut: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let instruments = self.services.instruments.clone();
        let in_flight = InFlight::new();
        let executor = ExecutorServer::new(Service::new(Arc::clone(&self.services), in_flight.clone()))
            .max_decoding_message_size(self.request_bytes);
        let (health, health_service) = health_reporter();
        // A probe that comes before the first state gets this one, instead of the error for an unknown service.
        set_health(health.clone(), false).await;
        let reflection = |builder: Builder<'static>| {
            builder
                .register_encoded_file_descriptor_set(callgate_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let broken = |error: tonic_reflection::server::Error| ServerError::Reflection(error.to_string());
        let reflection_v1 = reflection(Builder::configure()).build_v1().map_err(broken)?;
        // Older tools (for a long time grpcurl among them) ask for this one.
        let reflection_v1alpha = reflection(Builder::configure()).build_v1alpha().map_err(broken)?;

        // Ends with this function.
        let mut beside = JoinSet::new();
        let readiness = instruments.readiness.clone();
        readiness.loaded();
        beside.spawn(async move { readiness.follow(|ready| set_health(health.clone(), ready)).await });
        let readiness = instruments.readiness.clone();
        let state_dir = self.state_dir;
        beside.spawn(space::follow(Arc::clone(&self.services), state_dir.clone(), self.min_free));
        beside.spawn(async move { readiness.probe(state_dir).await });
        beside.spawn(orphans::follow(Arc::clone(&self.services)));
        beside.spawn(lag::follow(Arc::clone(&self.services)));
        beside.spawn(waiting::follow(Arc::clone(&self.services)));
        beside.spawn(pulse::follow(Arc::clone(&self.services)));
        // A dropped sender means the same.
        let (drain, drained) = watch::channel(());
        let until = |mut drained: watch::Receiver<()>| async move {
            let _ = drained.changed().await;
        };
        if let Some(side) = self.side {
            // It answers until the end, for whoever watches the drain.
            beside.spawn(side.serve(std::future::pending()));
        }
        let services = Routes::new(executor)
            .add_service(health_service)
            .add_service(reflection_v1)
            .add_service(reflection_v1alpha)
            .into_axum_router()
            .layer(from_fn(deadline::within));
        let mut serving = std::pin::pin!(self.listener.serve(services, until(drained)));
        tokio::select! {
            () = &mut serving => return Ok(()),
            () = stop => {}
        }

        tracing::info!(running = in_flight.running(), grace_period = ?self.grace_period, "draining");
        instruments.readiness.draining();
        in_flight.close();
        drop(drain);
        let idle = async {
            in_flight.idle().await;
            tokio::time::sleep(FLUSH).await;
        };
        let drained = async {
            tokio::select! {
                () = &mut serving => {}
                () = idle => {}
                () = tokio::time::sleep(self.grace_period) => {}
            }
            instruments.traces.shutdown().await;
        };
        tokio::select! {
            () = drained => {}
            () = cut => tracing::warn!(running = in_flight.running(), "a second signal ends the drain"),
        }
        if tokio::time::timeout(CLOSE, self.services.close()).await.is_err() {
            tracing::warn!("the stores are not closed in time; the next start puts that right");
        }
        tracing::info!(cut_off = in_flight.running(), "stopped");
        Ok(())
    }
}

async fn set_health(health: HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status("", status).await;
    health.set_service_status(callgate_proto::executor::v1::EXECUTOR_SERVICE, status).await;
}
