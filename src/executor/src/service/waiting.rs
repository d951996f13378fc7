//! Measures how many calls wait for a person, at a fixed interval.

use std::sync::Arc;
use std::time::Duration;

use super::services::Services;

/// The interval between two measurements.
const EVERY: Duration = Duration::from_secs(5);

/// Measures for as long as it is polled.
pub(crate) async fn follow(services: Arc<Services>) {
    let mut failing = false;
    loop {
        match services.approvals.waiting().await {
            Ok(waiting) => {
                services.instruments.metrics.approvals().waiting(waiting);
                failing = false;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(reason = %error, "calls waiting for a person cannot be counted");
                }
                failing = true;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
