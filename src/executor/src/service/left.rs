//! Calls that an executor left running when it ended: each is told of once, as unknown.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::settle;
use super::parts::Parts;
use crate::audit;
use crate::outcome;

/// Where the memory is shared, another executor may end at any time.
const EVERY: Duration = Duration::from_secs(30);

/// Looks for them, now and again, for as long as it is polled. What ran is not known here but for its name; the decision of the same
/// name stands in the audit log.
pub(crate) async fn follow(parts: Arc<Parts>) {
    loop {
        match parts.once.left().await {
            Ok(left) => {
                for call in left {
                    let key = call.key;
                    let call = audit::Call {
                        exchange_id: key.exchange_id.clone(),
                        round: key.round,
                        position: key.position,
                        tenant: key.tenant.clone(),
                        ..audit::Call::default()
                    };
                    settle(&parts, &key, &call, "", &outcome::unknown(String::new(), "the tool")).await;
                }
            }
            Err(error) => tracing::warn!(%error, "calls that were left running cannot be looked up"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
