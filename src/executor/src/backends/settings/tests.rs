use std::path::Path;

use std::time::Duration;

use callgate_confine::Confinement;
use callgate_settings::ConfigFile;
use reqwest::header::HeaderName;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    backends: BackendsSection,
    #[serde(default)]
    programs: ProgramsSection,
}

fn parse(backends: &str) -> Result<BackendsSettings, String> {
    let text = format!("contracts: [a]\nbackends:\n{backends}");
    let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
    callgate_settings::read(place.file, &text)
        .and_then(|file: File| file.backends.resolve(file.programs, &place))
        .map_err(|error| error.to_string())
}

#[test]
fn an_address_alone_gets_the_defaults() {
    let backends = parse("  workers: { address: 'http://127.0.0.1:9000' }\n").unwrap();
    let backend = &backends.addresses["workers"];
    assert_eq!(backend.address.as_str(), "http://127.0.0.1:9000/");
    assert_eq!((backend.tls.clone(), backend.headers.len()), (None, 0));
    assert_eq!((backend.pace.max_in_flight, backend.pace.retries), (64, 2));
    assert_eq!(backend.pace.breaker, BreakerSettings { failures: 5, open_for: Duration::from_secs(10) });
}

#[test]
fn a_program_is_read_and_its_faults_are_told() {
    let parse = |program: &str| {
        parse(&format!("  none: {{ address: 'http://127.0.0.1:1' }}\nprograms:\n  files: {{ {program} }}\n"))
    };
    let backends = parse(
        "command: [/bin/x, -a], directory: /srv, read: [/srv], write: [/data], network: true, memory: 64MiB, processes: 4, \
         environment: { A: b, T: 'file:t' }",
    )
    .unwrap();
    let program = &backends.programs["files"];
    let confinement = Confinement {
        arguments: vec!["-a".into()],
        directory: "/srv".into(),
        read: vec!["/srv".into()],
        write: vec!["/data".into()],
        network: true,
        memory: 64 << 20,
        processes: 4,
        ..Confinement::of("/bin/x")
    };
    assert_eq!(program.confinement, confinement);
    assert_eq!(program.environment[0], ("A".into(), VariableSource::Text("b".into())));
    assert!(
        matches!(&program.environment[1], (_, VariableSource::File(file)) if file.path() == Path::new("/etc/callgate/t"))
    );
    for (program, fault) in [
        ("command: []", "command: expected the absolute path"),
        ("command: [x]", "command: expected the absolute path"),
        ("command: [/x], read: [a]", "read: expected an absolute path without `..`"),
        ("command: [/x], write: [/a/../b]", "write: expected an absolute path without `..`"),
        ("command: [/x], directory: b", "directory: expected an absolute path"),
        ("command: [/x], memory: 1MiB", "memory: expected 16MiB to 64GiB"),
        ("command: [/x], processes: 0", "processes: expected 1 to 4096"),
        ("command: [/x], environment: { LD_PRELOAD: a }", "environment.LD_PRELOAD: expected a name"),
        ("command: [/x], environment: { 'A=B': a }", "environment.A=B: expected a name"),
        ("command: [/x], environment: { A: 'file:' }", "environment.A: expected file:"),
    ] {
        let error = parse(program).unwrap_err();
        assert!(error.contains(&format!("programs.files.{fault}")), "{program}: {error}");
    }
    let both =
        super::tests::parse("  files: { address: 'http://127.0.0.1:1' }\nprograms:\n  files: { command: [/x] }\n");
    assert!(both.unwrap_err().contains("expected another name than `files`"));
}

#[test]
fn a_full_backend_is_read() {
    let backends = parse(
        "  orders:\n    address: https://orders.internal:8443/api\n    tls: { ca: ca.pem, certificate: c.pem, key: /k.pem }\n    \
         maxInFlight: 7\n    breaker: { failures: 2, openFor: 500ms }\n    retries: 0\n    headers: { Authorization: 'file:/run/secrets/x' }\n",
    )
    .unwrap();
    let backend = &backends.addresses["orders"];
    assert_eq!(backend.address.as_str(), "https://orders.internal:8443/api");
    let tls = backend.tls.clone().unwrap();
    assert_eq!(tls.ca, Some("/etc/callgate/ca.pem".into()));
    assert_eq!(tls.identity, Some(BackendIdentity { certificate: "/etc/callgate/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!((backend.pace.max_in_flight, backend.pace.retries), (7, 0));
    assert_eq!(backend.pace.breaker, BreakerSettings { failures: 2, open_for: Duration::from_millis(500) });
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
