//! Files: what is granted, the way it is granted, and no way out.

use std::os::unix::fs::symlink;

use callgate_proto::executor::v1::FailureKind;

use crate::desk::Desk;
use crate::guests::open;

const CREATE: u32 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

/// A desk whose tool has `folder/data`, with `note.json` in it, as `/data`; a secret lies beside it.
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
    // 8 is `badf`: there is no preopened folder to begin from.
    assert_eq!(ended.message(), "t ended with exit code 8");
}
