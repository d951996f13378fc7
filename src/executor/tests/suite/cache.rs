//! Compiled code is kept from one start to the next, and never believed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use callgate_executor::admission::Registry;

use crate::component::component;
use crate::desk::{Desk, wasm};
use crate::guests;

fn artefacts(desk: &Desk) -> Vec<(PathBuf, SystemTime)> {
    let mut files: Vec<_> = desk
        .path()
        .join("callgate-state/modules")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), path.metadata().unwrap().created().unwrap()))
        .collect();
    files.sort();
    files
}

fn admit(desk: &Desk) {
    Registry::admit(&desk.config().admission()).unwrap_or_else(|error| panic!("{error}"));
}

fn both() -> Desk {
    Desk::new().tool("core", &wasm(&guests::answer("1")), "").tool("part", &component(&guests::answer("2")), "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_loads_what_the_first_compiled() {
    let desk = both();
    admit(&desk);
    let first = artefacts(&desk);
    assert_eq!(first.len(), 2);
    admit(&desk);
    assert_eq!(artefacts(&desk), first, "nothing was written again");
    let running = desk.start().await;
    assert_eq!(running.call("core", "{}").await.result(), "1");
    assert_eq!(running.call("part", "{}").await.result(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_compiled_again() {
    for damage in [0usize, 100, 5_000] {
        let desk = both();
        admit(&desk);
        let first = artefacts(&desk);
        for (file, _) in &first {
            let mut bytes = std::fs::read(file).unwrap();
            match damage {
                0 => bytes.truncate(bytes.len() / 2),
                at => bytes[at] ^= 1,
            }
            std::fs::write(file, bytes).unwrap();
        }
        admit(&desk);
        for ((file, _), (before, _)) in artefacts(&desk).iter().zip(&first) {
            assert_eq!(file, before, "the same code has the same name");
        }
        let running = desk.start().await;
        assert_eq!(running.call("core", "{}").await.result(), "1");
        assert_eq!(running.call("part", "{}").await.result(), "2");
    }
}

#[test]
fn one_modules_code_never_runs_as_anothers() {
    let desk = both();
    admit(&desk);
    let files = artefacts(&desk);
    // The files change places, each under the other's whole name.
    let (one, other) = (std::fs::read(&files[0].0).unwrap(), std::fs::read(&files[1].0).unwrap());
    std::fs::write(&files[0].0, &other).unwrap();
    std::fs::write(&files[1].0, &one).unwrap();
    admit(&desk);
    assert_eq!(std::fs::read(&files[0].0).unwrap(), one);
    assert_eq!(std::fs::read(&files[1].0).unwrap(), other);
}

#[test]
fn the_folder_is_bounded_and_the_oldest_is_removed() {
    let desk = Desk::new();
    let modules: Vec<_> = (0..4).map(|n| wasm(&guests::answer(&n.to_string()))).collect();
    let size = {
        let probe = Desk::new().tool("t", &modules[0], "");
        admit(&probe);
        artefacts(&probe)[0].0.metadata().unwrap().len()
    };
    let desk = modules
        .iter()
        .enumerate()
        .fold(desk, |desk, (n, module)| desk.tool(&format!("t{n}"), module, ""))
        .configured(&format!("sandbox: {{ cacheBytes: {} }}", size * 5 / 2));
    admit(&desk);
    assert_eq!(artefacts(&desk).len(), 2);
    let nothing = Desk::with(&guests::answer("1"), "").configured("sandbox: { cacheBytes: 0 }");
    admit(&nothing);
    assert!(!nothing.path().join("callgate-state/modules").exists());
}

#[test]
fn a_folder_that_others_can_enter_is_refused() {
    let desk = both();
    admit(&desk);
    std::fs::set_permissions(desk.path().join("callgate-state/modules"), Permissions::from_mode(0o755)).unwrap();
    let refused = desk.refused();
    assert!(
        refused.starts_with(
            "stateDir: callgate-state/modules: expected a folder of the executor's user that no other user can use, found mode 0755"
        ),
        "{refused}"
    );
}
