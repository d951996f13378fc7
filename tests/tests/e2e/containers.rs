//! The rights of the executor's container, and the content of its image.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::stack::{Container, run};
use callgate_tests::upstream::script::Round;
use serde_json::Value;

use crate::world::{Ask, Cx};

/// The executor's user, in the image and in the process.
const USER: &str = "65532";

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "the executor's process is not root, and has and gains no capability" => powerless,
        "the executor writes to its volume and can write nowhere else" => writes,
        "the executor's image has one program, and no shell" => one_program,
        "the executor's image runs as no other user" => image_user,
    }
}

fn container(cx: &Cx) -> &Container {
    cx.stack.executor().0.container().expect("the executor runs in a container")
}

fn inspected(container: &Container) -> Value {
    let described: Value = serde_json::from_str(&run(&mut container.command("inspect", &[])).unwrap()).unwrap();
    described[0].clone()
}

/// Reads a file of `/proc` about the executor's process, unless the process is on another machine or another user's.
fn proc(cx: &Cx, file: &str) -> Option<String> {
    let id = inspected(container(cx))["State"]["Pid"].as_u64().expect("the process's id");
    let read = fs::read_to_string(format!("/proc/{id}/{file}")).ok();
    if read.is_none() {
        println!("SKIPPED: /proc/…/{file} of the executor's container cannot be read from here");
    }
    read
}

async fn powerless(cx: Cx) {
    let Some(status) = proc(&cx, "status") else { return };
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the field");
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // Real, effective, saved, file system. In a user namespace of the engine the number differs, but is never root's.
    assert!(field("Uid").iter().all(|id| id != "0"), "{status}");
    assert!(field("Gid").iter().all(|id| id != "0"), "{status}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(field("NoNewPrivs"), ["1"]);
}

async fn writes(cx: Cx) {
    // A call, so that the executor writes something.
    let ask = Ask::script(Round::call("lookup_stock", r#"{"quantity":2,"sku":"AB-12"}"#).then(Round::say("done")));
    let (status, body) = cx.whole("refuse", &ask).await;
    assert_eq!(status, 200, "{body}");

    let Some(mounts) = proc(&cx, "mounts") else { return };
    let mounts: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    let writable: BTreeSet<&str> = mounts
        .iter()
        .filter(|mount| mount[3].split(',').any(|option| option == "rw"))
        .map(|mount| mount[1])
        // The kernel's own file systems, and the engine's files over a container's names. They are root's, and the executor
        // is not root.
        .filter(|at| {
            !["/proc", "/dev", "/sys"]
                .iter()
                .any(|own| at.strip_prefix(own).is_some_and(|r| r.is_empty() || r.starts_with('/')))
        })
        .filter(|at| !["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"].contains(at))
        .collect();
    assert_eq!(writable, BTreeSet::from(["/var/lib/callgate"]), "{mounts:#?}");
    let changed = run(&mut container(&cx).command("diff", &[])).unwrap();
    // Mount points made by the engine itself; they hold no file of the executor's.
    let of_executor =
        |line: &&str| !["/etc", "/var", "/run", "/dev", "/proc", "/sys"].iter().any(|own| line.contains(own));
    assert_eq!(changed.lines().find(of_executor), None, "{changed}");
    let kept = format!("/proc/{}/root/var/lib/callgate", inspected(container(&cx))["State"]["Pid"]);
    assert!(fs::read_dir(&kept).unwrap().count() > 0, "{kept} has what the executor keeps");
}

async fn one_program(cx: Cx) {
    let archive = cx.stack.folder().join("executor.tar");
    let option = format!("--output={}", archive.display());
    run(&mut container(&cx).command("export", &[&option])).unwrap();
    let listed = run(Command::new("tar").arg("-tf").arg(&archive)).unwrap();
    let files: Vec<&str> = listed.lines().filter(|line| !line.ends_with('/')).collect();
    let programs: Vec<&str> = files.iter().copied().filter(|file| file.contains("bin/")).collect();
    assert_eq!(programs, ["usr/bin/callgate-executor"], "{listed}");
    let known = |file: &str| {
        let library = file.contains(".so");
        // Entries that an engine puts into every container.
        let own = ["dev/", "proc/", "sys/", "run/"].iter().any(|own| file.starts_with(own));
        library || own || file.starts_with("etc/") || file == ".dockerenv"
    };
    assert_eq!(files.iter().find(|file| !known(file) && !programs.contains(file)), None, "{listed}");
}

async fn image_user(cx: Cx) {
    let described = inspected(container(&cx));
    let image = described["Image"].as_str().expect("the image's id").to_owned();
    let described = run(&mut container(&cx).engine().command(["image", "inspect", &image])).unwrap();
    let described: Value = serde_json::from_str(&described).unwrap();
    let config = &described[0]["Config"];
    assert_eq!(config["User"], format!("{USER}:{USER}"));
    assert_eq!(config["Entrypoint"], serde_json::json!(["/usr/bin/callgate-executor"]));
    assert!(config["Volumes"].get("/var/lib/callgate").is_some(), "{config}");
}
