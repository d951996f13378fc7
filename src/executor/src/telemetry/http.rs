//! The pages for machines: `/metrics`, `/healthz`, `/readyz`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics::Metrics;
use super::readiness::Readiness;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/healthz` (the process lives) and `/readyz` (it can take calls; else 503 and one line for each problem).
/// Both are open to anyone: they reveal nothing about calls.
pub fn health_router(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(readiness)
}

/// Serves `/metrics` for Prometheus.
pub fn metrics_router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let faults = readiness.faults();
    if faults.is_empty() {
        let warnings = readiness.warnings().into_iter().map(|warning| format!("warning: {warning}\n"));
        return format!("ready\n{}", warnings.collect::<String>()).into_response();
    }
    let body = faults.into_iter().map(|fault| fault + "\n").collect::<String>();
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn page(State(metrics): State<Metrics>) -> Response {
    match metrics.page() {
        Ok(page) => ([(header::CONTENT_TYPE, OPENMETRICS)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
