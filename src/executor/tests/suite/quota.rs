//! Folders a tool may write to: never more than their quota, in any way and with any number of writers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use callgate_proto::executor::v1::FailureKind;

use crate::component::component;
use crate::desk::{Desk, Running, wasm};
use crate::guests::{self, until_refused};

/// `nospc` of WASI preview 1.
const NO_SPACE: &str = "t ended with exit code 51";
const QUOTA: u64 = 1 << 20;
const GRANT: &str = "timeout: 60s, files: [{ host: data, guest: /data, mode: rw, quota: 1MiB }]";

fn desk(module: &[u8]) -> Desk {
    let desk = Desk::new().tool("t", module, GRANT);
    std::fs::create_dir(desk.path().join("data")).unwrap();
    desk
}

/// Bytes of all files, by their lengths.
fn held(folder: &Path) -> u64 {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap().size()).sum()
}

/// Ways to make a folder grow; each is one step, repeated.
fn ways() -> Vec<(&'static str, String)> {
    let open_once = "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))))";
    let append_once = "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 1)))))";
    vec![
        ("writing", format!("{open_once} (local.set $error (call $write (i32.const 50000)))")),
        ("appending", format!("{append_once} (local.set $error (call $write (i32.const 50000)))")),
        (
            "writing far behind the end",
            format!(
                "{open_once} (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 1))
                (local.set $error (call $fd_pwrite (global.get $fd) (i32.const 0) (i32.const 1)
                  (i64.mul (i64.const 300000) (i64.extend_i32_u (local.get $n))) (i32.const 8)))"
            ),
        ),
        (
            "setting the size",
            format!(
                "{open_once} (local.set $error (call $fd_filestat_set_size (global.get $fd)
                  (i64.mul (i64.const 300000) (i64.extend_i32_u (local.get $n)))))"
            ),
        ),
        (
            "many files",
            "(call $letters (local.get $n)) (local.set $error (call $open (i32.const 3) (i32.const 1) (i32.const 0)))
            (if (i32.eqz (local.get $error)) (then (local.set $error (call $write (i32.const 50000)))))"
                .to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_growing_passes_the_quota() {
    for (way, step) in ways() {
        let desk = desk(&wasm(&until_refused("f", &step))).start().await;
        let ended = desk.call("t", "{}").await;
        assert_eq!(ended.message(), NO_SPACE, "{way}");
        let held = held(&desk.path("data"));
        assert!(held <= QUOTA && held > QUOTA / 2, "{way}: {held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_no_way_either() {
    for (way, step) in ways() {
        let desk = desk(&component(&until_refused("f", &step))).start().await;
        assert_eq!(desk.call("t", "{}").await.kind(), FailureKind::NonzeroExit, "{way}");
        let held = held(&desk.path("data"));
        assert!(held <= QUOTA && held > QUOTA / 2, "{way}: {held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_counts() {
    let write = "(local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))
        (local.set $error (call $write (i32.const 50000)))";
    let desk = desk(&wasm(&until_refused("f", write)));
    std::fs::write(desk.path().join("data/there"), vec![0; 1_000_000]).unwrap();
    let desk = desk.start().await;
    assert_eq!(desk.call("t", "{}").await.message(), NO_SPACE);
    assert_eq!(held(&desk.path("data")), 1_000_000);
    // And it no longer does when its owner took it away.
    std::fs::remove_file(desk.path("data/there")).unwrap();
    desk.call("t", "{}").await;
    assert_eq!(desk.path("data/f").metadata().unwrap().len(), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_that_is_still_open_counts() {
    let step = "(local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))
        (drop (call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.const 1)))
        (if (i32.eqz (local.get $error)) (then (local.set $error (call $write (i32.const 50000)))))";
    for module in [wasm(&until_refused("f", step)), component(&until_refused("f", step))] {
        let desk = desk(&module).start().await;
        let ended = desk.call("t", "{}").await;
        assert_eq!(ended.kind(), FailureKind::NonzeroExit, "{ended:?}");
        assert_eq!(held(&desk.path("data")), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_makes_room_for_the_next_call() {
    let step = "(local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))
        (if (i32.eqz (local.get $error)) (then (local.set $error (call $write (i32.const 50000)))))
        (if (i32.eqz (local.get $error)) (then
          (local.set $error (call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.const 1)))))
        (if (i32.eq (local.get $n) (i32.const 10)) (then (local.set $error (i32.const 99))))";
    let desk = desk(&wasm(&until_refused("f", step))).start().await;
    for _ in 0..4 {
        assert_eq!(desk.call("t", "{}").await.message(), "t ended with exit code 99");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_share_one_quota() {
    let module = |name: &str| {
        let step = "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))))
            (local.set $error (call $write (i32.const 3000)))";
        wasm(&until_refused(name, step))
    };
    let desk = Desk::new().tool("a", &module("a"), GRANT).tool("b", &module("b"), GRANT).tool("c", &module("c"), GRANT);
    std::fs::create_dir(desk.path().join("data")).unwrap();
    let desk = desk.start().await;
    let calls = [("a", "{}"), ("b", "{}"), ("c", "{}"), ("a", "{}")];
    let ended = desk.execute(desk.request("clerk", &calls)).await.unwrap();
    assert!(ended.iter().all(|ended| ended.message().ends_with("ended with exit code 51")), "{ended:?}");
    let held = held(&desk.path("data"));
    assert!(held <= QUOTA && held > QUOTA - 10_000, "{held}");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_entries_are_bounded_too() {
    let ways = [
        "(call $letters (local.get $n)) (local.set $error (call $open (i32.const 3) (i32.const 1) (i32.const 0)))",
        "(call $letters (local.get $n))
         (local.set $error (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 3)))",
        "(call $letters (local.get $n)) (local.set $error
          (call $path_symlink (i32.const 1027) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 3)))",
        "(call $letters (local.get $n)) (local.set $error (call $path_link
          (i32.const 3) (i32.const 0) (i32.const 1027) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 3)))",
    ];
    for step in ways {
        let desk = desk(&wasm(&until_refused("___f", step)));
        let data = desk.path().join("data");
        std::fs::write(data.join("f"), "").unwrap();
        for n in 0..9_899 {
            std::fs::hard_link(data.join("f"), data.join(format!("there-{n}"))).unwrap();
        }
        let desk = desk.start().await;
        assert_eq!(desk.call("t", "{}").await.message(), NO_SPACE, "{step}");
        assert_eq!(desk.path("data").read_dir().unwrap().count(), 10_000, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_cannot_be_moved_or_linked_between_quotas() {
    let xdev = "75";
    for step in [
        "(local.set $error (call $path_rename (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 4) (i32.const 1024) (i32.const 1)))",
        "(local.set $error (call $path_link
           (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 4) (i32.const 1024) (i32.const 1)))",
    ] {
        let grants = "files: [{ host: one, guest: /one, mode: rw }, { host: two, guest: /two, mode: rw }]";
        let desk = Desk::new().tool("t", &wasm(&until_refused("f", step)), grants);
        for folder in ["one", "two"] {
            std::fs::create_dir(desk.path().join(folder)).unwrap();
        }
        std::fs::write(desk.path().join("one/f"), "").unwrap();
        let desk = desk.start().await;
        assert_eq!(desk.call("t", "{}").await.message(), format!("t ended with exit code {xdev}"));
        assert!(desk.path("one/f").exists() && !desk.path("two/f").exists());
    }
}

#[test]
fn writable_folders_in_one_another_are_refused() {
    let grants = "files: [{ host: data, guest: /a, mode: rw }, { host: data/in, guest: /b, mode: rw }]";
    let desk = Desk::with(&guests::answer("1"), grants);
    std::fs::create_dir_all(desk.path().join("data/in")).unwrap();
    let refused = desk.refused();
    assert!(refused.contains("run.wasm.files:") && refused.contains("lie in one another"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_pipe_or_a_device_is_not_opened() {
    for mode in ["ro", "rw"] {
        for make in [wasm(&guests::open("pipe", 0, 2, false)), component(&guests::open("pipe", 0, 2, false))] {
            let grants = format!("timeout: 60s, files: [{{ host: data, guest: /data, mode: {mode} }}]");
            let desk = Desk::new().tool("t", &make, &grants);
            std::fs::create_dir(desk.path().join("data")).unwrap();
            let pipe = desk.path().join("data/pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let ended = desk.once().await;
            // Not a timeout: nobody waited for a writer.
            assert_eq!(ended.kind(), FailureKind::NonzeroExit, "{ended:?}");
        }
    }
}

/// Writes a few bytes, again and again, into one file; ends with 0 after so many writes.
fn writes(count: u32) -> String {
    let step = format!(
        "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 1)))))
        (if (i32.eqz (local.get $error)) (then (local.set $error (call $write (i32.const 10)))))
        (if (i32.eqz (local.get $error)) (then (if (i32.eq (local.get $n) (i32.const {count})) (then
          (call $print (i32.const 1) (i32.const 1040) (i32.const 1)) (call $proc_exit (i32.const 0))))))"
    );
    until_refused("f...............1", &step)
}

/// More calls than the system's blocking threads write to one folder. Each of them ends, and others run meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_that_write_to_one_folder_all_end() {
    const CALLS: usize = 700;
    for module in [wasm(&writes(5)), component(&writes(5))] {
        let grants = "timeout: 300s, memory: 1MiB, files: [{ host: data, guest: /data, mode: rw, quota: 1MiB }]";
        let desk = Desk::new()
            .tool("t", &module, grants)
            .tool("other", &wasm(&guests::answer("1")), "timeout: 300s")
            .configured("queue: { length: 4096, perTenant: 4096 }")
            .at_once(1024);
        std::fs::create_dir(desk.path().join("data")).unwrap();
        let desk = desk.start().await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            let (client, request) = (desk.client.clone(), desk.request("clerk", &[("t", "{}")]));
            calls.spawn(Running::send(client, request));
        }
        for _ in 0..20 {
            assert_eq!(desk.call("other", "{}").await.result(), "1");
        }
        let ended: Vec<_> = calls.join_all().await.into_iter().flat_map(Result::unwrap).collect();
        assert!(ended.iter().all(|ended| ended.result.as_deref() == Ok("1")), "{ended:?}");
        assert_eq!(held(&desk.path("data")), u64::try_from(CALLS).unwrap() * 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_deeper_than_any_path_may_be_does_not_fill_its_folder() {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::OwnedFd;

    let write = "(local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))
        (local.set $error (call $write (i32.const 10)))
        (if (i32.eqz (local.get $error)) (then (local.set $error (i32.const 99))))";
    let desk = desk(&wasm(&until_refused("f", write)));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here: OwnedFd = std::fs::File::open(desk.path().join("data")).unwrap().into();
    let name = "x".repeat(200);
    for _ in 0..50 {
        rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, &name, flags, Mode::empty()).unwrap();
    }
    let desk = desk.start().await;
    assert_eq!(desk.call("t", "{}").await.message(), "t ended with exit code 99");
    // Folders this deep need a walk to be removed as well.
    assert!(std::process::Command::new("rm").arg("-rf").arg(desk.path("data")).status().unwrap().success());
}

#[test]
fn a_read_only_folder_inside_a_writable_one_is_refused() {
    for (one, two) in [("work", "work/sub"), ("work/sub", "work"), ("work", "link"), ("link", "work")] {
        for (mode, other) in [("rw", "ro"), ("ro", "rw"), ("rw", "rw")] {
            let desk = Desk::new()
                .tool("a", &wasm(&guests::answer("1")), &format!("files: [{{ host: {one}, guest: /a, mode: {mode} }}]"))
                .tool(
                    "b",
                    &wasm(&guests::answer("1")),
                    &format!("files: [{{ host: {two}, guest: /b, mode: {other} }}]"),
                );
            std::fs::create_dir_all(desk.path().join("work/sub")).unwrap();
            std::os::unix::fs::symlink("work/sub", desk.path().join("link")).unwrap();
            let refused = desk.refused();
            assert!(refused.starts_with("contract.yaml: tool b: run.wasm.files: "), "{refused}");
            assert!(refused.contains("which the tool a is granted, lie in one another"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_folders_may_be_nested_or_shared() {
    for (one, two, modes) in
        [("work", "work/sub", ["ro", "ro"]), ("work", "work", ["rw", "ro"]), ("work", "work", ["rw", "rw"])]
    {
        let desk = Desk::new()
            .tool(
                "a",
                &wasm(&guests::answer("1")),
                &format!("files: [{{ host: {one}, guest: /a, mode: {} }}]", modes[0]),
            )
            .tool(
                "b",
                &wasm(&guests::answer("1")),
                &format!("files: [{{ host: {two}, guest: /b, mode: {} }}]", modes[1]),
            );
        std::fs::create_dir_all(desk.path().join("work/sub")).unwrap();
        assert_eq!(desk.start().await.call("b", "{}").await.result(), "1");
    }
}

/// Bytes of all files, each once however many names it has.
fn held_once(folder: &Path) -> u64 {
    let found = folder.read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    found.map(|found| (found.ino(), found.size())).collect::<std::collections::BTreeMap<_, _>>().values().sum()
}

/// Files are made, cut, linked, renamed over each other and deleted in all orders: the count is never too low.
#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_changes_passes_the_quota_or_loses_room_for_good() {
    let every = |n: u32, change: &str| {
        format!("(if (i32.eqz (i32.rem_u (local.get $n) (i32.const {n}))) (then (drop {change})))")
    };
    let changes = [
        every(
            3,
            "(call $path_link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 3) (i32.const 1028) (i32.const 3))",
        ),
        every(
            5,
            "(call $path_rename (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 3) (i32.const 1028) (i32.const 3))",
        ),
        every(
            6,
            "(call $path_rename (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 3) (i32.const 1024) (i32.const 3))",
        ),
        every(7, "(call $path_unlink_file (i32.const 3) (i32.const 1028) (i32.const 3))"),
        every(11, "(call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.const 3))"),
        every(4, "(call $fd_filestat_set_size (global.get $fd) (i64.const 100000))"),
        every(9, "(call $fd_filestat_set_size (global.get $fd) (i64.const 10))"),
        every(2, "(call $write (i32.const 60000))"),
    ];
    let step = format!(
        "(call $letters (i32.and (local.get $n) (i32.const 15)))
        (drop (call $open (i32.const 3) (i32.or (i32.const 1) (i32.shl (i32.and (local.get $n) (i32.const 1)) (i32.const 3))) (i32.const 0)))
        (drop (call $write (i32.const 30000))) {}
        (if (i32.eq (local.get $n) (i32.const 250)) (then (local.set $error (i32.const 99))))",
        changes.join("\n")
    );
    let fill =
        "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))))
        (local.set $error (call $write (i32.const 50000)))";
    for make in [wasm as fn(&str) -> Vec<u8>, component] {
        let churn = make(&until_refused("___ zzz", &step));
        let desk = Desk::new().tool("churn", &churn, GRANT).tool("fill", &make(&until_refused("f", fill)), GRANT);
        std::fs::create_dir(desk.path().join("data")).unwrap();
        let desk = desk.start().await;
        let data = desk.path("data");
        for _ in 0..4 {
            let calls = [("churn", "{}"), ("churn", "{}")];
            let ended = desk.execute(desk.request("clerk", &calls)).await.unwrap();
            assert!(ended.iter().all(|ended| ended.kind() == FailureKind::NonzeroExit), "{ended:?}");
            assert!(held_once(&data) <= QUOTA, "{}", held_once(&data));
        }
        for entry in data.read_dir().unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        assert_eq!(desk.call("fill", "{}").await.kind(), FailureKind::NonzeroExit);
        let held = held_once(&data);
        assert!(held <= QUOTA && held > QUOTA - 50_000, "{held}");
    }
}
