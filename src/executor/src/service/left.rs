//! Calls that an executor left running when it ended: told as unknown, once, by whoever finds them.

use std::sync::Arc;
use std::time::Duration;

use super::attempt;
use super::parts::Parts;
use crate::audit;
use crate::once::Left;
use crate::outcome;

/// How often it is looked. At start, and then for those that share the memory with this one.
const LOOK: Duration = Duration::from_secs(30);

/// Looks for as long as it is polled.
pub(crate) async fn settle(parts: Arc<Parts>) {
    loop {
        match parts.once.left().await {
            Ok(left) => {
                for call in left {
                    tell(&parts, call).await;
                }
            }
            Err(error) => tracing::warn!(reason = %error, "calls that were left running cannot be looked up"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the call was is not kept, but its name and the decision to run it are in the audit log, under the same key.
async fn tell(parts: &Parts, left: Left) {
    let key = left.key;
    let call = audit::Call {
        exchange_id: key.exchange_id.clone(),
        round: key.round,
        position: key.position,
        tenant: key.tenant.clone(),
        ..audit::Call::default()
    };
    attempt::settle(parts, &key, &call, &outcome::unknown(String::new(), "the tool")).await;
}
