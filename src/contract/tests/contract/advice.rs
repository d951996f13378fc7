//! Advice on rules about the sources of values.

use callgate_contract::{Advice, Contract, Effects, advice, guess_marks, load};
use serde_json::json;

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

/// The advice on the last tool and on the contract: warnings with `!`, the stanzas of suggestions, and suggestions without one with `?`.
fn advised(tool: &str) -> Vec<String> {
    let found = advice(&contract(tool)).into_iter().filter(|one| one.position.is_none_or(|position| position == 2));
    let shown = |one: Advice| match (one.is_warning, one.stanza.is_empty()) {
        (true, _) => format!("! {}", one.message),
        (false, true) => format!("? {}", one.message),
        (false, false) => one.stanza,
    };
    found.map(shown).collect()
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
    ] {
        assert_eq!(advised(tool), [expected], "{tool}");
    }
    let fetch = "fetch\neffects: read\nparameters: { type: object, properties: { url: { type: string } } }";
    let unjudged =
        "? only the schema checks `fetch /url`; to judge what such strings mean, add profiles and `x-callgate` marks";
    assert_eq!(advised(fetch), ["egress: true\n", unjudged]);
    assert_eq!(
        advised("note\neffects: write\nparameters: { type: object, properties: { text: { type: string } } }"),
        Vec::<String>::new()
    );
}

#[test]
fn one_line_names_the_strings_that_no_profile_judges() {
    let tool = "run\neffects: read\nparameters: { type: object, properties: { a_path: { type: string }, b_path: { type: string }, \
                c_path: { type: string }, d_path: { type: string }, e_path: { type: string }, f_path: { type: string }, \
                g_path: { type: string }, h_path: { type: string }, i_path: { type: string }, kind: { enum: [path] }, \
                path: { type: integer }, mode: { type: string }, query: { type: string } } }";
    let found = advice(&contract(tool)).into_iter().filter(|one| one.position.is_none()).collect::<Vec<_>>();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert!(!one.is_warning && one.tool.is_empty() && one.stanza.is_empty());
    assert!(one.message.starts_with("only the schema checks `run /a_path`, `run /b_path`, "), "{}", one.message);
    assert!(one.message.contains("`run /h_path` and 1 more; "), "{}", one.message);
    let nothing = "note\neffects: read\nparameters: { type: object, properties: { text: { type: string }, query: { type: string } } }";
    assert!(advice(&contract(nothing)).iter().all(|one| one.position.is_some()));
}

#[test]
fn names_and_descriptions_say_which_mark_a_string_needs() {
    let text = json!({ "type": "string" });
    let said = |description: &str| json!({ "type": "string", "description": description });
    let list = json!({ "type": "array", "items": { "type": "string" } });
    for (effects, parameters, expected) in [
        (Effects::Read, json!({ "file_path": text }), "/file_path { path: read }"),
        (Effects::Write, json!({ "filePath": text }), "/filePath { path: write }"),
        (Effects::Destructive, json!({ "path": text }), "/path { path: write }"),
        (
            Effects::Write,
            json!({ "command": text, "workdir": text }),
            "/command { command: { shell: bash, cwd: /workdir } }",
        ),
        (Effects::Write, json!({ "cmd": list, "cwd": text }), "/cmd { command: { shell: none, cwd: /cwd } }"),
        (Effects::Read, json!({ "cwd": text }), "/cwd { path: read }"),
        (Effects::Read, json!({ "paths": list }), "/paths/* { path: read }"),
        (Effects::Read, json!({ "image_url": text }), "/image_url url"),
        (Effects::Read, json!({ "pattern": said("The glob pattern to match") }), "/pattern glob"),
        (Effects::Read, json!({ "query": said("An SQL query.") }), "/query { sql: { dialect: postgres } }"),
        (
            Effects::Write,
            json!({ "input": said("Text from *** Begin Patch to *** End Patch") }),
            "/input { patch: codex }",
        ),
        (Effects::Write, json!({ "changes": said("A unified diff") }), "/changes { patch: unified }"),
        (Effects::Read, json!({ "query": said("Words to search for") }), ""),
        (Effects::Read, json!({ "query": text, "pattern": text, "name": text }), ""),
        (Effects::Read, json!({ "path": { "type": "string", "enum": ["a"] }, "url": { "type": "integer" } }), ""),
        (Effects::Read, json!({ "a/b_path": text }), "/a~1b_path { path: read }"),
    ] {
        let found = guess_marks(effects, &json!({ "type": "object", "properties": parameters }));
        let shown: Vec<String> = found.into_iter().map(|one| format!("{} {}", one.place, one.mark)).collect();
        assert_eq!(shown.join("; "), expected, "{parameters}");
    }
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
