//! The fence: contracts may grant only files the operator allows, and none of the executor's own.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::desk::{Desk, wasm};
use crate::guests;

fn granting(grants: &str) -> Desk {
    let desk = Desk::new().configured("http: { listen: 127.0.0.1:0, tokens: \"file:conf/tokens\" }").tool(
        "t",
        &wasm(&guests::answer("1")),
        grants,
    );
    for folder in ["data/in", "conf", "schemas", "callgate-state/modules"] {
        std::fs::create_dir_all(desk.path().join(folder)).unwrap();
    }
    std::fs::write(desk.path().join("conf/tokens"), "").unwrap();
    private(&desk.path().join("callgate-state"));
    private(&desk.path().join("callgate-state/modules"));
    desk
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn folder(host: &str, mode: &str) -> String {
    format!("files: [{{ host: \"{host}\", guest: /data, mode: {mode} }}]")
}

#[test]
fn a_folder_around_or_inside_the_executors_own_is_refused() {
    for mode in ["ro", "rw"] {
        for (host, what) in [
            (".", "which no tool may reach"),
            ("/", "which no tool may reach"),
            ("..", "which no tool may reach"),
            ("data/..", "which no tool may reach"),
            ("to-root/proc/self/root", "which no tool may reach"),
            ("callgate-state", "stateDir, which no tool may reach"),
            ("callgate-state/modules", "stateDir, which no tool may reach"),
            ("to-state", "stateDir, which no tool may reach"),
            ("conf", "the token file, which no tool may reach"),
        ] {
            let desk = granting(&folder(host, mode)).allowing(&[Path::new("/")]);
            symlink("callgate-state", desk.path().join("to-state")).unwrap();
            symlink("/", desk.path().join("to-root")).unwrap();
            let refused = desk.refused();
            assert!(refused.starts_with("contract.yaml: tool t: run.wasm.files: "), "{host}: {refused}");
            assert!(refused.contains("holds or lies in") && refused.contains(what), "{host}: {refused}");
        }
    }
}

#[test]
fn a_program_reaches_nothing_of_the_executors_own() {
    for (field, path, what) in [
        ("read", "callgate-state", Some("stateDir")),
        ("read", "callgate-state/modules", Some("stateDir")),
        ("read", "to-state", Some("stateDir")),
        ("read", "conf", Some("the token file")),
        ("read", "conf/tokens", Some("the token file")),
        ("read", "", Some("which no program may reach")),
        ("read", "contract.yaml", Some("a file of a contract")),
        ("read", "executor.yaml", Some("the configuration")),
        ("read", "data/in", None),
        ("read", "data/ca.pem", None),
        ("write", "data/ca.pem", Some("a CA file")),
        ("write", "data", Some("a CA file")),
        ("write", "data/in", None),
        ("write", "callgate-state", Some("stateDir")),
    ] {
        let desk = granting("");
        let (folder, ca) = (desk.path().to_owned(), desk.path().join("data/ca.pem"));
        symlink("callgate-state", folder.join("to-state")).unwrap();
        std::fs::write(&ca, "").unwrap();
        let backends =
            format!("backends: {{ b: {{ address: \"https://127.0.0.1:1\", tls: {{ ca: {} }} }} }}", ca.display());
        let path = folder.join(path);
        let programs = format!("programs: {{ p: {{ command: [/bin/true], {field}: [\"{}\"] }} }}", path.display());
        let desk = desk.configured(&backends).configured(&programs);
        match what {
            Some(what) => {
                let refused = desk.refused();
                let place = format!("executor.yaml: programs.p.{field}: ");
                assert!(refused.contains(&place) && refused.contains(what), "{field} {}: {refused}", path.display());
            }
            None => assert_eq!(desk.fault(), None, "{field} {}", path.display()),
        }
    }
}

#[test]
fn a_folder_with_a_file_of_a_contract_is_refused() {
    let module = wasm(&guests::answer("1"));
    let result = "result: { $ref: \"schemas/result.json\" }";
    let desk = Desk::new().tool_with("t", &module, &folder("schemas", "ro"), result);
    std::fs::create_dir(desk.path().join("schemas")).unwrap();
    std::fs::write(desk.path().join("schemas/result.json"), "{}").unwrap();
    let refused = desk.refused();
    assert!(refused.contains("schemas/result.json, a file of a contract, which no tool may reach"), "{refused}");
}

#[test]
fn an_unallowed_grant_is_refused_and_the_error_has_the_line() {
    for (allow, host, line) in [
        (&[][..], "data", "sandbox: { allow: [data] }"),
        (&["conf"], "data/in", "sandbox: { allow: [conf, data/in] }"),
        (&["data/in"], "data", "sandbox: { allow: [data/in, data] }"),
        (&["gone"], "data", "sandbox: { allow: [gone, data] }"),
    ] {
        let allow: Vec<_> = allow.iter().map(Path::new).collect();
        let desk = granting(&folder(host, "rw")).allowing(&allow);
        let refused = desk.refused();
        assert!(refused.contains("is not in a folder that this executor may grant"), "{refused}");
        assert!(refused.contains(&format!("to allow it, write `{line}` in executor.yaml")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_an_allowed_folder_are_granted() {
    for allow in ["data", "data/in", "."] {
        let desk = Desk::with(&guests::answer("1"), &folder("data/in", "rw")).allowing(&[Path::new(allow)]);
        std::fs::create_dir_all(desk.path().join("data/in")).unwrap();
        assert_eq!(desk.once().await.result(), "1", "{allow}");
    }
}

#[test]
fn an_allowed_path_crosses_no_link() {
    for (allow, reason) in [("link", "symbolic link"), ("link/in", "found: ")] {
        let desk = granting(&folder("data/in", "rw")).allowing(&[Path::new(allow)]);
        symlink("data", desk.path().join("link")).unwrap();
        let refused = desk.refused();
        assert!(refused.starts_with("executor.yaml: sandbox.allow: expected a file or folder at "), "{refused}");
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn a_secret_must_be_allowed_and_not_the_executors_own() {
    let secret =
        |desk: &Desk, path: &str| format!("secretEnv: {{ API_KEY: \"file:{}\" }}", desk.path().join(path).display());
    for (path, allow, told) in [
        ("data/key", &[][..], "to allow it, write `secrets: { allow: [data/key] }` in executor.yaml"),
        ("data/key", &["conf"], "to allow it, write `secrets: { allow: [conf, data/key] }` in executor.yaml"),
        ("conf/tokens", &["conf"], "is or lies in conf/tokens, the token file, which no tool may read"),
        ("conf/link", &["conf"], "is or lies in conf/tokens, the token file, which no tool may read"),
        ("callgate-state/key", &["."], "is or lies in callgate-state, stateDir, which no tool may read"),
        ("contract.yaml", &["."], "is or lies in contract.yaml, a file of a contract, which no tool may read"),
    ] {
        let desk = granting("");
        let grants = secret(&desk, path);
        let allow: Vec<_> = allow.iter().map(Path::new).collect();
        let desk = desk.tool("u", &wasm(&guests::answer("2")), &grants).allowing(&allow);
        for file in ["data/key", "callgate-state/key", "contract.yaml"] {
            std::fs::write(desk.path().join(file), "s3cret").unwrap();
        }
        symlink("tokens", desk.path().join("conf/link")).unwrap();
        let refused = desk.refused();
        assert!(refused.starts_with("contract.yaml: tool u: run.wasm.secretEnv.API_KEY: "), "{refused}");
        assert!(refused.contains(told), "{path}: {refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
}

#[test]
fn a_folder_with_the_secret_of_any_tool_is_refused() {
    for mode in ["ro", "rw"] {
        for path in ["data/key", "data/in/key", "data/link"] {
            let desk = granting(&folder("data", mode));
            let file = desk.path().join(path);
            let secret = format!("secretEnv: {{ API_KEY: \"file:{}\" }}", file.display());
            let desk = desk.tool("u", &wasm(&guests::answer("2")), &secret);
            let desk = desk.allowing(&[Path::new("data"), Path::new("conf")]);
            std::fs::write(desk.path().join("conf/key"), "s3cret").unwrap();
            if path == "data/link" {
                symlink("../conf/key", &file).unwrap();
            } else {
                std::fs::write(&file, "s3cret").unwrap();
            }
            let refused = desk.refused();
            assert!(refused.starts_with("contract.yaml: tool t: run.wasm.files: "), "{path}: {refused}");
            assert!(
                refused.contains(&format!("{path}, a secret of a tool, which no tool may reach")),
                "{path}: {refused}"
            );
        }
    }
}

#[test]
fn a_folder_with_a_link_on_the_way_to_the_executor_s_own_is_refused() {
    for (tokens, links) in [
        ("links/conf/tokens", &[("../conf", "links/conf")][..]),
        ("first/tokens", &[("links/second", "first"), ("../conf", "links/second")]),
        ("conf/link", &[("../links/tokens", "conf/link"), ("../conf/tokens", "links/tokens")]),
    ] {
        for host in ["links", "links/in"] {
            let tokens = format!("http: {{ listen: 127.0.0.1:0, tokens: \"file:{tokens}\" }}");
            let desk = Desk::new().configured(&tokens).tool("t", &wasm(&guests::answer("1")), &folder(host, "rw"));
            for made in ["links/in", "conf"] {
                std::fs::create_dir_all(desk.path().join(made)).unwrap();
            }
            std::fs::write(desk.path().join("conf/tokens"), "").unwrap();
            for (target, link) in links {
                symlink(target, desk.path().join(link)).unwrap();
            }
            let desk = desk.allowing(&[Path::new("links")]);
            if host == "links/in" {
                // The entry beside the link leads nowhere.
                desk.digest();
                continue;
            }
            let refused = desk.refused();
            assert!(refused.contains("the token file, which no tool may reach"), "{tokens}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_secret_may_be_a_link_within_its_folder() {
    // As Kubernetes mounts secrets.
    let desk = Desk::new();
    let key = desk.path().join("secrets/key");
    let grants = format!("secretEnv: {{ API_KEY: \"file:{}\" }}", key.display());
    let desk = desk.tool("t", &wasm(&guests::answer("1")), &grants).allowing(&[Path::new("secrets")]);
    std::fs::create_dir_all(desk.path().join("secrets/..2026")).unwrap();
    std::fs::write(desk.path().join("secrets/..2026/key"), "s3cret").unwrap();
    symlink("..2026", desk.path().join("secrets/..data")).unwrap();
    symlink("..data/key", desk.path().join("secrets/key")).unwrap();
    assert_eq!(desk.once().await.result(), "1");
}
