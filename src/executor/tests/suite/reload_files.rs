//! The file changes that cause a reload: all changes of a contract's files, in every way, and no others.

use std::fs::{OpenOptions, create_dir, read_to_string, remove_file, rename, write};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::desk::Desk;
use crate::guests;
use crate::program::Program;
use crate::reload::{call, digest};

const RELOADED: &str = "contracts are reloaded";
const REFUSED: &str = "the reload is refused; what was served before is served on";

/// An executor with its digest and its address.
struct Started(Program, String, String);

fn start(folder: &Path) -> Started {
    let mut program = Program::of(folder, &[]);
    let digest = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    Started(program, digest, address)
}

/// A desk whose contract, with all its files, is in a folder of its own beside `executor.yaml`.
fn apart(module: &str, grants: &str, contracts: &str) -> Desk {
    let desk = Desk::with(module, grants);
    desk.config();
    let at = |name: &str| desk.path().join(name);
    create_dir(at("desk")).unwrap();
    for file in ["contract.yaml", "t.wasm"] {
        rename(at(file), at("desk").join(file)).unwrap();
    }
    list(&desk, contracts);
    desk
}

fn list(desk: &Desk, contracts: &str) {
    let text = format!("listen: 127.0.0.1:0\nhttp: {{ listen: off }}\ncontracts: [{contracts}]\n");
    write(desk.path().join("executor.yaml"), text).unwrap();
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    write(file, text.replace(from, to)).unwrap();
}

/// Returns the messages of these lines that begin so.
fn count(lines: &[serde_json::Value], message: &str) -> usize {
    lines.iter().filter(|line| line["message"].as_str().is_some_and(|found| found.starts_with(message))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_file_nearby_neither_delays_nor_causes_a_reload() {
    let desk = Desk::with(&guests::answer("1"), "");
    desk.config();
    let Started(mut program, old, address) = start(desk.path());
    let busy = Arc::new(AtomicBool::new(true));
    let writer = std::thread::spawn({
        let (busy, file) = (Arc::clone(&busy), desk.path().join("executor.log"));
        move || {
            let mut log = OpenOptions::new().create(true).append(true).open(file).unwrap();
            while busy.load(Ordering::Relaxed) {
                log.write_all(b"a line\n").unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let contract = desk.path().join("contract.yaml");
    edit(&contract, "effects: read", "effects: sometimes");
    program.logged(REFUSED);
    // The fault stays; then it is over, and the served contract is the same.
    tokio::time::sleep(Duration::from_secs(3)).await;
    edit(&contract, "effects: sometimes", "effects: read");
    let lines = program.until("the contracts are valid again");
    assert_eq!((count(&lines, REFUSED), count(&lines, RELOADED)), (0, 0), "{lines:#?}");
    edit(&contract, "version: 1.0.0", "version: 1.0.1");
    let lines = program.until(RELOADED);
    assert_eq!(count(&lines, RELOADED), 1);
    assert!(call(&address, &old).await.is_err());
    // The same fault again: only a signal reports it again, with one line.
    remove_file(&contract).unwrap();
    program.logged(REFUSED);
    program.signal("HUP");
    let lines = program.until(REFUSED);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    busy.store(false, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_files_modules_and_secrets_are_watched() {
    let desk = Desk::new();
    let secret = desk.path().join("api-key");
    write(&secret, "one").unwrap();
    let desk = desk.tool(
        "t",
        &crate::desk::wasm(&guests::surroundings()),
        &format!("secretEnv: {{ API_KEY: \"file:{}\" }}", secret.display()),
    );
    desk.config();
    let contract = desk.path().join("contract.yaml");
    edit(&contract, "{ type: object, properties: { n: { type: integer } } }", "{ $ref: schema.json }");
    write(desk.path().join("schema.json"), r#"{ "type": "object" }"#).unwrap();
    let Started(mut program, old, _) = start(desk.path());

    write(desk.path().join("schema.json"), r#"{ "type": "object", "maxProperties": 3 }"#).unwrap();
    let new = digest(&program.logged("contract is admitted"));
    program.logged(RELOADED);
    assert_ne!(old, new);

    // The digest stays the same; the value differs.
    write(&secret, "two").unwrap();
    assert_eq!(digest(&program.logged("contract is admitted")), new);
    program.logged(RELOADED);

    write(desk.path().join("t.wasm"), "another module").unwrap();
    assert!(program.logged_with("run.wasm.sha256").contains("callgate pin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_restored_and_new_folders_are_followed() {
    let desk = apart(&guests::answer("1"), "", "desk/contract.yaml");
    let Started(mut program, digest, address) = start(desk.path());
    let at = |name: &str| desk.path().join(name);
    rename(at("desk"), at("away")).unwrap();
    assert!(program.logged_with("contract.yaml: cannot be read").contains("No such file"));
    assert_eq!(call(&address, &digest).await.unwrap().result(), "1");
    rename(at("away"), at("desk")).unwrap();
    program.logged("the contracts are valid again");
    // The restored folder is watched.
    edit(&at("desk/contract.yaml"), "version: 1.0.0", "version: 1.0.1");
    program.logged(RELOADED);

    // A list may name a folder that does not exist yet.
    list(&desk, "desk/contract.yaml, new/deep/contract.yaml");
    program.logged(REFUSED);
    create_dir(at("new")).unwrap();
    rename(at("desk"), at("new/deep")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    create_dir(at("desk")).unwrap();
    for file in ["t.wasm", "contract.yaml"] {
        std::fs::copy(at("new/deep").join(file), at("desk").join(file)).unwrap();
    }
    program.logged(
        "two files hold the same contract, digest for digest; only the first is used, with the folder that it lies in",
    );
    program.logged(RELOADED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_and_a_new_contract_that_are_equal_reload_and_then_part() {
    let desk = apart(&guests::answer("1"), "", "desk/contract.yaml, next/contract.yaml");
    let at = |name: &str| desk.path().join(name);
    create_dir(at("next")).unwrap();
    for file in ["t.wasm", "contract.yaml"] {
        std::fs::copy(at("desk").join(file), at("next").join(file)).unwrap();
    }
    let Started(mut program, old, address) = start(desk.path());
    edit(&at("next/contract.yaml"), "version: 1.0.0", "version: 1.0.1");
    assert_eq!(digest(&program.logged("contract is admitted")), old);
    let new = digest(&program.logged("contract is admitted"));
    program.logged(RELOADED);
    for digest in [&old, &new] {
        assert_eq!(call(&address, digest).await.unwrap().result(), "1");
    }
    list(&desk, "next/contract.yaml");
    program.logged(RELOADED);
    assert!(call(&address, &old).await.is_err());
    assert_eq!(call(&address, &new).await.unwrap().result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swapped_link_reloads_as_in_kubernetes() {
    let desk = apart(&guests::answer("1"), "", "mount/contract.yaml");
    let at = |name: &str| desk.path().join(name);
    create_dir(at("mount")).unwrap();
    rename(at("desk"), at("mount/..1")).unwrap();
    symlink("..1", at("mount/..data")).unwrap();
    for file in ["t.wasm", "contract.yaml"] {
        symlink(Path::new("..data").join(file), at("mount").join(file)).unwrap();
    }
    let Started(mut program, old, address) = start(desk.path());
    create_dir(at("mount/..2")).unwrap();
    for file in ["t.wasm", "contract.yaml"] {
        std::fs::copy(at("mount/..1").join(file), at("mount/..2").join(file)).unwrap();
    }
    edit(&at("mount/..2/contract.yaml"), "version: 1.0.0", "version: 1.0.1");
    symlink("..2", at("mount/..new")).unwrap();
    rename(at("mount/..new"), at("mount/..data")).unwrap();
    let new = digest(&program.logged("contract is admitted"));
    program.logged(RELOADED);
    assert_eq!(call(&address, &new).await.unwrap().result(), "1");
    assert!(call(&address, &old).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_grants_are_reloaded_and_the_running_state_directory_stays_fenced() {
    let desk = apart(&guests::answer("1"), "", "desk/contract.yaml");
    let at = |name: &str| desk.path().join(name);
    for folder in ["desk/data", "other"] {
        create_dir(at(folder)).unwrap();
    }
    let Started(mut program, _, address) = start(desk.path());
    let configure = |more: &str| {
        let text = format!("listen: 127.0.0.1:0\nhttp: {{ listen: off }}\ncontracts: [desk/contract.yaml]\n{more}");
        write(at("executor.yaml"), text).unwrap();
    };
    edit(&at("desk/contract.yaml"), ".wasm, sha256", ".wasm, files: [{ host: data, guest: /data, mode: ro }], sha256");
    assert!(program.logged_with("run.wasm.files").contains("sandbox: { allow: ["));
    configure("sandbox: { allow: [desk/data] }\n");
    let digest = digest(&program.logged("contract is admitted"));
    program.logged(RELOADED);
    assert_eq!(call(&address, &digest).await.unwrap().result(), "1");

    edit(&at("desk/contract.yaml"), "host: data", "host: ../callgate-state");
    let refused = program.logged_with("run.wasm.files");
    assert!(refused.contains("stateDir"), "{refused}");
    program.logged(REFUSED);
    // The file now names another state directory, and allows the one in use.
    configure("sandbox: { allow: [desk/data, callgate-state] }\nstateDir: other\n");
    let lines = program.until(REFUSED);
    assert_eq!(count(&lines, RELOADED), 0, "{lines:#?}");
}
