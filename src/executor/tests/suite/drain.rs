//! The real program: its start, its log lines, and its end.

use std::io::BufRead as _;
use std::process::Command;
use std::time::Duration;

use crate::desk::{Desk, Ended, wasm};
use crate::guests;
use crate::program::Program;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};

/// Calls `t` once for each of these arguments.
pub(crate) fn request(digest: &str, arguments: &[&str]) -> ExecuteRequest {
    let call = |arguments: &&str| Call {
        id: "1".into(),
        tool: "t".into(),
        arguments: (*arguments).to_owned(),
        ..Call::default()
    };
    ExecuteRequest {
        contract_digest: digest.into(),
        caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
        exchange_id: "e".into(),
        request_id: String::new(),
        round: 0,
        calls: arguments.iter().map(call).collect(),
        ..ExecuteRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_running_calls_and_begins_no_more() {
    let desk = Desk::with(&guests::late("\"done\"", 1_000), "timeout: 20s");
    let mut program = Program::start(&desk, &[]);
    let digest = program.logged("contract is admitted")["digest"].as_str().unwrap().to_owned();
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    let mut client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    let request = request(&digest, &["{\"n\":424242}"]);
    let running = tokio::spawn({
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.execute(request).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    program.terminate();
    assert_eq!(program.logged("draining")["running"], 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(client.execute(request).await.is_err(), "the old connection takes nothing more");
    assert!(ExecutorClient::connect(format!("http://{address}")).await.is_err(), "and there is no new one");

    let outcome = running.await.unwrap().unwrap().into_inner().outcomes.remove(0);
    assert_eq!(Ended::from(outcome).result(), "\"done\"");
    let call = program.logged("call");
    assert_eq!((call["tool"].as_str(), call["outcome"].as_str()), (Some("t"), Some("success")));
    assert!(!call.to_string().contains("424242") && !call.to_string().contains("done"), "{call}");
    assert_eq!(program.logged("stopped")["cut_off"], 0);
    assert_eq!(program.exit_code(Duration::from_secs(5)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_drain_at_once() {
    let desk = Desk::with(&guests::late("1", 60_000), "timeout: 120s");
    let mut program = Program::start(&desk, &[]);
    let digest = program.logged("contract is admitted")["digest"].as_str().unwrap().to_owned();
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    let mut client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    let request = request(&digest, &["{}"]);
    let running = tokio::spawn(async move { client.execute(request).await });
    // If the drain began before the call, it would end without it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    program.terminate();
    assert_eq!(program.logged("draining")["running"], 1);
    program.signal("INT");
    assert_eq!(program.logged("a second signal ends the drain")["running"], 1);
    // Well under the grace period of 10 seconds.
    assert_eq!(program.exit_code(Duration::from_secs(5)), 0);
    assert!(running.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_during_a_start_are_obeyed() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &[]);
    // The first line comes long before "ready".
    program.logged("sandbox is set up");
    program.signal("HUP");
    program.logged("ready");
    assert_eq!(program.logged("contracts are reloaded")["cause"], "Signal");
    program.terminate();
    assert_eq!(program.exit_code(Duration::from_secs(5)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_executor_ends_at_once() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &[]);
    program.logged("ready");
    program.terminate();
    assert_eq!(program.exit_code(Duration::from_secs(3)), 0);
}

#[test]
fn check_loads_everything_and_ends() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut program = Program::start(&desk, &["--check"]);
    assert_eq!(program.logged("checked")["contracts"], 1);
    assert_eq!(program.exit_code(Duration::from_secs(5)), 0);
}

#[test]
fn a_program_that_cannot_serve_fails_with_the_reason() {
    let desk = Desk::new().tool_pinned("t", &wasm(&guests::answer("1")), &"00".repeat(32), "", "");
    for more in [&[][..], &["--check"]] {
        let mut program = Program::start(&desk, more);
        let mut line = String::new();
        let error = loop {
            line.clear();
            assert!(program.log.read_line(&mut line).unwrap() > 0);
            if line.contains("ERROR") {
                break line;
            }
        };
        assert!(error.contains("run `callgate pin "), "{error}");
        assert_eq!(program.exit_code(Duration::from_secs(5)), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_a_pool_instances_are_allocated_on_demand() {
    let desk = Desk::with(&guests::echo(), "timeout: 20s, memory: 8MiB");
    desk.config();
    // 6 GiB of address space: no pool fits, and two full reservations do not fit either.
    let mut program = Program::from(
        Command::new("sh")
            .args(["-c", "ulimit -v 6291456; exec \"$0\" --config \"$1\""])
            .arg(env!("CARGO_BIN_EXE_callgate-executor"))
            .arg(desk.path().join("executor.yaml")),
    );
    assert_eq!(program.logged("sandbox is set up")["allocation"], "OnDemand");
    let digest = program.logged("contract is admitted")["digest"].as_str().unwrap().to_owned();
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    let client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    for _ in 0..3 {
        let outcomes = client.clone().execute(request(&digest, &["{\"n\":1}"; 4])).await.unwrap().into_inner().outcomes;
        assert!(outcomes.into_iter().all(|outcome| Ended::from(outcome).result() == "{\"n\":1}"));
    }
}
