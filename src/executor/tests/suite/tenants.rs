//! Folders per tenant: each tenant has its own, and none reaches another's.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use callgate_proto::executor::v1::{Caller, FailureKind};

use crate::component::component;
use crate::desk::{Desk, Ended, Running, wasm};
use crate::guests::{self, open, until_refused};

const CREATE: u32 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

/// Tools that write and read `note.json` in the tenant's folder, which is in `data`.
fn desk(host: &str, module: fn(&str) -> Vec<u8>) -> Desk {
    let grants = |mode: &str| format!("timeout: 60s, files: [{{ host: \"{host}\", guest: /data, mode: {mode} }}]");
    let desk = Desk::new().tool("write", &module(&open("note.json", CREATE, WRITE, true)), &grants("rw")).tool(
        "read",
        &module(&open("note.json", 0, READ, false)),
        &grants("ro"),
    );
    std::fs::create_dir(desk.path().join("data")).unwrap();
    desk
}

async fn call(desk: &Running, tenant: &str, tool: &str) -> Ended {
    let mut request = desk.request("clerk", &[(tool, "{}")]);
    request.caller = Some(Caller { tenant: tenant.into(), role: "clerk".into(), ..Caller::default() });
    desk.execute(request).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_its_own_folder_and_reads_no_other() {
    for module in [wasm as fn(&str) -> Vec<u8>, component] {
        for (host, inside) in [("data/{tenant}", ""), ("data/{tenant}/notes/new", "/notes/new")] {
            let desk = desk(host, module).start().await;
            assert_eq!(call(&desk, "acme", "write").await.result(), "1");
            assert_eq!(call(&desk, "acme", "read").await.result(), "1");
            assert_eq!(call(&desk, "globex", "read").await.kind(), FailureKind::NonzeroExit);
            assert_eq!(desk.file(&format!("data/acme{inside}/note.json")).unwrap(), "1");
            let mode = desk.path("data/acme").metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_s_name_never_leads_out_of_the_folder() {
    let desk = desk("data/{tenant}", wasm).start().await;
    for (tenant, folder) in [
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../data", "..%2Fdata"),
        ("a/b", "a%2Fb"),
        ("/etc", "%2Fetc"),
        ("Søn", "S%C3%B8n"),
    ] {
        assert_eq!(call(&desk, tenant, "write").await.result(), "1", "{tenant}");
        assert!(desk.file(&format!("data/{folder}/note.json")).is_some(), "{tenant}");
    }
    assert!(desk.file("note.json").is_none() && desk.file("data/note.json").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_usable_name_gets_an_error_and_no_folder() {
    let desk = desk("data/{tenant}", wasm).start().await;
    for tenant in ["", &"x".repeat(65)] {
        let ended = call(&desk, tenant, "write").await;
        assert_eq!((ended.kind(), ended.code()), (FailureKind::Denied, "tenant_refused"));
        assert!(ended.message().contains("the tenant's name"), "{}", ended.message());
    }
    assert_eq!(desk.path("data").read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_place_of_a_tenant_s_folder_is_not_followed() {
    let desk = desk("data/{tenant}", wasm).start().await;
    assert_eq!(call(&desk, "acme", "write").await.result(), "1");
    symlink("acme", desk.path("data/globex")).unwrap();
    symlink("/etc", desk.path("data/initech")).unwrap();
    for tenant in ["globex", "initech"] {
        let ended = call(&desk, tenant, "read").await;
        assert_eq!(ended.kind(), FailureKind::Trap);
        assert!(ended.message().contains("the tenant's folder cannot be opened"), "{}", ended.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_a_quota_of_its_own() {
    let step =
        "(if (i32.eqz (local.get $n)) (then (local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))))
        (local.set $error (call $write (i32.const 50000)))";
    let grants = "timeout: 60s, files: [{ host: \"data/{tenant}\", guest: /data, mode: rw, quota: 1MiB }]";
    let desk = Desk::new().tool("t", &wasm(&until_refused("f", step)), grants);
    std::fs::create_dir(desk.path().join("data")).unwrap();
    let desk = desk.start().await;
    for tenant in ["acme", "globex"] {
        assert_eq!(call(&desk, tenant, "t").await.message(), "t ended with exit code 51");
        let held = desk.path(&format!("data/{tenant}/f")).metadata().unwrap().len();
        assert!(held <= 1 << 20 && held > 900_000, "{held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_refused_when_there_are_too_many() {
    let desk = desk("data/{tenant}", wasm);
    for n in 0..10_000 {
        std::fs::create_dir(desk.path().join(format!("data/{n}"))).unwrap();
    }
    let desk = desk.start().await;
    assert_eq!(call(&desk, "7", "write").await.result(), "1");
    let ended = call(&desk, "one-more", "write").await;
    assert!(ended.message().contains("there are folders of 10000 tenants already"), "{}", ended.message());
}

#[test]
fn the_folder_of_all_tenants_is_not_granted_beside_theirs() {
    let answer = wasm(&guests::answer("1"));
    for host in ["data", "data/acme"] {
        let desk = Desk::new().tool("a", &answer, "files: [{ host: \"data/{tenant}\", guest: /data, mode: rw }]").tool(
            "b",
            &answer,
            &format!("files: [{{ host: {host}, guest: /data, mode: ro }}]"),
        );
        std::fs::create_dir_all(desk.path().join("data/acme")).unwrap();
        assert!(desk.refused().contains("lie in one another"), "{}", desk.refused());
    }
    let refused = Desk::new().tool("a", &answer, "files: [{ host: \"{tenant}\", guest: /data, mode: rw }]").refused();
    assert!(refused.contains("which no tool may reach"), "{refused}");
}
