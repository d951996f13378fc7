//! Authentication of callers on every transport.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_executor::config::Config;
use callgate_executor::telemetry::{Instruments, Metrics};
use callgate_executor::transport::{self, Bound, Listener, Port};
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::desk::{Desk, Ended, Served, serve};
use crate::guests;
use crate::pki::Authority;
use crate::program::Program;

/// Longer than any handshake here needs.
const LONG: Duration = Duration::from_secs(30);
const ENVOY: &str = "spiffe://mesh.example/ns/gateway/sa/envoy";

/// A port with TLS, the authority of its certificate, and the authority of its clients.
struct Port443 {
    desk: Desk,
    servers: Authority,
    clients: Authority,
}

impl Port443 {
    fn new() -> Self {
        let it = Self { desk: Desk::with(&guests::echo(), ""), servers: Authority::new(), clients: Authority::new() };
        it.servers.sign(&["localhost"]).write(it.desk.path());
        std::fs::write(it.desk.path().join("clients.pem"), it.clients.pem()).unwrap();
        it
    }

    /// Returns the configuration with these fields in `tls`.
    fn config(&self, fields: &str) -> Config {
        self.desk.config();
        let text = format!(
            "listen: 127.0.0.1:0\nhttp: {{ listen: off }}\ncontracts: [contract.yaml]\ntls: {{ certificate: server.pem, key: server.key{fields} }}\n"
        );
        std::fs::write(self.desk.path().join("executor.yaml"), &text).unwrap();
        Config::parse("executor.yaml", &text, self.desk.path()).unwrap()
    }

    fn mutual(&self) -> Config {
        self.config(&format!(", clientCa: clients.pem, allowedClients: ['{ENVOY}', 'dns:envoy.example']"))
    }

    /// Calls with TLS, and trusts the server's authority.
    async fn call(&self, bound: &Bound, digest: &str, identity: Option<Identity>) -> Result<String, String> {
        call_tls(bound, digest, self.servers.pem(), identity).await
    }
}

fn request(digest: &str) -> ExecuteRequest {
    ExecuteRequest {
        contract_digest: digest.to_owned(),
        caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
        exchange_id: uuid(),
        request_id: String::new(),
        round: 0,
        calls: vec![Call { id: "1".into(), tool: "t".into(), arguments: "{\"n\":7}".into(), ..Call::default() }],
        ..ExecuteRequest::default()
    }
}

/// Each request differs: it is never the same call again.
fn uuid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("exchange-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Calls `t`; returns the result, or the error with all its causes.
async fn call(endpoint: Endpoint, digest: &str) -> Result<String, String> {
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    call_on(channel, digest).await
}

async fn call_on(channel: Channel, digest: &str) -> Result<String, String> {
    let answer = timeout(LONG, ExecutorClient::new(channel).execute(request(digest))).await.unwrap();
    let outcomes = answer.map_err(|status| format!("{status:?}"))?.into_inner().outcomes;
    Ok(Ended::from(outcomes[0].clone()).result().to_owned())
}

async fn call_tls(bound: &Bound, digest: &str, ca: String, identity: Option<Identity>) -> Result<String, String> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)).domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    call(Channel::from_shared(format!("https://{bound}")).unwrap().tls_config(tls).unwrap(), digest).await
}

async fn call_plain(bound: &Bound, digest: &str) -> Result<String, String> {
    call(Channel::from_shared(format!("http://{bound}")).unwrap(), digest).await
}

/// Tries until it works: the executor notices changed files some time later.
async fn soon<T, F: Future<Output = Result<T, String>>>(attempt: impl Fn() -> F) -> T {
    let attempts = async {
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(LONG, attempts).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_works_and_plaintext_fails_on_its_port() {
    let port = Port443::new();
    let served = serve(&port.config("")).await;
    assert_eq!(port.call(&served.bound, &served.digest, None).await.unwrap(), "{\"n\":7}");
    call_plain(&served.bound, &served.digest).await.unwrap_err();
    // A client that trusts another authority also refuses the executor.
    call_tls(&served.bound, &served.digest, port.clients.pem(), None).await.unwrap_err();
    assert_eq!(port.call(&served.bound, &served.digest, None).await.unwrap(), "{\"n\":7}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_of_the_list_get_in() {
    let port = Port443::new();
    let served = serve(&port.mutual()).await;
    let call = async |names: &[&str]| {
        port.call(&served.bound, &served.digest, Some(port.clients.sign(names).identity())).await
    };
    for names in [&[ENVOY] as &[_], &["envoy.example"], &["ENVOY.example"], &["other.example", "envoy.example"]] {
        assert_eq!(call(names).await.unwrap(), "{\"n\":7}", "{names:?}");
    }
    for names in [
        &[] as &[_],
        &["spiffe://mesh.example/ns/gateway/sa/other"],
        &["spiffe://mesh.example/ns/gateway/sa/envoy/"],
        &["spiffe://mesh.example/ns/gateway/sa/ENVOY"],
        &["spiffe://mesh.example/ns/gateway/sa"],
        &["spiffe://evil.example/ns/gateway/sa/envoy"],
        // An identity document has one URI: two would be ambiguous.
        &[ENVOY, "spiffe://mesh.example/ns/other/sa/other"],
        &["envoy.example.evil.example"],
        &["*.example"],
    ] {
        call(names).await.unwrap_err();
    }
    let strangers = Authority::new();
    for identity in [
        None,
        Some(strangers.sign(&[ENVOY]).identity()),
        // The server's own authority does not sign clients.
        Some(port.servers.sign(&[ENVOY]).identity()),
        Some(port.clients.sign_ended(&[ENVOY]).identity()),
    ] {
        port.call(&served.bound, &served.digest, identity).await.unwrap_err();
    }
    let page = served.instruments.metrics.page().unwrap();
    assert!(page.contains("calls_total{tool=\"t\",outcome=\"success\"} 4\n"), "{page}");
    counted(&served.instruments, "connections_refused_total{port=\"grpc\",reason=\"handshake_failed\"}").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_callers_and_refusals_with_reasons() {
    let port = Port443::new();
    port.mutual();
    let mut program = Program::of(port.desk.path(), &[]);
    let ready = program.logged("ready");
    let bound = Bound::Tcp(ready["address"].as_str().unwrap().parse().unwrap());
    let digest = port.desk.digest();
    let other = port.clients.sign(&["spiffe://mesh.example/ns/shop/sa/cart"]);
    port.call(&bound, &digest, Some(other.identity())).await.unwrap_err();
    let line = program.logged("a connection is refused");
    assert_eq!(
        line["reason"],
        "the client is not in allowedClients: its certificate names spiffe://mesh.example/ns/shop/sa/cart"
    );
    port.call(&bound, &digest, None).await.unwrap_err();
    // The request before may have come twice, because its client retries.
    while program.logged("a connection is refused")["reason"] != "peer sent no certificates" {}
    port.call(&bound, &digest, Some(port.clients.sign(&[ENVOY]).identity())).await.unwrap();
    let line = program.logged("call");
    assert!(line["peer"].as_str().unwrap().starts_with(&format!("{ENVOY} at 127.0.0.1:")), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_handshakes_delay_nobody() {
    let port = Port443::new();
    let served = serve(&port.config("")).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(served.bound.to_string()).await.unwrap());
    }
    assert_eq!(port.call(&served.bound, &served.digest, None).await.unwrap(), "{\"n\":7}");
    // They still wait: the call did not wait for them.
    for stream in &silent {
        assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_certificates_are_used_without_a_restart_and_broken_ones_are_ignored() {
    let port = Port443::new();
    let Served { bound, digest, instruments, stop: _stop, .. } = serve(&port.mutual()).await;
    let envoy = || Some(port.clients.sign(&[ENVOY]).identity());
    assert_eq!(port.call(&bound, &digest, envoy()).await.unwrap(), "{\"n\":7}");

    let renewed = Authority::new();
    renewed.sign(&["localhost"]).write(port.desk.path());
    soon(|| call_tls(&bound, &digest, renewed.pem(), envoy())).await;
    port.call(&bound, &digest, envoy()).await.unwrap_err();

    std::fs::write(port.desk.path().join("server.pem"), "-----BEGIN CERTIFICATE-----\n!!\n").unwrap();
    soon(|| counted(&instruments, "reloads_total{what=\"certificates\",result=\"refused\"}")).await;
    call_tls(&bound, &digest, renewed.pem(), envoy()).await.unwrap();

    // The clients' authority is renewed as well; then certificates of the old one are worthless.
    let others = Authority::new();
    std::fs::write(port.desk.path().join("clients.pem"), others.pem()).unwrap();
    renewed.sign(&["localhost"]).write(port.desk.path());
    soon(|| call_tls(&bound, &digest, renewed.pem(), Some(others.sign(&[ENVOY]).identity()))).await;
    call_tls(&bound, &digest, renewed.pem(), envoy()).await.unwrap_err();
}

async fn counted(instruments: &Instruments, name: &str) -> Result<(), String> {
    let page = instruments.metrics.page().unwrap();
    let value =
        page.lines().find_map(|line| line.strip_prefix("callgate_executor_")?.strip_prefix(name)?.trim().parse().ok());
    if value.is_some_and(|value: u64| value > 0) { Ok(()) } else { Err(page) }
}

#[test]
fn unusable_certificates_are_refused_at_start_with_file_and_reason() {
    let port = Port443::new();
    let config = port.mutual();
    let folder = port.desk.path();
    let fault = || {
        let error = transport::check(&config.listen, Port::Grpc).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.display()), "")
    };
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    transport::check(&config.listen, Port::Grpc).unwrap();

    let other = port.servers.sign(&["localhost"]);
    write("server.key", &other.key);
    assert!(fault().starts_with("tls: server.pem and server.key cannot be used together: "), "{}", fault());
    write("server.key", "nothing");
    assert!(fault().starts_with("tls: server.key: expected a PEM private key without a password, "), "{}", fault());
    std::fs::remove_file(folder.join("server.key")).unwrap();
    assert!(fault().starts_with("tls: server.key cannot be read: No such file"), "{}", fault());
    port.servers.sign_ended(&["localhost"]).write(folder);
    assert!(fault().starts_with("tls: server.pem expired at 2021-01-01T00:00:00Z; replace it"), "{}", fault());
    write("server.pem", "nothing");
    assert_eq!(fault(), "tls: server.pem: expected PEM certificates (BEGIN CERTIFICATE), found none");
    port.servers.sign(&["localhost"]).write(folder);
    write("clients.pem", "nothing");
    assert_eq!(fault(), "tls: clients.pem: expected PEM certificates (BEGIN CERTIFICATE), found none");
}

/// Returns a desk that listens on a Unix socket in its folder.
fn on_a_socket(mode: &str) -> (Desk, Config, PathBuf) {
    let desk = Desk::with(&guests::echo(), "");
    desk.config();
    let path = desk.path().join("executor.sock");
    let text = format!("listen: unix:{}\nhttp: {{ listen: off }}\ncontracts: [contract.yaml]\n{mode}", path.display());
    let config = Config::parse("executor.yaml", &text, desk.path()).unwrap();
    (desk, config, path)
}

async fn call_socket(path: &Path, digest: &str) -> Result<String, String> {
    let path = path.to_owned();
    let connect = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(hyper_util::rt::TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://socket").connect_with_connector(connect).await;
    call_on(channel.map_err(|error| format!("{error:?}"))?, digest).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_its_owners_only_and_removed_at_the_end() {
    for (field, mode) in [("", 0o600), ("socketMode: '0660'\n", 0o660)] {
        let (_desk, config, path) = on_a_socket(field);
        let served = serve(&config).await;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        assert_eq!(call_socket(&path, &served.digest).await.unwrap(), "{\"n\":7}");
        drop(served.stop);
        served.ended.await.unwrap();
        assert!(!path.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_socket_is_not_taken_and_an_orphaned_one_is() {
    let (_desk, config, path) = on_a_socket("");
    let living = StdUnixListener::bind(&path).unwrap();
    let refused = async || Listener::bind(&config.listen, Port::Grpc, &Metrics::new()).await.unwrap_err().to_string();
    assert!(refused().await.contains("is taken: another process listens on it"), "{}", refused().await);
    // Its process has ended; the file still exists.
    drop(living);
    assert!(path.exists());
    let served = serve(&config).await;
    assert_eq!(call_socket(&path, &served.digest).await.unwrap(), "{\"n\":7}");
    assert!(refused().await.contains("is taken"), "{}", refused().await);
    drop(served.stop);
    served.ended.await.unwrap();

    std::fs::write(&path, "someone's notes").unwrap();
    assert!(refused().await.contains("exists and is not a socket; it is left alone"), "{}", refused().await);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "someone's notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_socket_is_not_removed_at_the_end() {
    let (_desk, config, path) = on_a_socket("");
    let served = serve(&config).await;
    std::fs::remove_file(&path).unwrap();
    let _successor = StdUnixListener::bind(&path).unwrap();
    drop(served.stop);
    served.ended.await.unwrap();
    assert!(path.exists());
}
