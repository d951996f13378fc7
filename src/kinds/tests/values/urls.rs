//! URLs and the hosts that they may name.

use crate::rows::{rows, text};
use callgate_kinds::url::{HostRules, Url};

/// Owns texts.
fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Compiles hosts.
fn compile(hosts: &[&str]) -> HostRules {
    HostRules::compile(&owned(hosts)).unwrap()
}

/// Returns true if the rules allow the text.
fn allows(rules: &HostRules, text: &str) -> bool {
    Url::read(text).and_then(|url| rules.check(&url)).is_ok()
}

#[test]
fn each_row_of_urls_has_its_verdict() {
    let good = compile(&["good.example", "*.docs.example"]);
    let path = compile(&["good.example"]).with_paths(&owned(&["/api/**"])).unwrap();
    for row in rows("url") {
        let rules = if text(&row, "policy") == "good-path" { &path } else { &good };
        let verdict = Url::read(text(&row, "input")).and_then(|url| rules.check(&url));
        assert_eq!(
            verdict.is_ok(),
            row["verdict"] == "allow",
            "{:?} ({}): {verdict:?}",
            text(&row, "input"),
            text(&row, "why")
        );
    }
}

#[test]
fn urls_that_two_programs_read_in_two_ways_are_refused_with_their_byte() {
    let long = format!("https://good.example/{}", "a".repeat(8192));
    let label = format!("https://{}.example/", "a".repeat(64));
    let name = format!("https://{}example/", "a.".repeat(124));
    let table = [
        ("", "is an empty URL"),
        (long.as_str(), "byte 8192: is longer"),
        (label.as_str(), "byte 8: has a host that is not labels"),
        (name.as_str(), "byte 8: has a host that is not labels"),
        ("good.example", "is not of the form"),
        ("//good.example/", "is not of the form"),
        ("https:good.example", "is not of the form"),
        ("https:/good.example/", "is not of the form"),
        ("https:///good.example/", "byte 8: has no host"),
        ("https:////good.example/", "byte 8: has no host"),
        ("https://?x", "byte 8: has no host"),
        ("https://:80/", "byte 8: has no host"),
        ("1ttps://good.example/", "byte 0: is not of the form"),
        ("://good.example/", "byte 0: is not of the form"),
        ("jar:https://good.example/", "byte 0: is not of the form"),
        ("blob:https://good.example/x", "byte 0: is not of the form"),
        (" https://good.example/", "byte 0: has a blank"),
        ("https://good.example/ ", "byte 21: has a blank"),
        ("ht\ntps://good.example/", "byte 2: has a blank or a control"),
        ("https://good.exa\tmple/", "byte 16: has a blank or a control"),
        ("https://good.example/\0", "byte 21: has a blank or a control"),
        ("https://good.example/\u{7f}", "byte 21: has a blank or a control"),
        ("https://good\u{3002}example/", "byte 12: has a character that is not ASCII"),
        ("https://good.example/\u{e9}", "byte 21: has a character that is not ASCII"),
        ("https://\u{ad}good.example/", "byte 8: has a character that is not ASCII"),
        ("https://evil.example\\@good.example/", "byte 20: has a backslash"),
        ("https:\\\\good.example\\", "byte 6: has a backslash"),
        ("https://good.example/{a,b}", "byte 21: has a character that a URL must encode"),
        ("https://{good,evil}.example/", "byte 8: has a character that a URL must encode"),
        ("https://good.example/[1-3]", "byte 21: has a bracket"),
        ("https://good.example/#a#b", "has `#` in its fragment"),
        ("https://good.example/%", "byte 21: has `%` without"),
        ("https://good.example/%2", "byte 21: has `%` without"),
        ("https://good.example/%zz", "byte 21: has `%` without"),
        ("https://good%2eexample/", "byte 8: has a host that is not labels"),
        ("https://good.example%00.evil.example/", "byte 8: has a host"),
        ("https://user@good.example/", "byte 12: has a user name"),
        ("https://@good.example/", "byte 8: has a user name"),
        ("https://:@good.example/", "byte 9: has a user name"),
        ("https://good.example:443@evil.example/", "byte 24: has a user name"),
        ("https://good.example./", "byte 8: has a host that ends in a dot"),
        ("https://.good.example/", "byte 8: has a host"),
        ("https://good..example/", "byte 8: has a host"),
        ("https://-good.example/", "byte 8: has a host"),
        ("https://good-.example/", "byte 8: has a host"),
        ("https://go_od.example/", "byte 8: has a host"),
        ("https://good.example:/", "byte 20: has a port"),
        ("https://good.example:0/", "byte 20: has a port"),
        ("https://good.example:080/", "byte 20: has a port"),
        ("https://good.example:65536/", "byte 20: has a port"),
        ("https://good.example:+80/", "byte 20: has a port"),
        ("https://good.example:80:80/", "byte 8: has a host"),
        ("https://2130706433/", "byte 8: has an IPv4 address"),
        ("https://0x7f.1/", "byte 8: has an IPv4 address"),
        ("https://0x7f000001/", "byte 8: has an IPv4 address"),
        ("https://0x/", "byte 8: has an IPv4 address"),
        ("https://a.0x/", "byte 8: has an IPv4 address"),
        ("https://0177.0.0.1/", "byte 8: has an IPv4 address"),
        ("https://127.1/", "byte 8: has an IPv4 address"),
        ("https://1.2.3.4.5/", "byte 8: has an IPv4 address"),
        ("https://127.0.0.1./", "byte 8: has an IPv4 address"),
        ("https://good.1/", "byte 8: has an IPv4 address"),
        ("https://256.0.0.1/", "byte 8: has an IPv4 address"),
        ("https://[fe80::1%25eth0]/", "byte 8: has brackets"),
        ("https://[::1/", "byte 8: has brackets"),
        ("https://::1]/", "byte 8: "),
        ("https://[good.example]/", "byte 8: has brackets"),
        ("https://[127.0.0.1]/", "byte 8: has brackets"),
        ("https://[::1]x/", "byte 8: has brackets"),
        ("https://[::1]x:80/", "byte 8: has brackets"),
        ("https://[v1.a]/", "byte 8: has brackets"),
    ];
    for (text, reason) in table {
        let refusal = Url::read(text).expect_err(text).to_string();
        assert!(refusal.starts_with(reason), "{text:?}: {refusal}");
    }
}

#[test]
fn a_url_is_shown_as_it_was_understood() {
    let table = [
        ("https://good.example", "https://good.example/"),
        ("HTTPS://Good.EXAMPLE/A%2fb", "https://good.example/A%2fb"),
        ("https://good.example:8443?token=1#x", "https://good.example:8443/?\u{2026}"),
        ("https://good.example?@evil.example", "https://good.example/?\u{2026}"),
        ("https://good.example#@evil.example", "https://good.example/"),
        ("https://good.example/?filter[a]=b", "https://good.example/?\u{2026}"),
        ("https://127.0.0.1:1/", "https://127.0.0.1:1/"),
        ("https://[0:0::1]:65535/", "https://[::1]:65535/"),
        ("https://xn--gd-fmca.example/", "https://xn--gd-fmca.example/"),
        ("git+ssh://a.example/x", "git+ssh://a.example/x"),
    ];
    for (text, shown) in table {
        assert_eq!(Url::read(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}")).to_string(), shown);
    }
}

#[test]
fn a_host_is_compared_whole_and_a_star_is_one_label() {
    let rules = compile(&[
        "Good.example",
        "*.docs.example",
        "localhost:8080",
        "127.0.0.1",
        "::1",
        "[fd00::2]:443",
        "*.svc.internal:8443",
    ]);
    let inside = [
        "https://good.example/",
        "https://GOOD.example:1234/x",
        "https://a.docs.example/",
        "https://localhost:8080/",
        "https://127.0.0.1/",
        "https://127.0.0.1:99/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[fd00::2]/",
        "https://a.svc.internal:8443/",
    ];
    for text in inside {
        assert!(allows(&rules, text), "{text}");
    }
    let outside = [
        "http://good.example/",
        "https://evil.example/",
        "https://evilgood.example/",
        "https://good.example.evil.example/",
        "https://docs.example/",
        "https://a.b.docs.example/",
        "https://localhost/",
        "https://localhost:80/",
        "https://127.0.0.2/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fd00::2]:8443/",
        "https://a.svc.internal/",
        "https://127.0.0.1.nip.io/",
    ];
    for text in outside {
        assert!(!allows(&rules, text), "{text}");
    }
    assert!(!allows(&HostRules::default(), "https://good.example/"), "no entry allows nothing");
}

#[test]
fn a_path_of_a_url_is_compared_only_if_every_program_resolves_it_alike() {
    let rules = compile(&["good.example"]).with_paths(&owned(&["/api/**", "/v1/users/*", "/", "/a?c/[0-9]"])).unwrap();
    for path in
        ["", "/", "?x", "/api", "/api/", "/api/a/b.c", "/api/a%20b?/../x", "/v1/users/ann", "/abc/1", "/api/.../x"]
    {
        assert!(allows(&rules, &format!("https://good.example{path}")), "{path}");
    }
    let outside = [
        "/api2",
        "/API/x",
        "/%61pi/x",
        "/v1/users",
        "/v1/users/a/b",
        "/abc/12",
        "/api/..",
        "/api/../x",
        "/api/./x",
        "/api/.",
        "/api/%2e%2e/x",
        "/api/.%2E/x",
        "/api/%2E",
        "/api/..%2fx",
        "/api%2f..%2fadmin",
        "/api/%5c..",
        "/api//x",
        "//api/x",
        "/api/x//",
        "/api/..;/admin",
        "/api;a/x",
        "/api/%3b",
        "/api/%252e%252e/x",
        "/api/%00",
        "/api/%0d%0a",
        "/api/%1f",
    ];
    for path in outside {
        assert!(!allows(&rules, &format!("https://good.example{path}")), "{path}");
    }
    let all = compile(&["good.example"]).with_paths(&owned(&["/**"])).unwrap();
    assert!(allows(&all, "https://good.example/a/b/") && allows(&all, "https://good.example"));
}

#[test]
fn an_entry_of_hosts_without_meaning_is_an_error_that_says_what_to_write() {
    let table = [
        ("", "has no host"),
        ("*", "is every host"),
        ("*.com", "has `*` before a top-level name"),
        ("a.*.example", "has `*` in the middle"),
        ("*a.example", "has `*` in the middle"),
        ("*.1.2.3", "has `*` before an address"),
        ("https://good.example", "is a URL"),
        ("good.example/x", "is a URL"),
        ("g\u{f6}od.example", "has letters that are not ASCII"),
        ("good.example.", "has a host that ends in a dot"),
        ("good.example:0", "has a port"),
        ("user@good.example", "has a host that is not labels"),
        ("127.1", "has an IPv4 address"),
        ("::ffff:1.2.3.4", "is an IPv4 address in the form"),
        ("fe80::1%eth0", "has brackets"),
    ];
    for (entry, problem) in table {
        let error = HostRules::compile(&owned(&["good.example", entry])).expect_err(entry);
        assert!(error.problem.starts_with(problem), "{entry:?}: {error}");
        assert_eq!(error.entry, 1);
    }
    for scheme in ["", "https:", "file", "javascript", "data", "1"] {
        assert!(HostRules::default().with_schemes(&owned(&[scheme])).is_err(), "{scheme:?}");
    }
    for path in ["", "api", "/a**", "/**/x", "/../x", "/a#b", "/a;b", "/a b", "/[", "/a[A-z]"] {
        assert!(HostRules::default().with_paths(&owned(&[path])).is_err(), "{path:?}");
    }
}

#[test]
fn only_listed_schemes_are_allowed() {
    let rules = compile(&["good.example"]).with_schemes(&owned(&["HTTP", "wss"])).unwrap();
    assert!(allows(&rules, "http://good.example/") && allows(&rules, "WSS://good.example/"));
    assert!(!allows(&rules, "https://good.example/") && !allows(&rules, "ftp://good.example/"));
}
