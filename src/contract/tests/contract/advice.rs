//! Advice on rules about the sources of values.

use callgate_contract::{Contract, advice, load};

use crate::folder::Folder;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const READERS: &str = r##"
    - name: get_customer
      parameters: { type: object, properties: { name: { type: string } } }
      result:
        type: object
        properties:
          id: { type: integer }
          email: { type: string }
          sender: { type: string }
          tags: { type: array, items: { type: string } }
      output: { trusted: ["#/id"], attributed: ["#/sender"] }
      effects: read
      run: { client: {} }
    - name: read_page
      parameters: { type: object }
      effects: read
      run: { client: {} }
"##;

/// A contract with the readers and one more tool.
fn contract(tool: &str) -> Contract {
    let text = format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: t, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
         roles: {{ r: {{ tools: [\"*\"] }} }}\n  tools:{READERS}    - name: {}\n      run: {{ client: {{}} }}\n",
        tool.trim().replace('\n', "\n      ")
    );
    load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The advice on the last tool: warnings with `!`, and the stanzas of suggestions.
fn advised(tool: &str) -> Vec<String> {
    let found = advice(&contract(tool)).into_iter().filter(|one| one.position == 2);
    found.map(|one| if one.is_warning { format!("! {}", one.message) } else { one.stanza }).collect()
}

#[test]
fn finished_fields_are_proposed() {
    let send = "send_mail\neffects: write\nparameters: { type: object, properties: { recipients: { type: array, items: { type: string } }, \
                subject: { type: string }, body: { type: string }, amount: { type: number }, kind: { enum: [a, b] } } }";
    let expected = "origin:\n  /recipients: { from: [user, \"tool:get_customer#/email\"], otherwise: approve }\n  \
                    /subject: { notFrom: [untrusted], otherwise: approve }\n";
    assert_eq!(advised(send), [expected]);
    // The proposal makes a valid contract with no further advice.
    assert_eq!(advised(&format!("{send}\n{}", expected.trim_end())), Vec::<String>::new());
    for (tool, expected) in [
        (
            "update_customer\neffects: write\nparameters: { type: object, properties: { customerId: { type: integer }, password: { type: string } } }",
            "origin:\n  /customerId: { from: [user, \"tool:get_customer#/id\"], otherwise: approve }\n  /password: { from: [user], otherwise: approve }\n",
        ),
        (
            "add_guest\neffects: write\nparameters: { type: object, properties: { guest: { type: object, properties: { email: { type: string } } } } }",
            "origin:\n  /guest/email: { from: [user, \"tool:get_customer#/email\"], otherwise: approve }\n",
        ),
        ("fetch\neffects: read\nparameters: { type: object, properties: { url: { type: string } } }", "egress: true\n"),
    ] {
        assert_eq!(advised(tool), [expected], "{tool}");
    }
    assert_eq!(
        advised("note\neffects: write\nparameters: { type: object, properties: { text: { type: string } } }"),
        Vec::<String>::new()
    );
}

#[test]
fn rules_that_let_too_much_through_are_named() {
    let send = "send\neffects: write\nparameters: { type: object, properties: { to: { type: string } } }\n";
    for (tool, expected) in [
        (format!("{send}origin: {{ /to: {{ from: [\"tool:get_customer\"] }} }}"), "names all of `get_customer`"),
        (
            format!("{send}origin: {{ /to: {{ from: [\"tool:read_page#/email\"] }} }}"),
            "names a field of `read_page`, whose results have none",
        ),
        (format!("{send}origin: {{ /to: {{ from: [\"tool:get_customer#/sender\"] }} }}"), "names an attributed field"),
        (
            format!("{send}origin: {{ /to: {{ from: [\"in:tool:get_customer#/email\"] }} }}"),
            "searches inside of a text",
        ),
        (
            format!("{send}egress: true\nentities: false\norigin: {{ /to: {{ from: [user] }} }}"),
            "`entities: false` lets URLs",
        ),
        (
            format!("{send}requires: {{ untainted: true }}\norigin: {{ /to: {{ from: [user] }} }}"),
            "holds nearly every call",
        ),
        ("delete_it\neffects: destructive\nparameters: { type: object }".to_owned(), "it deletes or revokes something"),
    ] {
        let found = advised(&tool);
        assert!(found.len() == 1 && found[0].contains(expected), "{tool}: {found:?}");
    }
    for tool in [
        format!("{send}origin: {{ /to: {{ from: [user, trusted, \"tool:get_customer#/email\"] }} }}"),
        "delete_it\neffects: destructive\nparameters: { type: object }\nrequires: { untainted: true, otherwise: approve }".to_owned(),
    ] {
        assert_eq!(advised(&tool), Vec::<String>::new(), "{tool}");
    }
}
