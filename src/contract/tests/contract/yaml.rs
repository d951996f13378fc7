//! Reading a contract's text.

use callgate_contract::{Contract, Errors, from_value, load};
use proptest::prelude::*;

use crate::folder::{Folder, ORDER_DESK, with_parameters};

fn read(text: &str) -> Result<Contract, Errors> {
    load("c.yaml", text, &Folder(&[]))
}

fn lines(text: &str) -> String {
    read(text).map_or_else(|errors| errors.to_string(), |_| "(accepted)".to_owned())
}

#[test]
fn ambiguous_yaml_is_refused() {
    let cases = [
        ("", "c.yaml:1:1: expected a text; it is empty"),
        (
            "a: &x 1\nb: *x\n",
            "c.yaml:1:4: expected no anchor; write the value out where it is needed\nc.yaml:2:4: expected no alias; write the value out, a reviewer reads it in place",
        ),
        ("a: !!str 1\n", "c.yaml:1:4: expected no tag; quotes make a string, nothing else is needed"),
        ("a: 1\na: 2\n", "c.yaml:2:1: expected each key once; `a` is there twice, remove one"),
        ("<<: { a: 1 }\n", "c.yaml:1:1: expected no merge key `<<`; write the fields out"),
        ("1: a\n", "c.yaml:1:1: expected a string as the key; put it in quotes"),
        ("[a]: a\n", "c.yaml:1:1: expected a string as the key; put it in quotes"),
        (
            "a: .inf\nb: .nan\n",
            "c.yaml:1:4: expected a finite number; JSON has no infinity and no NaN\nc.yaml:2:4: expected a finite number; JSON has no infinity and no NaN",
        ),
        ("--- {}\n--- {}\n", "c.yaml:2:1: expected one document; put each contract into a file of its own"),
        ("just text\n", "c.yaml:1:1: expected a mapping, found a string"),
    ];
    for (text, expected) in cases {
        assert_eq!(lines(text), expected, "{text:?}");
    }
    assert!(lines("a: [1\n").starts_with("c.yaml:2:1: expected YAML: "), "{}", lines("a: [1\n"));
    assert!(lines("a: 0.10000000000000000001\n").contains("expected a number that can be held exactly"));
    let deep = format!("a: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(lines(&deep).contains("levels of nesting"), "{}", lines(&deep));
}

#[test]
fn scalars_follow_the_core_schema_of_yaml_1_2() {
    let parameters = "{ type: object, default: [yes, on, 0777, 0o17, 0x1F, +1, -1, 1e2, .5, 1., 0.5, ~, null, True, FALSE, \
                      1_000, 12:30, 2001-01-01, \"1\", '2', 1.2.3, -a, 0x, 1e, 'a ''b'''] }";
    let contract = read(&with_parameters(parameters)).unwrap_or_else(|errors| panic!("{errors}"));
    let got = contract.tools()[0].parameters()["default"].to_string();
    assert_eq!(
        got,
        r#"["yes","on",777,15,31,1,-1,100,0.5,1,0.5,null,null,true,false,"1_000","12:30","2001-01-01","1","2","1.2.3","-a","0x","1e","a 'b'"]"#
    );
}

#[test]
fn json_text_is_a_contract_too_and_keeps_its_places() {
    let contract = read(ORDER_DESK).unwrap();
    let again = load("c.json", contract.canonical(), &Folder(&[])).unwrap();
    assert_eq!(again.digest(), contract.digest());
    assert_eq!(read(contract.canonical()).unwrap().digest(), contract.digest());

    let text = "{\n  \"apiVersion\": \"callgate.dev/v1\",\n\t\"kind\": \"a \\\"Pod\\\" {\",   \"metadata\": {\"name\":\"a\",\"version\":\"1\"},\n  \"spec\": [ 1, {} ]\n}\n";
    for file in ["c.json", "c.yaml"] {
        let errors = load(file, text, &Folder(&[])).unwrap_err().to_string();
        assert_eq!(
            errors,
            format!("{file}:3:10: kind: expected `Contract`\n{file}:4:11: spec: expected a mapping, found a list")
        );
    }
    let twice = load("c.json", "{\"a\":1,\n\"a\":2}", &Folder(&[])).unwrap_err().to_string();
    assert!(twice.starts_with("c.json:2:") && twice.contains("expected strict JSON"), "{twice}");
}

#[test]
fn block_scalars_and_long_descriptions_are_text() {
    let text =
        ORDER_DESK.replace("description: Look up an order.", "description: |\n        Look up\n        an order.");
    assert_eq!(read(&text).unwrap().tools()[0].description(), Some("Look up\nan order.\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic_and_what_it_accepts_reads_back_the_same(
        at in 0..ORDER_DESK.len(),
        length in 0_usize..12,
        with in "[\\PC\n\t]{0,6}|[\\[{]{0,90}|- |: |\\$ref: |&a |\\*a|!!x |\"|'|\\| |> |#",
    ) {
        let mut text = ORDER_DESK.to_owned();
        text.replace_range(at..(at + length).min(ORDER_DESK.len()), &with);
        match read(&text) {
            Ok(contract) => {
                let value = callgate_json::read(contract.canonical().as_bytes()).unwrap();
                let again = from_value(&value).unwrap();
                prop_assert_eq!(again.digest(), contract.digest());
            }
            Err(errors) => prop_assert!(errors.iter().all(|fault| fault.line > 0 && fault.column > 0), "{}", errors),
        }
    }
}
