//! Blocks of addresses.

use crate::rows::{rows, text};
use callgate_kinds::cidr::{CidrBlock, CidrRules};

/// Compiles blocks.
fn compile(blocks: &[&str]) -> CidrRules {
    let blocks: Vec<String> = blocks.iter().map(|&block| block.to_owned()).collect();
    CidrRules::compile(&blocks).unwrap()
}

#[test]
fn each_row_of_blocks_has_its_verdict() {
    for row in rows("cidr") {
        let rules = compile(if text(&row, "policy") == "ula" { &["fc00::/7"] } else { &["10.0.0.0/8"] });
        let verdict = CidrBlock::read(text(&row, "input")).and_then(|block| rules.check(&block));
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
fn a_block_has_one_form_and_no_bits_after_its_prefix() {
    let plain = ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0", "fd00::/8", "2001:db8::1/128"];
    for text in plain {
        assert_eq!(CidrBlock::read(text).unwrap().to_string(), text);
    }
    let other = [
        "",
        "/",
        "/8",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.0.0.0/+8",
        "10.0.0.0/ 8",
        "10.0.0.0/8 ",
        "10.0.0.0/00",
        "10.0.0.0/08",
        "10.0.0.0/33",
        "10.0.0.0/256",
        "10.0.0.0/99999999999",
        "10.0.0.0/255.0.0.0",
        "10.0.0.1/24",
        "1.2.3/24",
        "0x0a.0.0.0/8",
        "012.0.0.0/8",
        "10.0.0.0.0/8",
        "::/129",
        "::1/64",
        "::ffff:10.0.0.0/104",
        "::ffff:0:0/96",
        "::10.0.0.0/104",
        "[::]/0",
        "fe80::%1/64",
        "fd00::/8\0",
        "10。0.0.0/8",
    ];
    for text in other {
        assert!(CidrBlock::read(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_block_must_lie_whole_in_one_entry() {
    let rules = compile(&["10.0.0.0/9", "10.128.0.0/9", "fc00::/7"]);
    for (text, entry) in [
        ("10.0.0.0/9", Some("10.0.0.0/9")),
        ("10.200.0.0/16", Some("10.128.0.0/9")),
        ("10.0.0.0/8", None),
        ("a::/16", None),
    ] {
        assert_eq!(rules.allowed_by(&CidrBlock::read(text).unwrap()), entry, "{text}");
    }
    assert!(CidrRules::default().check(&CidrBlock::read("10.0.0.0/8").unwrap()).is_err());
    let error = CidrRules::compile(&["10.0.0.0/8".into(), "10.0.0.1/8".into()]).unwrap_err();
    assert_eq!(
        (error.entry, error.problem.as_str()),
        (1, "byte 0: has bits after its prefix, which some programs drop and others refuse")
    );
}
