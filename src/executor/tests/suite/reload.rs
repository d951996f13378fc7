//! New contracts without a restart.

use std::time::Duration;

use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use tonic::Code;

use crate::desk::{Desk, Ended};
use crate::guests;
use crate::program::Program;

pub(crate) async fn call(address: &str, digest: &str) -> Result<Ended, tonic::Status> {
    let request = ExecuteRequest {
        contract_digest: digest.into(),
        caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
        exchange_id: uuid::Uuid::new_v4().to_string(),
        request_id: String::new(),
        round: 1,
        calls: vec![Call { id: "1".into(), tool: "t".into(), arguments: "{}".into(), ..Call::default() }],
        ..ExecuteRequest::default()
    };
    let mut client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    Ok(client.execute(request).await?.into_inner().outcomes.remove(0).into())
}

fn change(desk: &Desk, from: &str, to: &str) {
    let path = desk.path().join("contract.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    // By rename, as tools that roll out files do.
    let new = desk.path().join("contract.new");
    std::fs::write(&new, text.replace(from, to)).unwrap();
    std::fs::rename(&new, &path).unwrap();
}

pub(crate) fn digest(line: &serde_json::Value) -> String {
    line["digest"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_contract_replaces_the_old_one_without_a_restart() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &[]);
    let old = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    assert_eq!(call(&address, &old).await.unwrap().result(), "1");

    change(&desk, "version: 1.0.0", "version: 1.0.1");
    let new = digest(&program.logged("contract is admitted"));
    program.logged("contracts are reloaded");
    assert_ne!(old, new);
    assert_eq!(call(&address, &new).await.unwrap().result(), "1");
    assert_eq!(call(&address, &old).await.unwrap_err().code(), Code::FailedPrecondition);

    program.terminate();
    assert_eq!(program.exit_code(Duration::from_secs(20)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_contract_changes_nothing_and_is_reported_with_its_line() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &[]);
    let old = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();

    change(&desk, "effects: read", "effects: sometimes");
    let refused = program.logged_with("effects");
    assert!(
        refused.contains("contract.yaml:") && refused.contains("expected `read`, `write` or `destructive`"),
        "{refused}"
    );
    program.logged("the reload is refused; what was served before is served on");
    assert_eq!(call(&address, &old).await.unwrap().result(), "1");

    // The repaired contract is served again. A signal loads it although its digest is already served.
    change(&desk, "effects: sometimes", "effects: read");
    program.signal("HUP");
    program.logged("contracts are reloaded");
    assert_eq!(call(&address, &old).await.unwrap().result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pinned_module_is_reloaded() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &[]);
    let old = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();

    std::fs::write(desk.path().join("t.wasm"), b"something else").unwrap();
    program.signal("HUP");
    let refused = program.logged_with("run.wasm.sha256");
    assert!(refused.contains("callgate pin"), "{refused}");
    assert_eq!(call(&address, &old).await.unwrap().result(), "1");
}
