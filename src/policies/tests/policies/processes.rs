//! The processes themselves: what they inherit, how they end, how many they are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use callgate_policies::{Policies, PolicyFiles, WorkerProgram};
use serde_json::json;

use crate::{input, rego, rego_settings, verdict};

/// The processes that this thread started.
fn children() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_process_that_was_killed_is_replaced_without_a_denial() {
    let policies = rego("package p\nallow if input.arguments.n == 1");
    assert_eq!(verdict(&policies, &input(&json!({ "n": 1 }))), "allow");
    let first = children();
    assert_eq!(first.len(), 1, "the process of the check has ended");
    assert_eq!(verdict(&policies, &input(&json!({ "n": 1 }))), "allow");
    assert_eq!(children(), first, "a process answers many questions");
    assert!(Command::new("kill").args(["-KILL", &first[0]]).status().unwrap().success());
    // Its first thread may have ended before the others, which still hold its pipes.
    let is_dead = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", first[0])).unwrap();
        let threads = std::fs::read_dir(format!("/proc/{}/task", first[0])).unwrap().count();
        stat.split(' ').nth(2) == Some("Z") && threads <= 1
    };
    while !is_dead() {
        thread::yield_now();
    }
    assert_eq!(verdict(&policies, &input(&json!({ "n": 1 }))), "allow");
    assert_eq!(verdict(&policies, &input(&json!({ "n": 2 }))), "deny");
    assert_ne!(children(), first);
    drop(policies);
    assert!(children().is_empty(), "no process is left");
}

#[test]
fn a_process_inherits_no_variable_and_no_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").canonicalize().unwrap();
    let _file = std::fs::File::open(&path).unwrap();
    let policies = rego("package p\nallow := true");
    assert_eq!(verdict(&policies, &input(&json!({}))), "allow");
    let process = format!("/proc/{}", children()[0]);
    assert_eq!(std::fs::read(format!("{process}/environ")).unwrap(), b"");
    // The test's own starter may leave files open for everybody, but not this one.
    let open = std::fs::read_dir(format!("{process}/fd")).unwrap();
    let open: Vec<_> = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(open.len() >= 3 && !open.contains(&path), "{open:?}");
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let image = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(image.split_whitespace().nth(4), Some("0"), "{image}");
}

#[test]
fn many_calls_at_once_each_get_their_own_answer() {
    let policies = Arc::new(rego("package p\nallow if input.arguments.n % 2 == 0"));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let policies = Arc::clone(&policies);
            thread::spawn(move || {
                for n in 0..40 {
                    let n = thread * 1000 + n;
                    let expected = if n % 2 == 0 { "allow" } else { "deny" };
                    assert_eq!(verdict(&policies, &input(&json!({ "n": n }))), expected);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_program_that_is_no_worker_is_a_fault_at_load() {
    for (program, wanted) in [
        ("/nowhere/at/all", "policies: no process can be started to evaluate them: "),
        ("/bin/true", "policies: the process that checks them ended"),
    ] {
        let files = PolicyFiles::new(|_: &Path| Ok("package p\nallow := true".to_owned()));
        let error = Policies::load(&[rego_settings()], &files, WorkerProgram::at(program)).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{program}: {error}");
    }
}
