//! Reports each call an ended executor left running once, as `unknown`.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::settle;
use super::services::Services;
use crate::outcome;
use callgate_audit as audit;

/// The interval between two looks. Executors that share a store can end at any time.
const EVERY: Duration = Duration::from_secs(30);

/// Reports orphans for as long as it is polled. The arguments are not known here: the audit log has them in the
/// decision of the same name.
pub(crate) async fn follow(services: Arc<Services>) {
    loop {
        match services.once.left().await {
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
                    settle(&services, &key, &call, "", &outcome).await;
                }
            }
            Err(error) => tracing::warn!(%error, "orphaned calls cannot be read"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
