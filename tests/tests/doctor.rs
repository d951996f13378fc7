//! `callgate doctor` on the real Envoy, with the built module and with damaged copies of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callgate_tests::stack::Artefacts;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn doctor(envoy: &Path, module: Option<&Path>) -> Said {
    let parts = Artefacts::find().unwrap();
    let mut command = Command::new(parts.cli);
    command.arg("doctor").arg("--envoy").arg(envoy);
    if let Some(module) = module {
        command.arg("--module").arg(module);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn envoy() -> PathBuf {
    Artefacts::find().unwrap().envoy
}

fn module() -> PathBuf {
    Artefacts::find().unwrap().built("the native module", "libcallgate.so").unwrap()
}

/// Writes a copy of the built module with each `from` replaced by `to` of the same length.
fn damaged(folder: &Path, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(module()).unwrap();
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "the module has no {from}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    let file = folder.join("libcallgate.so");
    fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn the_built_module_fits_the_envoy_of_the_tests() {
    let said = doctor(&envoy(), Some(&module()));
    assert_eq!(said.err, "");
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("wasm filter: the V8 runtime is there"), "{}", said.out);
    assert!(said.out.contains("ABI v0.2.0, for Envoy 1.40 and 1.41; calls "), "{}", said.out);
    assert!(said.out.lines().last().unwrap().starts_with("ok: Envoy 1.4"), "{}", said.out);
}

#[test]
fn an_envoy_is_described_without_a_module() {
    let said = doctor(&envoy(), None);
    assert_eq!((said.code, said.err.as_str(), said.out.lines().count()), (Some(0), "", 3), "{}", said.out);
}

#[test]
fn a_callback_that_envoy_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = damaged(folder.path(), "callback_http_append_body", "callback_http_append_moon");
    let said = doctor(&envoy(), Some(&file));
    assert_eq!(said.code, Some(1));
    let name = "envoy_dynamic_module_callback_http_append_moon";
    let file = file.display();
    assert_eq!(
        said.err,
        format!("{file}: calls {name}, which this Envoy does not export; use a module built for this version\n")
    );
    assert!(!said.out.contains("ok: "), "{}", said.out);
}

#[test]
fn a_missing_hook_and_an_unknown_hook_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = damaged(folder.path(), "on_http_filter_stream_complete", "on_http_filter_stream_expired_");
    let said = doctor(&envoy(), Some(&file));
    assert_eq!(said.code, Some(1));
    let lacks = "lacks the hook envoy_dynamic_module_on_http_filter_stream_complete, which Envoy requires";
    let strange = "exports the hook envoy_dynamic_module_on_http_filter_stream_expired_, which this Envoy never calls";
    assert!(said.err.contains(lacks) && said.err.contains(strange), "{}", said.err);
    assert_eq!(said.err.lines().count(), 2, "{}", said.err);
}

#[test]
fn a_module_for_other_versions_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let file = damaged(folder.path(), "1.40 and 1.41", "1.30 and 1.31");
    let said = doctor(&envoy(), Some(&file));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains(": does not fit Envoy 1.4"), "{}", said.err);
    assert!(said.err.contains(", only 1.30 and 1.31; use one of them, or the wasm filter"), "{}", said.err);
}

#[test]
fn other_files_are_named() {
    let parts = Artefacts::find().unwrap();
    for (envoy, module, expected) in [
        (&parts.executor, None, "is not Envoy: `--version` prints no version of it; pass Envoy's program itself"),
        (&parts.envoy, Some(&parts.filter), "is not an ELF file; pass a program or module for Linux"),
        (&parts.envoy, Some(&parts.executor), "is not Callgate's native module; pass libcallgate.so"),
    ] {
        let said = doctor(envoy, module.map(PathBuf::as_path));
        assert_eq!(said.code, Some(1));
        let file = module.unwrap_or(envoy).display();
        assert_eq!(said.err, format!("{file}: {expected}\n"));
    }
    let said = doctor(Path::new("no/such/envoy"), None);
    assert!(said.err.starts_with("no/such/envoy: cannot be read: "), "{}", said.err);
}
