//! HTTP requests of guests: granted requests work, and nothing else leaves. The guest is `tests/tools/reach`, which sends
//! the requests in its arguments; the internet is scripted, so names can lie.

mod addresses;
mod bounds;
mod internet;
mod payment;
mod site;
mod sockets;

use std::sync::Arc;

use rustls::RootCertStore;
use serde_json::{Value, json};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

use self::internet::{Made, PUBLIC};
use self::site::{Authority, Reply, Site};
use crate::desk::{Desk, Running};

/// Returns a core module built by `make wasm`.
fn module(name: &str) -> Vec<u8> {
    // The test program is in target/release/deps, wherever target is.
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let path = target.join("wasm32-wasip1/wasm").join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `make wasm` builds the guests of these tests", path.display()))
}

/// Returns the guest, as a WASI 0.2 command component.
fn reach() -> Vec<u8> {
    let module = module("callgate-tool-reach.wasm");
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        .unwrap()
        .encode()
        .unwrap()
}

/// Returns a desk whose tool `t` is the guest; `grants` is YAML inside `run.wasm`.
async fn desk(internet: &Arc<Made>, grants: &str) -> Running {
    trusting(internet, RootCertStore::empty(), grants).await
}

async fn trusting(internet: &Arc<Made>, roots: RootCertStore, grants: &str) -> Running {
    Desk::new().on(internet.network(roots)).tool("t", &reach(), grants).start().await
}

/// Sends these requests in one call, and returns the result of each.
async fn send(desk: &Running, asks: &[Value]) -> Vec<Value> {
    let ended = desk.call("t", &json!({ "http": asks }).to_string()).await;
    serde_json::from_str(ended.result()).unwrap()
}

/// Gets one URL in one call.
async fn get(desk: &Running, url: &str) -> Value {
    send(desk, &[json!({ "url": url })]).await.remove(0)
}

/// Returns the name of a failed request's code.
#[track_caller]
fn error(answer: &Value) -> String {
    let error = answer["error"].as_str().unwrap_or_else(|| panic!("expected an error, found {answer}"));
    error.trim_start_matches("ErrorCode::").trim_start_matches("HeaderError::").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_host_is_reached() {
    let site = Site::start(Reply::Text("hello")).await;
    let internet = Made::new().name("api.example.com", &[PUBLIC]).server(&format!("{PUBLIC}:80"), site.address);
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    let answer = get(&desk, "http://api.example.com/search?q=1").await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("hello")), "{answer}");
    assert_eq!(internet.log(), ["lookup api.example.com", "connect 93.184.215.14:80"]);
    let request = site.seen().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /search?q=1 http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nhost: api.example.com\r\n"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_of_a_name_does_not_matter_and_the_default_port_need_not_be_written() {
    let site = Site::start(Reply::Text("hello")).await;
    let internet = Made::new().name("api.example.com", &[PUBLIC]).server(&format!("{PUBLIC}:80"), site.address);
    let desk = desk(&internet, "http: [\"API.example.com:80\"]").await;
    for url in ["http://api.EXAMPLE.com", "http://api.example.com:80/", "http://Api.Example.Com:080/"] {
        assert_eq!(get(&desk, url).await["body"], "hello", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_sent() {
    let site = Site::start(Reply::Text("stored")).await;
    let internet = Made::new().name("api.example.com", &[PUBLIC]).server(&format!("{PUBLIC}:80"), site.address);
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    let body = "x".repeat(20_000);
    let ask = json!({ "url": "http://api.example.com/", "method": "POST", "body": body });
    assert_eq!(send(&desk, &[ask]).await[0]["body"], "stored");
    let request = site.seen().remove(0);
    assert!(request.starts_with("POST / "), "{request}");
    // The host's name has one too.
    assert_eq!(request.matches('x').count(), 20_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn https_reaches_only_the_server_with_the_names_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = Site::secure(Reply::Text("hello"), &authority, "api.example.com").await;
    let other = Site::secure(Reply::Text("wrong"), &authority, "other.example.com").await;
    let unknown = Site::secure(Reply::Text("wrong"), &stranger, "unknown.example.com").await;
    let internet = Made::new()
        .name("api.example.com", &["93.184.215.14"])
        .server("93.184.215.14:443", good.address)
        .name("mistaken.example.com", &["93.184.215.15"])
        .server("93.184.215.15:443", other.address)
        .name("unknown.example.com", &["93.184.215.16"])
        .server("93.184.215.16:443", unknown.address);
    let grants = "http: [\"api.example.com:443\", \"mistaken.example.com:443\", \"unknown.example.com:443\"]";
    let desk = trusting(&internet, authority.roots(), grants).await;
    assert_eq!(get(&desk, "https://api.example.com/").await["body"], "hello");
    assert_eq!(error(&get(&desk, "https://mistaken.example.com/").await), "TlsCertificateError");
    assert_eq!(error(&get(&desk, "https://unknown.example.com/").await), "TlsCertificateError");
    assert!(other.seen().is_empty() && unknown.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_the_guest_stay_here_unless_granted() {
    let (plain, trusted) = (Site::start(Reply::Text("1")).await, Site::start(Reply::Text("1")).await);
    let internet = Made::new()
        .name("plain.example.com", &["93.184.215.14"])
        .server("93.184.215.14:80", plain.address)
        .name("trusted.example.com", &["93.184.215.15"])
        .server("93.184.215.15:80", trusted.address);
    let desk =
        desk(&internet, "http: [\"plain.example.com:80\", { to: \"trusted.example.com:80\", authorization: true }]")
            .await;
    let headers = json!({ "Authorization": "Bearer of-the-guest", "cookie": "of-the-guest", "x-mine": "kept" });
    for host in ["plain", "trusted"] {
        let ask = json!({ "url": format!("http://{host}.example.com/"), "headers": headers });
        assert_eq!(send(&desk, &[ask]).await[0]["status"], 200);
    }
    let plain = plain.seen().remove(0).to_ascii_lowercase();
    assert!(plain.contains("x-mine: kept") && !plain.contains("of-the-guest"), "{plain}");
    let trusted = trusted.seen().remove(0).to_ascii_lowercase();
    assert!(trusted.contains("authorization: bearer of-the-guest"), "{trusted}");
    assert!(trusted.contains("cookie: of-the-guest"), "{trusted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_belong_to_the_host_cannot_be_set() {
    let internet = Made::new().name("api.example.com", &[PUBLIC]);
    let desk = desk(&internet, "http: [{ to: \"api.example.com:80\", authorization: true }]").await;
    for name in ["Host", "proxy-authorization", "connection", "Transfer-Encoding", "upgrade", "keep-alive"] {
        let ask = json!({ "url": "http://api.example.com/", "headers": { name: "x" } });
        assert_eq!(error(&send(&desk, &[ask]).await[0]), "Forbidden", "{name}");
    }
    assert!(internet.log().is_empty());
}
