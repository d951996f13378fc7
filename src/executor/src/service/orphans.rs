//! Calls that an executor left running when it ended: each is told of once, as unknown.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::settle;
use super::services::Parts;
use crate::outcome;
use callgate_audit as audit;

/// Where the memory is shared, another executor may end at any time.
const EVERY: Duration = Duration::from_secs(30);

/// Looks for them, now and again, for as long as it is polled. The arguments are not known here: the decision of the same name
/// is in the audit log.
pub(crate) async fn follow(parts: Arc<Parts>) {
    loop {
        match parts.once.left().await {
            Ok(left) => {
                for call in left {
                    let (key, what) = (call.key, call.what);
                    let call = audit::Call {
                        exchange_id: key.exchange_id.clone(),
                        round: key.round,
                        position: key.position,
                        tenant: key.tenant.clone(),
                        role: what.role,
                        contract_digest: what.contract_digest,
                        tool: what.tool,
                        ..audit::Call::default()
                    };
                    let tool = if call.tool.is_empty() { "the tool" } else { &call.tool };
                    let outcome = outcome::unknown(String::new(), tool);
                    settle(&parts, &key, &call, "", &outcome).await;
                }
            }
            Err(error) => tracing::warn!(%error, "calls that were left running cannot be looked up"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
