use std::path::Path;

use std::time::Duration;

use callgate_settings::ConfigFile;
use reqwest::header::HeaderName;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct File {
    backends: BackendsSection,
}

fn parse(backends: &str) -> Result<BackendsSettings, String> {
    let text = format!("contracts: [a]\nbackends:\n{backends}");
    let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
    callgate_settings::read(place.file, &text)
        .and_then(|file: File| file.backends.resolve(&place))
        .map_err(|error| error.to_string())
}

#[test]
fn an_address_alone_gets_the_defaults() {
    let backends = parse("  workers: { address: 'http://127.0.0.1:9000' }\n").unwrap();
    let backend = &backends.0["workers"];
    assert_eq!(backend.address.as_str(), "http://127.0.0.1:9000/");
    assert_eq!((backend.tls.clone(), backend.headers.len()), (None, 0));
    assert_eq!((backend.max_in_flight, backend.retries), (64, 2));
    assert_eq!(backend.breaker, BreakerSettings { failures: 5, open_for: Duration::from_secs(10) });
}

#[test]
fn a_full_backend_is_read() {
    let backends = parse(
        "  orders:\n    address: https://orders.internal:8443/api\n    tls: { ca: ca.pem, certificate: c.pem, key: /k.pem }\n    \
         maxInFlight: 7\n    breaker: { failures: 2, openFor: 500ms }\n    retries: 0\n    headers: { Authorization: 'file:/run/secrets/x' }\n",
    )
    .unwrap();
    let backend = &backends.0["orders"];
    assert_eq!(backend.address.as_str(), "https://orders.internal:8443/api");
    let tls = backend.tls.clone().unwrap();
    assert_eq!(tls.ca, Some("/etc/callgate/ca.pem".into()));
    assert_eq!(tls.identity, Some(BackendIdentity { certificate: "/etc/callgate/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!((backend.max_in_flight, backend.retries), (7, 0));
    assert_eq!(backend.breaker, BreakerSettings { failures: 2, open_for: Duration::from_millis(500) });
    assert_eq!(backend.headers, [(HeaderName::from_static("authorization"), "/run/secrets/x".into())]);
}

#[test]
fn faults_name_the_place_and_what_was_expected() {
    for (backend, expected) in [
        ("{ addres: 'http://a:1' }", "executor.yaml:3:8: addres: unknown field; did you mean `address`?"),
        (
            "{ address: 'ftp://a:1' }",
            "executor.yaml:3:17: backends.b.address: expected an address such as http://127.0.0.1:9000 or \
             https://orders.internal/api, without user, query and fragment",
        ),
        (
            "{ address: 'http://a:1', tls: { ca: x } }",
            "executor.yaml:3:36: backends.b.tls: expected none with an http:// address; write https://",
        ),
        (
            "{ address: 'https://a:1', tls: { certificate: x } }",
            "executor.yaml:3:37: backends.b.tls.key: expected one with the certificate",
        ),
        (
            "{ address: 'https://a:1', maxInFlight: 0 }",
            "executor.yaml:3:45: backends.b.maxInFlight: expected 1 to 4096, found 0",
        ),
        (
            "{ address: 'https://a:1', breaker: { openFor: 0s } }",
            "executor.yaml:3:52: backends.b.breaker.openFor: expected 1ms to 10m",
        ),
        (
            "{ address: 'https://a:1', headers: { host: 'file:x' } }",
            "executor.yaml:3:49: backends.b.headers.host: expected another header; this one is the executor's own",
        ),
    ] {
        assert_eq!(parse(&format!("  b: {backend}\n")).unwrap_err(), expected, "{backend}");
    }
}

#[test]
fn only_plain_addresses_are_taken() {
    for address in
        ["a:1", "//a", "http://", "http://u@a", "http://u:p@a", "http://a/?q", "http://a/#f", "http://a/%2e", "unix:/x"]
    {
        let error = parse(&format!("  b: {{ address: '{address}' }}\n")).unwrap_err();
        assert!(error.contains("backends.b.address: expected an address"), "{address}: {error}");
    }
}

#[test]
fn a_secret_is_a_file_and_stays_off_the_open_network() {
    let error = parse("  b: { address: 'https://a', headers: { authorization: hunter2 } }\n").unwrap_err();
    assert!(error.contains("expected `file:` and the path") && !error.contains("hunter2"), "{error}");
    let error = parse("  b: { address: 'http://10.0.0.1', headers: { authorization: 'file:x' } }\n").unwrap_err();
    assert!(error.contains("backends.b.headers: would be readable on the way"), "{error}");
    for local in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
        parse(&format!("  b: {{ address: '{local}', headers: {{ authorization: 'file:x' }} }}\n")).unwrap();
    }
}
