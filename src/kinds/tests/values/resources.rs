//! URIs of resources and their patterns.

use callgate_kinds::url::{ResourcePattern, ResourceUri};

fn pattern(text: &str) -> ResourcePattern {
    ResourcePattern::read(text).unwrap_or_else(|reason| panic!("{text}: {reason}"))
}

#[test]
fn a_pattern_names_the_uris_below_it_and_no_others() {
    for (text, inside, outside) in [
        (
            "file:///docs/**",
            &["file:///docs/a.md", "file:///docs/a/b%20c.md", "file:///docs/"][..],
            &["file:///doc/a", "file:///Docs/a", "note:///docs/a", "file:///docsx/a", "https://docs/a"][..],
        ),
        ("file:///docs/*.md", &["file:///docs/a.md"], &["file:///docs/a/b.md", "file:///docs/a.txt"]),
        ("note://*", &["note://7", "note://a.b"], &["note://7/8", "notes://7", "note:7", "note://a@b", "note://a:1"]),
        ("note://**", &["note://7", "note://7/8"], &["notes://7", "note://a@b/c"]),
        ("urn:isbn:*", &["urn:isbn:7"], &["urn:isbn:7/8", "urn://isbn:7"]),
        ("postgres://me@db:5432/app/**", &["postgres://me@db:5432/app/t/schema"], &["postgres://db:5432/app/t"]),
        (
            "https://docs.example.com/api/**",
            &["https://docs.example.com/api/a", "https://docs.example.com:443/api/a", "https://DOCS.example.com/api/a"],
            &[
                "http://docs.example.com/api/a",
                "https://docs.example.com:444/api/a",
                "https://x.docs.example.com/api/a",
            ],
        ),
    ] {
        let pattern = pattern(text);
        for uri in inside {
            assert!(ResourceUri::read(uri).is_ok_and(|uri| pattern.matches(&uri)), "{text} {uri}");
        }
        for uri in outside {
            assert!(!ResourceUri::read(uri).is_ok_and(|uri| pattern.matches(&uri)), "{text} {uri}");
        }
    }
}

#[test]
fn a_uri_that_two_readers_could_read_differently_is_not_read() {
    for uri in [
        "file:///docs/../etc/passwd",
        "file:///docs/%2e%2e/etc/passwd",
        "file:///docs/%2E%2e/etc",
        "file:///docs/.%2e/etc",
        "file:///docs/./a",
        "file:///docs//a",
        "file:///docs/..%2fetc",
        "file:///docs/a%2fb",
        "file:///docs/a%5cb",
        "file:///docs/a\\..\\b",
        "file:///docs/%00",
        "file:///docs/%252e%252e/a",
        "file:///docs/%61",
        "file:///docs/a;b",
        "file:///docs/a b",
        "file:///docs/\u{e9}",
        "file:///docs/a?b",
        "file:///docs/a#b",
        "file:///docs/a:stream",
        "file:///docs/C%3A/a",
        "file://localhost/docs/a",
        "file://host/docs/a",
        "file:/docs/a",
        "file:docs/a",
        "FILE:///docs/a",
        "File:///docs/a",
        "https://me@docs.example.com/api/a",
        "https:docs.example.com/api",
        "https:///api",
        "https://[::1/api",
        "note://../a",
        "note://a/../b",
        "note://%2e%2e/a",
        "note:",
        "note://",
        "//docs/a",
        "/docs/a",
        "docs",
        "",
        "data:text/plain,a",
        "javascript:alert(1)",
        "file:///docs/a%",
        "file:///docs/a%2",
        " file:///docs/a",
        "file:///docs/a\n",
    ] {
        assert!(ResourceUri::read(uri).is_err(), "{uri:?}");
    }
}

#[test]
fn a_pattern_without_a_clear_meaning_is_an_error() {
    for text in [
        "",
        "**",
        "*://a",
        "/docs/**",
        "docs/**",
        "file://docs/**",
        "file:///docs/../**",
        "file:///a//b",
        "FILE:///a",
        "file:///a/**/b",
        "file:///a**",
        "file:///{a}",
        "https://*/a",
        "https://a@b.example/c",
        "data:**",
        "note://",
        "https://*.com/a",
        "note://a:*/b",
        "file:///%61",
        "file:///a#b",
    ] {
        assert!(ResourcePattern::read(text).is_err(), "{text}");
    }
}

#[test]
fn a_template_is_met_if_one_of_its_uris_may_be_named() {
    for (text, template, meets) in [
        ("file:///docs/**", "file:///docs/{path}", true),
        ("file:///docs/**", "file:///docs/{+path}", true),
        ("file:///docs/**", "file:///{+path}", true),
        ("file:///docs/**", "file:///{dir}/a", true),
        ("file:///docs/**", "file:///etc/{name}", false),
        ("file:///docs/**", "file://{path}", true),
        ("file:///docs/*.md", "file:///docs/a{b}.txt", true),
        ("file:///docs/b*", "file:///docs/a{b}", false),
        ("file:///docs/**", "note:///docs/{path}", false),
        ("note://*", "note://{id}", true),
        ("note://a*", "note://b{id}", false),
        ("note://**", "note://a/b/{id}", true),
        ("note://*", "note://a/{id}", false),
        ("note://*", "{scheme}://a", false),
        ("https://a.example/x/**", "https://a.example/x/{id}", true),
        ("https://a.example/x/**", "https://b.example/x/{id}", false),
        ("https://a.example/x/**", "https://{host}/x/a", false),
        ("urn:isbn:*", "urn:isbn:{number}", true),
        ("urn:isbn:*", "urn:issn:{number}", false),
    ] {
        assert_eq!(pattern(text).may_meet(template), meets, "{text} {template}");
    }
}

/// Decodes a text as a careless server does, as often as it says.
fn decoded(text: &str, times: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..times {
        let mut next = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
            match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(byte) if bytes[at] == b'%' => {
                    next.push(byte);
                    at += 3;
                }
                _ => {
                    next.push(bytes[at]);
                    at += 1;
                }
            }
        }
        bytes = next;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_accepted_uri_leaves_its_folder_whatever_a_server_decodes() {
    const PARTS: [&str; 18] =
        ["..", ".", "%2e", "%2E.", "a", "/", "%2f", "\\", "%5c", ";", "%3b", "%25", "2e", "%00", "?", "#", "%61", "a."];
    let rule = pattern("file:///docs/**");
    let mut accepted = 0;
    for number in 0..PARTS.len().pow(4) {
        let mut uri = "file:///docs/".to_owned();
        let mut left = number;
        for _ in 0..4 {
            uri.push_str(PARTS[left % PARTS.len()]);
            left /= PARTS.len();
        }
        if !ResourceUri::read(&uri).is_ok_and(|uri| rule.matches(&uri)) {
            continue;
        }
        accepted += 1;
        for times in 0..3 {
            let path = decoded(uri.strip_prefix("file://").unwrap(), times).replace('\\', "/");
            let names: Vec<&str> = path.split('/').skip(1).collect();
            assert_eq!(names[0], "docs", "{uri}");
            let is_odd = |name: &&str| matches!(*name, "." | "..") || name.contains(['\0', ';', '?', '#']);
            assert!(!names.iter().any(is_odd), "{uri} {times}");
        }
    }
    assert!(accepted > 100, "{accepted}");
}
