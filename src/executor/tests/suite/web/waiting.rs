//! A call that waits for approval, and the audit log of its answers.

use std::time::Duration;

use callgate_approvals::{About, Ask};
use callgate_audit::{AuditError, AuditLog};
use callgate_executor::config::Config;
use callgate_state::StateError;

/// Opens the audit log; its former user may still be closing it.
pub(crate) fn audit(config: &Config) -> AuditLog {
    for _ in 0..500 {
        match AuditLog::open(&config.state_dir, &config.audit) {
            Ok(log) => return log,
            Err(AuditError::State(StateError::InUse { .. })) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the audit log was never given back");
}

pub(crate) fn ask() -> Ask {
    Ask {
        tenant: "acme".into(),
        role: "clerk".into(),
        contract_digest: format!("sha256:{}", "ab".repeat(32)),
        tool: "create_order".into(),
        arguments: r#"{"quantity":2,"sku":"A-100"}"#.into(),
        workspace: None,
        exchange_id: "exchange-1".into(),
        about: About { contract: "order-desk".into(), version: "2.0.0".into(), ..About::default() },
    }
}
