//! The example tools as `make build` leaves them, in Rust, C and Python and as scripts for CPython, run by a real executor.

use std::path::PathBuf;

use callgate_executor::config::Config;
use callgate_proto::executor::v1::FailureKind;
use callgate_sandbox::Network;
use serde_json::json;

use crate::desk::{Desk, Ended, Running, running};

/// The desk of the example tools, in dist/.
fn desk() -> PathBuf {
    let dist = std::env::var_os("CALLGATE_DIST")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../dist"), PathBuf::from);
    let desk = dist.join("contracts/tool-desk");
    assert!(desk.join("tools").is_dir(), "no example tools in {}: `make build` builds them", desk.display());
    desk.canonicalize().unwrap()
}

fn module(name: &str) -> Vec<u8> {
    let path = desk().join("tools").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; `make build` builds it", path.display()))
}

/// Returns a desk whose tools all run the script of a call, each within its own grants.
fn scripts(tools: &[(&str, &str)]) -> Desk {
    let (python, desk) = (module("python.wasm"), desk());
    let folders = format!(
        "args: [-I, -S, /scripts/run.py], files: [{{ host: {0}/python, guest: /usr, mode: ro }}, {{ host: {0}/scripts, guest: \
         /scripts, mode: ro }}]",
        desk.display()
    );
    tools.iter().fold(Desk::new().allowing(&[&desk]), |desk, (tool, grants)| {
        desk.tool(tool, &python, &format!("{folders}, {grants}"))
    })
}

async fn script(desk: &Running, tool: &str, script: &str) -> Ended {
    desk.call(tool, &json!({ "script": script, "input": [1, 2, 3] }).to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_language_of_the_example_desk_answers_as_its_contract_demands() {
    let folder = tempfile::tempdir().unwrap();
    let contract = desk().join("contract.yaml");
    let (contract, folder_of_it) = (contract.display(), desk());
    let allow = format!("sandbox: {{ allow: [{0}/scripts, {0}/python] }}", folder_of_it.display());
    let text = format!("listen: 127.0.0.1:0\ncontracts: [\"{contract}\"]\n{allow}\n");
    let config = Config::parse("executor.yaml", &text, folder.path()).unwrap();
    let desk = running(config, Network::system(), folder).await;
    for (tool, arguments, result) in [
        ("convert_units", r#"{"value":3,"from":"mi","to":"km"}"#, r#"{"unit":"km","value":4.828032}"#),
        ("check_iban", r#"{"iban":"DE89370400440532013000"}"#, r#"{"country":"DE","valid":true}"#),
        ("check_iban", r#"{"iban":"DE89370400440532013001"}"#, r#"{"country":"DE","valid":false}"#),
        ("describe_numbers", r#"{"numbers":[1,2,6]}"#, r#"{"count":3,"mean":3,"median":2,"stdev":2.6457513110645907}"#),
        ("next_working_day", r#"{"date":"2026-11-27"}"#, r#""2026-11-30""#),
        ("run_python", r#"{"script":"result = {'sum': sum(input)}","input":[1,2,3]}"#, r#"{"sum":6}"#),
    ] {
        let ended = desk.execute(desk.request("analyst", &[(tool, arguments)])).await.unwrap().remove(0);
        assert_eq!(ended.result.as_deref(), Ok(result), "{tool} {arguments}");
    }
    for (tool, arguments, message) in [
        (
            "convert_units",
            r#"{"value":3,"from":"mi","to":"kg"}"#,
            "convert_units failed (invalid_arguments): mi is a length and kg a mass; both units must measure the same",
        ),
        (
            "describe_numbers",
            r#"{"numbers":[1]}"#,
            "describe_numbers failed (invalid_arguments): one number has no deviation; give two or more",
        ),
        (
            "next_working_day",
            r#"{"date":"2026-02-30"}"#,
            "next_working_day ended with exit code 1; its standard error ends: day is out of range for month",
        ),
    ] {
        let ended = desk.call(tool, arguments).await;
        assert_eq!((ended.kind(), ended.message()), (FailureKind::NonzeroExit, message));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_can_do_only_what_its_contract_grants() {
    let grants = "memory: 64MiB, fuel: 1000G, timeout: 60s";
    let desk = scripts(&[
        ("t", grants),
        ("no_fuel", "memory: 64MiB, fuel: 2G, timeout: 60s"),
        ("no_time", "memory: 64MiB, fuel: 1000G, timeout: 3s"),
        ("brief", "memory: 64MiB, fuel: 1000G, timeout: 60s, outputBytes: 1KiB"),
    ])
    .start()
    .await;

    for (text, result) in [
        ("result = sum(input)", "6"),
        (
            "import os\nresult = [sorted(os.environ), os.listdir('/scripts')]",
            r#"[["CALLGATE_CALL_ID","CALLGATE_EXCHANGE_ID","CALLGATE_ROLE","CALLGATE_TENANT"],["run.py"]]"#,
        ),
        ("print('chatter')\nresult = 'quiet'", "\"quiet\""),
        ("try:\n    'x' * (1 << 30)\nexcept MemoryError:\n    result = 'less'", "\"less\""),
    ] {
        assert_eq!(script(&desk, "t", text).await.result.as_deref(), Ok(result), "{text}");
    }

    use FailureKind::{NonzeroExit, OutOfFuel, OutOfMemory, OutputInvalid, OutputTooLarge, Timeout};
    for (tool, text, kind, told) in [
        ("no_fuel", "while True: pass", OutOfFuel, "fuel"),
        ("no_time", "while True: pass", Timeout, "timeout"),
        ("no_time", "import re\nre.match('(a*)*b', 'a' * 99)", Timeout, "timeout"),
        ("t", "x = []\nwhile True: x.append('x' * 100000 + str(len(x)))", OutOfMemory, "memory"),
        ("t", "def f(): f()\nf()", NonzeroExit, "line 1: RecursionError"),
        ("t", "1/0", NonzeroExit, "line 1: ZeroDivisionError"),
        ("t", "result = float('nan')", NonzeroExit, "ValueError"),
        ("t", "def", NonzeroExit, "SyntaxError"),
        ("t", "import sys\nsys.exit(7)", NonzeroExit, "exit code 7"),
        ("t", "open('/etc/passwd')", NonzeroExit, "Error"),
        ("t", "open('/usr/../../etc/passwd')", NonzeroExit, "Error"),
        ("t", "open('/scripts/run.py', 'a')", NonzeroExit, "Error"),
        ("t", "import os\nos.remove('/scripts/run.py')", NonzeroExit, "Error"),
        ("t", "import os\nos.symlink('/etc', '/scripts/etc')", NonzeroExit, "Error"),
        ("t", "import socket\nsocket.create_connection(('127.0.0.1', 80))", NonzeroExit, "Error"),
        ("t", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')", NonzeroExit, "Error"),
        ("t", "import subprocess\nsubprocess.run(['sh'])", NonzeroExit, "Error"),
        ("t", "import threading\nthreading.Thread(target=print).start()", NonzeroExit, "Error"),
        ("t", "import os\nos._exit(0)", OutputInvalid, "JSON"),
        ("t", "import os\nos.write(1, b'{}')\nresult = 1", OutputInvalid, "JSON"),
        ("brief", "result = 'x' * 2000", OutputTooLarge, "standard output"),
        ("t", "while True: print('x' * 1000)", OutputTooLarge, "standard error"),
    ] {
        let ended = script(&desk, tool, text).await;
        assert!(ended.result.is_err(), "{text}: {ended:?}");
        assert!(ended.kind() == kind && ended.message().contains(told), "{text}: {ended:?}");
    }
    assert_eq!(script(&desk, "t", "result = sum(input)").await.result(), "6");
}
