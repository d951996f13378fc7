//! Reports each call an ended executor left running once, as `unknown`.
//!
//! An outcome is recorded in the audit log before the idempotency store has it. If the executor ended in between, the
//! record is already there, and the call only ends in the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};

use super::begun::settle;
use super::services::Services;
use crate::idempotency::{Key, OnceError};
use crate::outcome;
use callgate_audit::{self as audit, ReadError};

/// The interval between two looks. Executors that share a store can end at any time.
const EVERY: Duration = Duration::from_secs(30);

/// The reason a call waits for the next look.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] OnceError),
    #[error("the runtime has ended")]
    Runtime(#[from] JoinError),
}

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
                    if let Err(error) = report(&services, key, call).await {
                        tracing::warn!(%error, "an orphaned call cannot be reported yet");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "orphaned calls cannot be read"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn report(services: &Arc<Services>, key: Key, call: audit::Call) -> Result<(), ReportError> {
    let tool = if call.tool.is_empty() { "the tool" } else { &call.tool };
    let outcome = outcome::unknown(String::new(), tool);
    let call = Arc::new(call);
    let (log, asked) = (services.audit.clone(), Arc::clone(&call));
    if spawn_blocking(move || log.reader()?.is_ended(&asked)).await?? {
        services.once.finish(&key, &outcome).await?;
    } else {
        settle(services, &Arc::new(key), &call, "", &outcome).await;
    }
    Ok(())
}
