//! How many calls wait for a person, put among the numbers now and again.

use std::sync::Arc;
use std::time::Duration;

use super::services::Parts;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// Looks for as long as it is polled.
pub(crate) async fn follow(parts: Arc<Parts>) {
    let mut failing = false;
    loop {
        match parts.approvals.waiting().await {
            Ok(waiting) => {
                parts.instruments.metrics.approvals().waiting(waiting);
                failing = false;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(reason = %error, "calls that wait for a person cannot be counted");
                }
                failing = true;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
