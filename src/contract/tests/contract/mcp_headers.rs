//! `x-mcp-header` in the schemas of arguments, and `spec.mcp`.

use callgate_contract::{AskedKind, load};

use crate::folder::{Folder, with_parameters};

fn faults(parameters: &str) -> String {
    match load("contract.yaml", &with_parameters(parameters), &Folder(&[])) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn an_argument_may_be_a_header_too() {
    let parameters = "{ type: object, properties: { region: { type: string, x-mcp-header: Region }, \
                      deep: { type: object, properties: { dry: { type: boolean, x-mcp-header: Dry-Run } } } } }";
    let contract = load("contract.yaml", &with_parameters(parameters), &Folder(&[])).unwrap();
    let headers = contract.tools()[0].argument_headers();
    let found: Vec<_> = headers.iter().map(|header| (header.header.as_str(), header.path.join("."))).collect();
    assert_eq!(found, [("mcp-param-region", "region".to_owned()), ("mcp-param-dry-run", "deep.dry".to_owned())]);
    assert!(!contract.mcp().may_ask(AskedKind::Roots), "a server may ask a client for nothing");
}

#[test]
fn an_annotation_for_which_clients_would_drop_the_tool_is_an_error() {
    let table = [
        ("{ type: object, x-mcp-header: A }", "cannot be found for certain"),
        (
            "{ type: object, properties: { a: { type: array, items: { type: string, x-mcp-header: A } } } }",
            "cannot be found",
        ),
        ("{ type: object, anyOf: [{ properties: { a: { type: string, x-mcp-header: A } } }] }", "cannot be found"),
        ("{ type: object, $defs: { a: { type: string, x-mcp-header: A } } }", "cannot be found"),
        (
            "{ type: object, properties: { a: { type: number, x-mcp-header: A } } }",
            "expected an argument with `type: string`",
        ),
        ("{ type: object, properties: { a: { x-mcp-header: A } } }", "expected an argument with"),
        (
            "{ type: object, properties: { a: { type: [string, 'null'], x-mcp-header: A } } }",
            "expected an argument with",
        ),
        ("{ type: object, properties: { a: { type: string, x-mcp-header: '' } } }", "expected the name of a header"),
        ("{ type: object, properties: { a: { type: string, x-mcp-header: 'A B' } } }", "expected the name of a header"),
        ("{ type: object, properties: { a: { type: string, x-mcp-header: 7 } } }", "expected the name of a header"),
        (
            "{ type: object, properties: { a: { type: string, x-mcp-header: A }, b: { type: string, x-mcp-header: a } } }",
            "expected each header once",
        ),
        (
            "{ type: object, properties: { a: { type: string, x-mcp-header: a-b }, b: { type: string, x-mcp-header: a_b } } }",
            "expected each header once",
        ),
    ];
    for (parameters, expected) in table {
        let told = faults(parameters);
        assert!(told.contains(expected) && told.contains("x-mcp-header"), "{parameters}: {told}");
    }
    assert_eq!(
        faults("{ type: object, properties: { a: { default: { x-mcp-header: 7 } } } }"),
        "",
        "data is no schema"
    );
}
