//! The state directory and the tokens belong to the executor's user alone, and nothing in them is reached by a planted link.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use crate::desk::Desk;
use crate::guests;
use crate::program::Program;

/// Starts the program and gives its first error; nothing may be served.
fn refused(desk: &Desk) -> String {
    let mut program = Program::of(desk.path(), &[]);
    let error = program.logged_with(": ");
    assert_eq!(program.exit_code(Duration::from_secs(20)), 1, "{error}");
    error.replace(&format!("{}/", desk.path().display()), "")
}

fn desk(configured: &str) -> Desk {
    let desk = Desk::with(&guests::answer("1"), "").configured(configured);
    desk.config();
    desk
}

fn mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder such as the executor makes.
fn state(desk: &Desk) -> std::path::PathBuf {
    let state = desk.path().join("callgate-state");
    std::fs::create_dir(&state).unwrap();
    mode(&state, 0o700);
    state
}

#[test]
fn a_shared_state_directory_is_refused_whatever_the_cache() {
    for configured in ["", "sandbox: { cacheBytes: 0 }"] {
        for others in [0o755, 0o770, 0o711] {
            let desk = desk(configured);
            mode(&state(&desk), others);
            let error = refused(&desk);
            assert!(
                error.starts_with("stateDir: callgate-state: expected a folder of the executor's user")
                    && error.contains(&format!("found mode {others:04o}")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_world_readable_or_empty_tokens_file_is_refused() {
    let line = format!("alice approver sha256:{}\n", "0f".repeat(32));
    for (text, others, expected) in [
        (line.as_str(), 0o644, "found mode 0644"),
        (line.as_str(), 0o620, "found mode 0620"),
        ("# nobody\n", 0o600, "no token (the whole file)"),
    ] {
        let desk = desk("http: { listen: 127.0.0.1:0, tokens: 'file:tokens' }");
        write(desk.path().join("tokens"), text).unwrap();
        mode(&desk.path().join("tokens"), others);
        let error = refused(&desk);
        assert!(error.contains("tokens: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_world_readable_or_empty_token_is_refused() {
    for (text, others, expected) in
        [("0123456789abcdef0123456789\n", 0o640, "found mode 0640"), ("\n", 0o600, "no token")]
    {
        let desk = desk("http: { listen: 127.0.0.1:0 }");
        let token = state(&desk).join("http-token");
        write(&token, text).unwrap();
        mode(&token, others);
        let error = refused(&desk);
        assert!(error.contains("http-token: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn no_start_writes_through_a_planted_link() {
    for name in [
        "calls.lock",
        "calls.db",
        "audit.lock",
        "audit.db",
        "audit.head",
        "approvals.lock",
        "approvals.db",
        "http-token",
        "modules",
    ] {
        let desk = desk("http: { listen: 127.0.0.1:0 }");
        let target = desk.path().join("target");
        if name == "modules" {
            std::fs::create_dir(&target).unwrap();
            mode(&target, 0o700);
        } else {
            write(&target, "").unwrap();
        }
        symlink(&target, state(&desk).join(name)).unwrap();
        let error = refused(&desk);
        assert!(error.contains("callgate-state"), "{name}: {error}");
        match name {
            "modules" => assert_eq!(target.read_dir().unwrap().count(), 0),
            _ => assert_eq!(std::fs::read_to_string(&target).unwrap(), "", "{name}"),
        }
    }
}
