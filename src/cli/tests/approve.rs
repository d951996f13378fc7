//! `approve`, run as a person runs it, against a server that answers as the executor does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use support::{Folder, Output, callgate};

const ID: &str = "0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c";
const TOKEN: &str = "some-token-0123456789abcdef";

/// A request the program sent.
#[derive(Debug)]
struct Received {
    line: String,
    authorization: String,
    body: String,
}

/// Answers one request after the other, and passes on each request.
fn server(answers: Vec<(u16, String)>) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, heard) = channel();
    std::thread::spawn(move || {
        for (status, answer) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let (mut authorization, mut length) = (String::new(), 0);
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "authorization" => authorization = value.to_owned(),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            asked.send(Received { line: line.trim_end().to_owned(), authorization, body }).unwrap();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close");
            let mut stream = stream;
            stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).as_bytes()).unwrap();
        }
    });
    (url, heard)
}

fn request(state: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{ID}","state":"{state}","tool":"create_order","tenant":"acme","role":"clerk","contractDigest":"sha256:ab",
        "exchangeId":"e-1","argumentsBytes":2,"created":"2026-01-02T03:04:05Z","expires":"2026-01-02T03:19:05Z"{more}}}"#
    )
}

fn approve(folder: &Folder, url: &str, more: &[&str]) -> Output {
    let token = folder.write("http-token", &format!("{TOKEN}\n"));
    callgate(&[&["approve", "--url", url, "--token-file", &token], more].concat())
}

#[test]
fn approve_lists_waiting_requests() {
    let folder = Folder::new("approve-list");
    let list = format!(r#"{{"now":"2026-01-02T03:09:05Z","approvals":[{}]}}"#, request("pending", ""));
    let (url, heard) = server(vec![(200, list), (200, r#"{"now":"2026-01-02T03:09:05Z","approvals":[]}"#.into())]);
    let said = approve(&folder, &url, &[]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, &*format!("{ID}  pending  create_order  acme, clerk  600 s left\n"))
    );
    let asked = heard.recv().unwrap();
    assert_eq!(asked.line, "GET /api/v1/approvals?state=pending&limit=200 HTTP/1.1");
    assert_eq!(asked.authorization, format!("Bearer {TOKEN}"));
    assert_eq!(approve(&folder, &url, &[]).out, "No call waits for approval.\n");
}

#[test]
fn approve_without_an_answer_or_a_terminal_fails_and_names_the_options() {
    let folder = Folder::new("approve-show");
    let hostile =
        r#","arguments":"{\"text\":\"\u001b[2J\u202e\",\"n\":12345678901234567890}","now":"2026-01-02T03:04:05Z""#;
    let answers = ["pending", "pending", "used"].map(|state| (200, request(state, hostile)));
    let (url, heard) = server(answers.into());
    let said = approve(&folder, &url, &[ID]);
    let advice = "pass --yes or --deny, or --json to only look";
    assert!(said.code == 1 && said.out.is_empty() && said.err.contains(advice), "{said:?}");
    assert_eq!(heard.recv().unwrap().line, format!("GET /api/v1/approvals/{ID} HTTP/1.1"));
    // `--json` only looks, and an ended request takes no answer.
    assert_eq!(approve(&folder, &url, &[ID, "--json"]).code, 0);
    let said = approve(&folder, &url, &[ID]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("tool      create_order\n") && said.out.contains("    \"n\": 12345678901234567890\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("\\u{1b}[2J\\u{202e}") && !said.out.contains('\u{1b}'), "{}", said.out);
}

#[test]
fn approve_shows_the_contracts_description_and_the_approvers() {
    let folder = Folder::new("approve-words");
    let more = r#","contract":"order-desk","contractVersion":"2.0.0","effects":"write","description":"Creates an order.",
        "approvers":2,"agreed":["alice"]"#;
    let (url, _heard) = server(vec![(200, request("pending", more))]);
    let said = approve(&folder, &url, &[ID, "--yes"]);
    for line in [
        "effects   write",
        "about     Creates an order.",
        "contract  order-desk 2.0.0",
        "agreed    1 of 2: alice",
        "state     pending",
    ] {
        assert!(said.code == 0 && said.out.contains(&format!("{line}\n")), "{line}: {said:?}");
    }
}

#[test]
fn approve_and_deny_send_the_reason() {
    let folder = Folder::new("approve-answer");
    let (url, heard) = server(vec![(200, request("approved", r#","by":"alice""#)), (200, request("denied", ""))]);
    let said = approve(&folder, &url, &[ID, "--yes", "--reason", "as agreed"]);
    assert!(
        said.code == 0 && said.out.contains("state     approved\n") && said.out.contains("by        alice\n"),
        "{said:?}"
    );
    let asked = heard.recv().unwrap();
    assert_eq!(asked.line, format!("POST /api/v1/approvals/{ID}/approve HTTP/1.1"));
    assert_eq!(asked.body, r#"{"reason":"as agreed"}"#);
    assert_eq!(approve(&folder, &url, &[ID, "--deny"]).code, 0);
    assert_eq!(heard.recv().unwrap().line, format!("POST /api/v1/approvals/{ID}/deny HTTP/1.1"));
}

#[test]
fn approve_errors_name_the_problem_and_the_remedy() {
    let folder = Folder::new("approve-wrong");
    let (url, heard) = server(vec![
        (409, r#"{"code":"answered","message":"the request has been answered already"}"#.into()),
        (502, "<html>".into()),
    ]);
    let said = approve(&folder, &url, &["../../metrics?x", "--yes"]);
    assert_eq!((said.code, said.err.as_str()), (1, "the request has been answered already\n"));
    assert_eq!(heard.recv().unwrap().line, "POST /api/v1/approvals/..%2F..%2Fmetrics%3Fx/approve HTTP/1.1");
    let said = approve(&folder, &url, &[]);
    assert!(said.err.contains("does not answer like an executor (status 502"), "{said:?}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, expected) in [
        (format!("http://{closed}"), "is unreachable ("),
        ("http://callgate.example:7071".into(), "others could read the token on the way"),
        ("http://127.0.0.1.evil.example".into(), "others could read the token on the way"),
        ("ftp://127.0.0.1".into(), "expected http://127.0.0.1:PORT, https://HOST:PORT or unix:/PATH"),
        ("127.0.0.1:7071".into(), "expected http://127.0.0.1:PORT"),
    ] {
        let said = approve(&folder, &url, &[]);
        assert!(said.code == 1 && said.err.contains(expected) && !said.err.contains(TOKEN), "{url}: {said:?}");
    }
    let said = callgate(&["approve", "--state", "no/such"]);
    assert!(said.code == 1 && said.err.starts_with("no/such/http-token: cannot be read: "), "{said:?}");
    for wrong in [&["--yes"] as &[_], &[ID, "--yes", "--deny"], &["--reason", "x"], &[ID, "--all"]] {
        assert_eq!(approve(&folder, "http://127.0.0.1:1", wrong).code, 1, "{wrong:?}");
    }
    let said = approve(&folder, "http://127.0.0.1:1", &[ID, "--yes", "--reason", "two\nlines"]);
    assert_eq!(said.err, "--reason: expected one line of at most 500 characters\n");
}
