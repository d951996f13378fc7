//! E-mail addresses.

use crate::rows::{rows, text};
use callgate_kinds::email::{EmailAddress, EmailRules};

/// Compiles domains.
fn compile(domains: &[&str]) -> EmailRules {
    let domains: Vec<String> = domains.iter().map(|&domain| domain.to_owned()).collect();
    EmailRules::compile(&domains).unwrap()
}

#[test]
fn each_row_of_addresses_has_its_verdict() {
    let rules = compile(&["good.example"]);
    for row in rows("email") {
        let verdict = EmailAddress::read(text(&row, "input")).and_then(|address| rules.check(&address));
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
fn only_a_plain_name_and_a_plain_domain_are_an_address() {
    let long = format!("{}@good.example", "a".repeat(64));
    for text in [
        "a@good.example",
        "A.b+c@good.example",
        "o'neil@good.example",
        "bounce+u=x.org@good.example",
        "a_b-1@GOOD.Example",
        &long,
    ] {
        assert!(compile(&["good.example"]).check(&EmailAddress::read(text).unwrap()).is_ok(), "{text}");
    }
    let too_long = format!("{}@good.example", "a".repeat(65));
    let too_wide = format!("a@{}good.example", "a.".repeat(125));
    let refused = [
        "",
        "@",
        "a",
        "a@",
        "@good.example",
        "a@@good.example",
        "a@b@good.example",
        ".a@good.example",
        "a.@good.example",
        "a..b@good.example",
        "-a@good.example",
        "a b@good.example",
        "a\r\nBcc: x@good.example",
        "a\t@good.example",
        "a,b@good.example",
        "a;b@good.example",
        "a:b@good.example",
        "a%evil.example@good.example",
        "evil.example!a@good.example",
        "|id@good.example",
        "/etc/x@good.example",
        "`id`@good.example",
        "$x@good.example",
        "=?utf-8?q?a?=@good.example",
        "\"a\"@good.example",
        "(c)a@good.example",
        "<a@good.example>",
        "a\\b@good.example",
        "\u{e9}@good.example",
        "a\u{ff20}good.example",
        "a@good.example.",
        "a@good..example",
        "a@-good.example",
        "a@good_.example",
        "a@g\u{f6}od.example",
        "a@good.example ",
        "a@good.example\n",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@1",
        "a@0x7f.1",
        "a@good.example:25",
        "a@good.example,b@evil.example",
        &too_long,
        &too_wide,
    ];
    for text in refused {
        assert!(EmailAddress::read(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_domain_is_compared_whole_and_a_star_is_one_label() {
    let rules = compile(&["good.example", "*.partner.example"]);
    let read = |text| EmailAddress::read(text).unwrap();
    for (text, entry) in [
        ("a@Good.Example", Some("good.example")),
        ("a@x.partner.example", Some("*.partner.example")),
        ("a@partner.example", None),
        ("a@x.y.partner.example", None),
        ("a@x.good.example", None),
        ("a@notgood.example", None),
        ("a@good.example.evil.example", None),
    ] {
        assert_eq!(rules.allowed_by(&read(text)), entry, "{text}");
    }
    assert!(EmailRules::default().check(&read("a@good.example")).is_err());
    for entry in ["", "*", "*.com", "a@good.example", "127.0.0.1", "g\u{f6}od.example", "good.example."] {
        assert!(EmailRules::compile(&[entry.into()]).is_err(), "{entry:?}");
    }
}

#[test]
fn an_address_is_shown_as_it_was_understood() {
    let address = EmailAddress::read("Ann.Lee@Good.Example").unwrap();
    assert_eq!(
        (address.local(), address.domain().to_string(), address.to_string()),
        ("Ann.Lee", "good.example".into(), "Ann.Lee@good.example".into())
    );
}
