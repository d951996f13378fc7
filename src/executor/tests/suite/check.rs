//! `--check` finds every fault of a start, and writes nothing.

use std::collections::BTreeMap;
use std::fs::{Permissions, read, read_dir, remove_file, set_permissions, write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::desk::Desk;
use crate::guests;
use crate::program::Program;
use crate::reload::{call, digest};

/// Content and time of change of each file and folder; sockets and the like by time alone.
type Tree = BTreeMap<PathBuf, (Vec<u8>, (i64, i64))>;

fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_file() { read(&path).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (content, (metadata.mtime(), metadata.mtime_nsec())));
        }
    }
    found
}

/// Runs the check and returns the last line.
fn checked(folder: &Path) -> (i32, String) {
    let mut program = Program::of(folder, &["--check"]);
    let mut log = String::new();
    std::io::Read::read_to_string(&mut program.log, &mut log).unwrap();
    let code = program.exit_code(Duration::from_secs(5));
    (code, log.lines().last().unwrap_or_default().replace(&format!("{}/", folder.display()), ""))
}

fn desk(configured: &str) -> Desk {
    let desk = Desk::with(&guests::answer("1"), "").configured(configured);
    desk.config();
    desk
}

/// A state directory as an executor leaves it.
fn used(desk: &Desk) -> PathBuf {
    let mut program = Program::of(desk.path(), &[]);
    program.logged("ready");
    program.terminate();
    assert_eq!(program.exit_code(Duration::from_secs(5)), 0);
    desk.path().join("callgate-state")
}

fn nothing_is_written(folder: &Path) {
    let before = tree(folder);
    let (code, line) = checked(folder);
    assert_eq!(code, 0, "{line}");
    let after = tree(folder);
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    assert!(before == after, "a file or folder was changed");
}

#[test]
fn a_check_before_the_first_start_writes_nothing() {
    nothing_is_written(desk("http: { listen: 127.0.0.1:0 }").path());
}

#[test]
fn a_check_after_a_normal_end_or_a_kill_writes_nothing() {
    let desk = desk("http: { listen: 127.0.0.1:0 }");
    used(&desk);
    nothing_is_written(desk.path());
    let mut program = Program::of(desk.path(), &[]);
    program.logged("ready");
    program.signal("KILL");
    drop(program);
    nothing_is_written(desk.path());
    // One file of the cache is damaged: a start would remove it.
    let artefact = read_dir(desk.path().join("callgate-state/modules")).unwrap().next().unwrap().unwrap().path();
    write(artefact, "damaged").unwrap();
    nothing_is_written(desk.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_beside_a_running_executor_succeeds_and_disturbs_nothing() {
    let desk = desk("");
    let mut program = Program::of(desk.path(), &[]);
    let digest = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    // This port is taken.
    let file = desk.path().join("executor.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    write(&file, text.replace("listen: 127.0.0.1:0", &format!("listen: {address}"))).unwrap();
    for _ in 0..3 {
        assert_eq!(call(&address, &digest).await.unwrap().result(), "1");
        let (code, line) = checked(desk.path());
        assert_eq!(code, 0, "{line}");
    }
    assert_eq!(call(&address, &digest).await.unwrap().result(), "1");
}

#[test]
fn every_fault_of_a_start_fails_the_check() {
    for (configured, expected) in [
        (
            "http: { listen: off, tokens: 'file:none' }\naudit: { redis: { url: 'file:none' } }",
            "audit.redis.url: none: cannot be read",
        ),
        (
            "audit: { archive: { s3: { endpoint: 'http://127.0.0.1:1', bucket: b, region: r, accessKey: 'file:none', secretKey: 'file:none' } } }",
            "audit.archive.s3.accessKey: none: cannot be read",
        ),
        ("http: { listen: 127.0.0.1:0, tokens: 'file:none' }", "http.tokens: "),
        (
            "http: { listen: '192.0.2.1:7071', exposed: 'anyone on the way may read tokens and arguments' }",
            "http.listen: 192.0.2.1:7071",
        ),
        ("http: { listen: 'unix:/nowhere/here.sock' }", "http.listen: unix:/nowhere/here.sock cannot be made"),
        ("once: { postgres: { url: 'file:url' } }", "once.postgres: url: expected a connection string"),
        ("once: { postgres: { url: 'file:far' } }", "once.postgres: far: the server is on another machine"),
        ("audit: { postgres: { url: 'file:far', ca: none.pem } }", "audit.postgres: none.pem: "),
        ("backends: { b: { address: 'https://127.0.0.1:1', tls: { ca: none.pem } } }", "backends.b.tls.ca: "),
        ("telemetry: { otlp: 'https://127.0.0.1:1', otlpCa: none.pem }", "none.pem"),
        ("stateDir: url/state", "stateDir: url/state: cannot be opened"),
    ] {
        let desk = desk(configured);
        write(desk.path().join("url"), "s3cret is no address").unwrap();
        write(desk.path().join("far"), "postgres://u:s3cret@192.0.2.7/d").unwrap();
        let (code, line) = checked(desk.path());
        assert!(code == 1 && line.contains(expected) && !line.contains("s3cret"), "{configured}: {line}");
    }
}

#[test]
fn a_store_that_a_start_could_not_open_fails_the_check() {
    for name in ["calls.db", "approvals.db", "audit.db"] {
        let desk = desk("");
        let path = used(&desk).join(name);
        let later = Connection::open(&path).unwrap();
        later.execute_batch("PRAGMA user_version = 99").unwrap();
        later.close().unwrap();
        let (code, line) = checked(desk.path());
        assert!(code == 1 && line.contains(name) && line.contains("format 99"), "{line}");

        write(
            &path,
            "no database, and longer than a header of one has to be: 100 bytes, of which there are enough now",
        )
        .unwrap();
        let (code, line) = checked(desk.path());
        assert!(code == 1 && line.contains(name), "{line}");

        remove_file(&path).unwrap();
        std::os::unix::fs::symlink(desk.path().join("elsewhere"), &path).unwrap();
        let (code, line) = checked(desk.path());
        assert!(code == 1 && line.contains(name), "{line}");
    }
    // The head beside it proves that a log existed.
    let desk_without = desk("");
    remove_file(used(&desk_without).join("audit.db")).unwrap();
    let (code, line) = checked(desk_without.path());
    assert!(code == 1 && line.contains("audit.db: the audit log is not whole"), "{line}");

    let desk = desk("sandbox: { cacheBytes: 0 }");
    set_permissions(used(&desk), Permissions::from_mode(0o755)).unwrap();
    let (code, line) = checked(desk.path());
    assert!(code == 1 && line.contains("found mode 0755"), "{line}");
}
