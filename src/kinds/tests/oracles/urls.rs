//! Accepted URLs have one scheme, host, port and path for every reader.

use crate::{Seeded, ask};
use callgate_kinds::url::{HostRules, Url};
use serde_json::{Value, json};

/// URLs that are accepted, and that mutants are made of.
const SEEDS: [&str; 16] = [
    "https://good.example",
    "HTTPS://Good.Example/",
    "https://a.docs.example/p?q=1#f",
    "https://good.example?@evil.example",
    "https://good.example#@evil.example",
    "https://good.example/?u=https://evil.example/&x[1]=2",
    "http://good.example:8080/a/b%20c;d/../e",
    "https://good.example:443/",
    "https://good.example/.//a/..;/b",
    "https://127.0.0.1/x",
    "https://255.255.255.255:65535/",
    "https://[::1]:8443/x",
    "https://[2001:DB8::192.0.2.1]/",
    "https://xn--gd-fmca.example/",
    "wss://a-b--c.example/~u/!$&'()*+,;=:@",
    "https://1.2.3.a1/",
];

/// Pieces that a mutation adds.
const PIECES: [&str; 52] = [
    "@",
    ":",
    "/",
    "//",
    "\\",
    "?",
    "#",
    ".",
    "..",
    "%",
    "%2e",
    "%2f",
    "%40",
    "%00",
    "[",
    "]",
    "[::1]",
    "0",
    "0x",
    "0x7f",
    "1",
    ":80",
    ":0",
    ";",
    "&",
    "=",
    "+",
    "-",
    "_",
    "~",
    "*",
    "!",
    "'",
    "(",
    "|",
    "{",
    "^",
    "\"",
    "<",
    " ",
    "\t",
    "\n",
    "\u{ad}",
    "\u{3002}",
    "\u{ff0e}",
    "\u{e9}",
    "\u{df}",
    "xn--",
    "evil.example",
    "user@",
    "a",
    "\u{2025}",
];

/// Returns seeds and mutants that the reader accepts.
fn accepted() -> Vec<(String, Url)> {
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    let mut texts: Vec<String> = SEEDS.iter().map(|&seed| seed.to_owned()).collect();
    while texts.len() < 9_000 {
        let seed = seeded.pick(&SEEDS);
        texts.push(seeded.mutate(seed, &PIECES));
    }
    let accepted: Vec<_> = texts.into_iter().filter_map(|text| Url::read(&text).ok().map(|url| (text, url))).collect();
    assert!(accepted.len() > 2000, "{} mutants are accepted", accepted.len());
    accepted
}

/// Returns true if a rule on paths could allow the path: each reader must then find the same one.
fn has_plain_path(url: &Url) -> bool {
    let host = [url.host().to_string()];
    let schemes = ["http", "https", "ws", "wss"].map(str::to_owned);
    let rules = HostRules::compile(&host).and_then(|rules| rules.with_schemes(&schemes)?.with_paths(&["/**".into()]));
    rules.is_ok_and(|rules| rules.check(url).is_ok())
}

/// Compares a reading: scheme, host, port and path. A reader may refuse the text.
fn compare(reader: &str, text: &str, url: &Url, reading: &Value) {
    let Some(reading) = reading.as_array() else { return };
    let default = match url.scheme() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    assert_eq!(reading[0], url.scheme(), "{reader}: the scheme of {text:?}");
    assert_eq!(
        normal(reading[1].as_str().unwrap_or_default()),
        url.host().to_string(),
        "{reader}: the host of {text:?}"
    );
    let port = reading[2].as_u64().or(default);
    assert_eq!(port, url.port().map(u64::from).or(default), "{reader}: the port of {text:?}");
    if has_plain_path(url) {
        let path = reading[3].as_str().filter(|path| !path.is_empty()).unwrap_or("/");
        assert_eq!(path, url.path(), "{reader}: the path of {text:?}");
    }
}

/// Returns a host as this crate writes it: IPv6 in its short form, in brackets.
fn normal(host: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_ascii_lowercase(),
    }
}

#[test]
fn the_url_crate_finds_the_same_host() {
    for (text, url) in accepted() {
        if let Ok(other) = url::Url::parse(&text) {
            let reading = json!([other.scheme(), other.host_str(), other.port(), other.path()]);
            compare("url", &text, &url, &reading);
        }
    }
}

#[test]
fn python_curl_and_node_find_the_same_host() {
    let accepted = accepted();
    let texts = Value::from(accepted.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>());
    for (program, script, readers) in [("python3", "urls.py", &["urllib", "curl"][..]), ("node", "urls.mjs", &["node"])]
    {
        for (index, answers) in ask(program, script, &texts).into_iter().flatten().enumerate() {
            for (reader, reading) in readers.iter().zip(answers.as_array().unwrap()) {
                if index == 0 && reading.is_null() {
                    eprintln!("SKIPPED: libcurl is not there; install it to compare with its reading");
                }
                let (text, url) = &accepted[index];
                compare(reader, text, url, reading);
            }
        }
    }
}
