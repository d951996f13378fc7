//! Files: only granted ones, only as granted, and no escape.

use std::os::unix::fs::symlink;

use callgate_proto::executor::v1::FailureKind;

use crate::component::component;
use crate::desk::{Desk, wasm};
use crate::guests::open;

const CREATE: u32 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

/// A desk whose tool has `folder/data`, with `note.json` in it, as `/data`; a secret is beside it.
fn desk(wat: &str, mode: &str) -> Desk {
    let desk = Desk::with(wat, &format!("files: [{{ host: data, guest: /data, mode: {mode} }}]"));
    std::fs::create_dir(desk.path().join("data")).unwrap();
    std::fs::write(desk.path().join("data/note.json"), "{\"kept\":true}").unwrap();
    std::fs::write(desk.path().join("secret.json"), "\"secret\"").unwrap();
    symlink("../secret.json", desk.path().join("data/way-out.json")).unwrap();
    symlink("/etc", desk.path().join("data/etc")).unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_granted_folder_can_be_read() {
    for mode in ["ro", "rw"] {
        assert_eq!(desk(&open("note.json", 0, READ, false), mode).once().await.result(), r#"{"kept":true}"#);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_folder_cannot_be_written() {
    for (path, oflags) in [("note.json", 0), ("new.json", CREATE), ("note.json", CREATE | 8)] {
        let desk = desk(&open(path, oflags, WRITE, true), "ro");
        let running = desk.start().await;
        assert_eq!(running.call("t", "{}").await.kind(), FailureKind::NonzeroExit, "{path} {oflags}");
        assert_eq!(running.file("data/note.json").unwrap(), "{\"kept\":true}");
        assert!(running.file("data/new.json").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_granted_for_writing_can_be_written() {
    let running = desk(&open("new.json", CREATE, WRITE, true), "rw").start().await;
    assert_eq!(running.call("t", "{}").await.result(), "1");
    assert_eq!(running.file("data/new.json").unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_a_granted_folder() {
    for path in ["../secret.json", "x/../../secret.json", "way-out.json", "etc/passwd", "/etc/passwd", ".."] {
        for mode in ["ro", "rw"] {
            let ended = desk(&open(path, 0, READ, false), mode).once().await;
            assert_eq!(ended.kind(), FailureKind::NonzeroExit, "{path}");
            assert!(!ended.message().contains("secret"), "{}", ended.message());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grant_there_is_no_file_system() {
    let ended = Desk::with(&open("note.json", 0, READ, false), "").once().await;
    // 8 is `badf`: no preopened folder exists to begin from.
    assert_eq!(ended.message(), "t ended with exit code 8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_own_link_leads_nowhere_outside() {
    // A symbolic link to the secret beside the folder, then opened; a hard link out of the folder, and one into it.
    let link = |target: &str| {
        format!(
            "(local.set $error (call $path_symlink (i32.const 1025) (i32.const {}) (i32.const 3) (i32.const 1024) (i32.const 1)))
             (if (i32.eqz (local.get $error)) (then (local.set $error (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024)
               (i32.const 1) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))))
             (if (i32.eqz (local.get $error)) (then (local.set $error (i32.const 1000))))",
            target.len()
        )
    };
    let hard = |from: (u32, usize), to: (u32, usize)| {
        format!(
            "(local.set $error (call $path_link (i32.const 3) (i32.const 0) (i32.const {}) (i32.const {}) (i32.const 3)
               (i32.const {}) (i32.const {})))
             (if (i32.eqz (local.get $error)) (then (local.set $error (i32.const 1000))))",
            from.0, from.1, to.0, to.1
        )
    };
    for (text, step) in [
        ("l../secret.json".to_owned(), link("../secret.json")),
        ("l/etc/passwd".to_owned(), link("/etc/passwd")),
        ("n../secret.json".to_owned(), hard((1025, 14), (1024, 1))),
        ("note.json../out.json".to_owned(), hard((1024, 9), (1033, 11))),
    ] {
        let running = desk(&crate::guests::until_refused(&text, &step), "rw").start().await;
        let ended = running.call("t", "{}").await;
        assert_eq!(ended.kind(), FailureKind::NonzeroExit, "{text}: {ended:?}");
        assert!(!ended.message().contains("exit code 1000"), "{text}: {ended:?}");
        assert!(running.file("out.json").is_none());
    }
}

/// An attacker with write access above a granted folder renames it and puts a link to another folder in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_place_of_a_granted_folder_leads_nowhere() {
    let read = open("note.json", 0, READ, false);
    for module in [wasm(&read), component(&read)] {
        for mode in ["ro", "rw"] {
            let grants = format!("files: [{{ host: work/sub, guest: /data, mode: {mode} }}]");
            let desk = Desk::new().tool("t", &module, &grants);
            let at = |path: &str| desk.path().join(path);
            std::fs::create_dir_all(at("work/sub")).unwrap();
            std::fs::create_dir_all(at("secret")).unwrap();
            std::fs::write(at("work/sub/note.json"), "\"mine\"").unwrap();
            std::fs::write(at("secret/note.json"), "\"secret\"").unwrap();
            let desk = desk.start().await;
            std::fs::rename(desk.path("work/sub"), desk.path("work/moved")).unwrap();
            symlink("../secret", desk.path("work/sub")).unwrap();
            assert_eq!(desk.call("t", "{}").await.result(), "\"mine\"", "{mode}");
        }
    }
}
