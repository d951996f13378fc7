//! `callgate init`: the proposal is valid, says what it is made of, and is the same each time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Folder, callgate};

/// Name, description and schema of three tools.
fn tools() -> Vec<(&'static str, &'static str, Value)> {
    let text = || json!({ "type": "string" });
    vec![
        (
            "search_mails",
            "Finds mails: \"all\" # of them\nor none.",
            json!({ "type": "object", "properties": { "query": text() } }),
        ),
        (
            "send_mail",
            "Sends a mail.",
            json!({ "type": "object", "required": ["to"], "properties": { "to": text(), "mail_id": text(), "subject": text() } }),
        ),
        ("delete_mail", "Deletes.", json!({ "type": "object", "properties": { "mail_id": text() } })),
    ]
}

const RESULT: &str = r#"[{"id":"m-1","sender":"eve@evil.example","subject":"Hello","sent_at":"2026-01-01"}]"#;

/// A request of each API with these tools, a call and its result.
fn requests() -> Vec<(&'static str, Value)> {
    let functions = |key: &str| -> Vec<Value> {
        tools()
            .into_iter()
            .map(|(name, text, schema)| json!({ "name": name, "description": text, key: schema }))
            .collect()
    };
    let wrapped = |key: &str, list: Vec<Value>| -> Value {
        list.into_iter().map(|tool| json!({ "type": "function", key: tool })).collect()
    };
    let chat_call = |arguments: Value| json!({ "id": "c1", "type": "function", "function": { "name": "search_mails", "arguments": arguments } });
    let responses: Vec<Value> = functions("parameters")
        .into_iter()
        .map(|mut tool| {
            tool["type"] = "function".into();
            tool
        })
        .collect();
    vec![
        (
            "chatCompletions",
            json!({ "model": "gpt-5", "tools": wrapped("function", functions("parameters")), "messages": [
                { "role": "user", "content": "hello" }, { "role": "assistant", "tool_calls": [chat_call("{}".into())] },
                { "role": "tool", "tool_call_id": "c1", "content": RESULT }] }),
        ),
        (
            "responses",
            json!({ "model": "gpt-5", "tools": responses, "input": [
                { "role": "user", "content": "hello" },
                { "type": "function_call", "call_id": "c1", "name": "search_mails", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c1", "output": RESULT }] }),
        ),
        (
            "messages",
            json!({ "model": "gpt-5", "max_tokens": 9, "tools": functions("input_schema"), "messages": [
                { "role": "user", "content": "hello" },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "c1", "name": "search_mails", "input": {} }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": RESULT }] }] }),
        ),
        (
            "ollama",
            json!({ "model": "gpt-5", "tools": wrapped("function", functions("parameters")), "messages": [
                { "role": "user", "content": "hello" },
                { "role": "assistant", "tool_calls": [{ "function": { "name": "search_mails", "arguments": {} } }] },
                { "role": "tool", "tool_name": "search_mails", "content": RESULT }] }),
        ),
        (
            "gemini",
            json!({ "tools": [{ "functionDeclarations": functions("parametersJsonSchema") }], "contents": [
                { "role": "user", "parts": [{ "text": "hello" }] },
                { "role": "model", "parts": [{ "functionCall": { "name": "search_mails", "args": {} } }] },
                { "role": "user", "parts": [{ "functionResponse": { "name": "search_mails", "response": { "result": RESULT } } }] }] }),
        ),
        (
            "converse",
            json!({ "toolConfig": { "tools": tools().into_iter().map(|(name, text, schema)| {
                    json!({ "toolSpec": { "name": name, "description": text, "inputSchema": { "json": schema } } })
                }).collect::<Vec<_>>() }, "messages": [
                { "role": "user", "content": [{ "text": "hello" }] },
                { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "c1", "name": "search_mails", "input": {} } }] },
                { "role": "user", "content": [{ "toolResult": { "toolUseId": "c1", "content": [{ "text": RESULT }] } }] }] }),
        ),
    ]
}

/// A server's list of the same tools.
fn listed() -> Value {
    let tools = tools()
        .into_iter()
        .map(|(name, text, schema)| json!({ "name": name, "description": text, "inputSchema": schema }));
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools.collect::<Vec<_>>() } })
}

/// Runs the command over one file, and returns the proposal.
fn proposed(folder: &Folder, text: &str, more: &[&str]) -> String {
    let file = folder.write("captured.json", text);
    let mut line = vec!["init", "--from", &file, "--out", "-"];
    line.extend(more);
    let said = callgate(&line);
    assert_eq!(said.code, 0, "{said:?}\n{text}");
    said.out
}

/// Returns the lines about the tools, without comments.
fn rules(contract: &str) -> String {
    let rules = contract.split_once("  tools:\n").unwrap().1;
    rules.lines().map(|line| format!("{}\n", line.split(" # ").next().unwrap())).collect()
}

/// Asserts that a contract has no fault, no warning, and no suggestion but for the marks, which its own review proposes.
fn is_clean(folder: &Folder, contract: &str) {
    let file = folder.write("proposed.yaml", contract);
    let said = callgate(&["lint", "--suggest", &file]);
    assert_eq!(said.code, 0, "{said:?}\n{contract}");
    let marks = "add profiles and `x-callgate` marks";
    let is_open = |line: &&str| line.contains("warning") || line.contains("suggestion") && !line.contains(marks);
    let open: Vec<&str> = said.out.lines().filter(is_open).collect();
    assert!(open.is_empty(), "{open:?}\n{contract}");
    assert!(!said.out.contains(marks) || contract.contains("# x-callgate of "), "{}\n{contract}", said.out);
}

const RULES: &str = r##"    - name: search_mails
      description: "Finds mails: \"all\"
      effects: read
      parameters:
        type: object
        properties:
          query:
            type: string
      result: { format: json }
      output:
        trusted: ["#/*/id", "#/*/sent_at"]
        attributed: ["#/*/sender"]
      run: { client: {} }
    - name: send_mail
      description: "Sends a mail."
      effects: write
      parameters:
        type: object
        required: [to]
        properties:
          to:
            type: string
          mail_id:
            type: string
          subject:
            type: string
      egress: true
      origin:
        /to: { from: [user], otherwise: approve }
        /mail_id: { from: [user, "tool:search_mails#/*/id"], otherwise: approve }
        /subject: { notFrom: [untrusted], otherwise: approve }
      run: { client: {} }
    - name: delete_mail
      description: "Deletes."
      effects: destructive
      parameters:
        type: object
        properties:
          mail_id:
            type: string
      requires: { untainted: true, otherwise: approve }
      origin:
        /mail_id: { from: [user, "tool:search_mails#/*/id"], otherwise: approve }
      run: { client: {} }
"##;

#[test]
fn requests_of_every_api_give_the_same_rules() {
    let folder = Folder::new("init-apis");
    for (api, request) in requests() {
        for (text, more) in [
            (request.to_string(), vec!["--api", api]),
            (request.to_string(), vec![]),
            (json!({ "dialect": api, "request": request }).to_string(), vec![]),
        ] {
            let contract = proposed(&folder, &text, &more);
            assert_eq!(rules(&contract), RULES, "{api} {more:?}");
            is_clean(&folder, &contract);
        }
        let models = if matches!(api, "gemini" | "converse") { "models: [\"*\"]" } else { "models: [gpt-5]" };
        assert!(proposed(&folder, &request.to_string(), &[]).contains(models), "{api}");
    }
}

#[test]
fn a_list_of_a_server_gives_hints_and_schemas_of_results() {
    let folder = Folder::new("init-mcp");
    let mut list = listed();
    let rules_of = |list: &Value| {
        let contract = proposed(&folder, &list.to_string(), &[]);
        is_clean(&folder, &contract);
        rules(&contract)
    };
    let plain = rules_of(&list);
    assert!(!plain.contains("result:") && plain.contains("/mail_id: { from: [user], otherwise: approve }"), "{plain}");
    let tools = list["result"]["tools"].as_array_mut().unwrap();
    tools[0]["outputSchema"] =
        json!({ "type": "object", "properties": { "id": { "type": "string" }, "owner": { "type": "string" } } });
    tools[1]["annotations"] = json!({ "readOnlyHint": true });
    tools[2]["annotations"] = json!({ "readOnlyHint": true, "destructiveHint": false });
    let hinted = rules_of(&list);
    assert!(hinted.contains("trusted: [\"#/id\"]") && hinted.contains("attributed: [\"#/owner\"]"), "{hinted}");
    assert!(hinted.contains("tool:search_mails#/id"), "{hinted}");
    // A hint does not make a name milder.
    assert_eq!(hinted.matches("effects: write").count(), 1, "{hinted}");
    assert_eq!(hinted.matches("effects: destructive").count(), 1, "{hinted}");
    list["result"]["tools"][0]["annotations"] = json!({ "destructiveHint": true });
    assert_eq!(rules_of(&list).matches("effects: destructive").count(), 2);
}

#[test]
fn several_files_and_lines_are_one_proposal() {
    let folder = Folder::new("init-files");
    let (chat, list) = (requests().remove(0).1, listed());
    let lines = format!(
        "{chat}\n\n{}\n{}\n",
        json!({ "path": "/v1/models", "method": "GET", "body": null }),
        json!({ "path": "/v1/messages", "body": requests().remove(2).1 })
    );
    let (one, two) = (folder.write("lines.jsonl", &lines), folder.write("list.json", &list.to_string()));
    let out = folder.path("new/desk.yaml").display().to_string();
    let _ = fs::remove_dir_all(folder.path("new"));
    let line = ["init", "--from", &one, &two, "--out", &out, "--role", "agent", "--shadow", "--schemas"];
    let said = callgate(&line);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("3 tools") && said.out.contains("note: 1 entries are neither"), "{}", said.out);
    let contract = fs::read_to_string(&out).unwrap();
    assert!(contract.contains("from 2 requests and 1 list of tools"), "{contract}");
    assert!(contract.contains("enforce: false") && contract.contains("agent: { tools: [\"*\"] }"), "{contract}");
    assert!(contract.contains("parameters: { $ref: \"schemas/send_mail.json\" }"), "{contract}");
    assert_eq!(callgate(&["lint", &out]).code, 0);
    // Nothing is overwritten.
    let again = callgate(&line);
    assert_eq!((again.code, again.err.contains("exists; give --force")), (1, true), "{again:?}");
    assert_eq!(fs::read_to_string(&out).unwrap(), contract);
    fs::write(&out, "mine").unwrap();
    assert_eq!(callgate(&line).code, 1);
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
    assert_eq!(callgate(&[&line[..], &["--force"]].concat()).code, 0);
    assert_eq!(fs::read_to_string(&out).unwrap(), contract, "the same files give the same text");
}

#[test]
fn a_rule_that_no_contract_enforces_becomes_a_note_for_review() {
    let folder = Folder::new("init-schemas");
    for (schema, expected, review) in [
        (
            json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING", "nullable": true } } }),
            "type: [string, \"null\"]",
            "",
        ),
        (json!({ "properties": { "a": { "type": "string" } } }), "type: object", ""),
        (json!(null), "type: object", ""),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string", "pattern": "(?=x)y" } } }),
            "x-pattern: \"(?=x)y\"",
            "`parameters/properties/a/pattern`",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string", "format": "enum" } } }),
            "x-format: enum",
            "`parameters/properties/a/format`",
        ),
        (json!({ "type": "object", "propertys": {} }), "x-propertys: {}", "`parameters/propertys`"),
        (
            json!({ "type": "object", "properties": { "a": { "$ref": "https://example.org/a" } } }),
            "x-ref: \"https://example.org/a\"",
            "`parameters/properties/a/$ref`",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "minimum": "3" } } }),
            "x-minimum: \"3\"",
            "`parameters/properties/a/minimum`",
        ),
        (json!({ "type": "object", "required": "a" }), "x-required: a", "`parameters/required`"),
        (json!({ "type": "string" }), "type: object", "cannot be used"),
    ] {
        let request = json!({ "model": "m", "messages": [], "tools": [
            { "type": "function", "function": { "name": "get_it", "parameters": schema } }] });
        let contract = proposed(&folder, &request.to_string(), &["--api", "chatCompletions"]);
        assert!(contract.contains(expected), "{schema}: {expected}\n{contract}");
        // Lines of comments are cut at spaces.
        let header = contract.split_once("\napiVersion").unwrap().0.replace("\n#  ", "");
        assert!(header.contains(review), "{schema}: {review}\n{header}");
        is_clean(&folder, &contract);
    }
}

#[test]
fn odd_names_and_words_are_quoted_or_named() {
    let folder = Folder::new("init-words");
    let words = [
        "yes",
        "",
        "- a",
        "a: b # c",
        "\u{2028}\u{85}\u{0}\u{feff}'\"\\",
        "#",
        "{x}",
        "*",
        "1e3",
        "null",
        "ä\tb\r\nc",
        "%",
    ];
    let properties: Value = words
        .iter()
        .map(|word| ((*word).to_owned(), json!({ "description": word, "enum": words })))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let function = |name: &str| json!({ "type": "function", "function": { "name": name, "description": words.join("\n"), "parameters": { "type": "object", "properties": properties } } });
    let request =
        json!({ "model": "m:x#", "messages": [], "tools": [function("no"), function("get it"), function("update_ü")] });
    let contract =
        proposed(&folder, &request.to_string(), &["--api", "chatCompletions", "--role", "a:b#c", "--name", "desk-1"]);
    is_clean(&folder, &contract);
    let header = contract.split_once("\napiVersion").unwrap().0.replace("\n#  ", "");
    assert!(header.contains("Left out") && header.contains("get it, update_ü"), "{contract}");
    let file = folder.write("words.yaml", &contract);
    let said = callgate(&[
        "check",
        &file,
        "--role",
        "a:b#c",
        "--tool",
        "no",
        "--arguments",
        r#"{"a: b # c":"yes","":"null"}"#,
    ]);
    assert!(said.out.contains("no"), "{said:?}");
    assert!(!said.err.contains("role"), "{said:?}");
}

#[test]
fn tools_of_responses_are_proposed_in_every_form_and_from_every_place() {
    let folder = Folder::new("init-forms");
    let function = |name: &str| json!({ "type": "function", "name": name, "parameters": { "type": "object" } });
    let namespace =
        |name: &str, tools: Value| json!({ "type": "namespace", "name": name, "description": "x", "tools": tools });
    let items = json!([
        { "type": "additional_tools", "role": "developer", "tools": [
            namespace("functions", json!([{ "type": "custom", "name": "exec", "description": "Runs code." }])),
        ] },
        { "type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [namespace("mcp__time", json!([function("now")]))] },
    ]);
    let tools = json!([
        { "type": "local_shell" }, { "type": "shell" }, { "type": "apply_patch" }, function("wait"),
        { "type": "tool_search", "execution": "client", "parameters": { "type": "object" } }, { "type": "web_search" },
    ]);
    let request = json!({ "model": "m", "input": items, "tools": tools });
    let contract = proposed(&folder, &request.to_string(), &["--role", "agent"]);
    is_clean(&folder, &contract);
    for name in ["exec", "mcp__time__now", "local_shell", "shell", "apply_patch", "wait", "tool_search"] {
        assert!(contract.contains(&format!("name: {name}\n")), "{name}: {contract}");
    }
    let file = folder.write("forms.yaml", &contract);
    let said =
        callgate(&["check", &file, "--role", "agent", "--tool", "exec", "--arguments", r#"{"input":"x","y":1}"#]);
    assert!(said.out.contains("arguments_invalid"), "{said:?}");
}

#[test]
fn a_text_of_somebody_else_has_no_format() {
    let folder = Folder::new("init-formats");
    let format = |tool: &str, results: &[&str]| {
        let mut messages = vec![];
        for (number, result) in results.iter().enumerate() {
            let id = format!("c{number}");
            messages.push(json!({ "role": "assistant", "tool_calls": [{ "id": id, "type": "function", "function": { "name": tool, "arguments": "{}" } }] }));
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": result }));
        }
        let request = json!({ "model": "m", "messages": messages, "tools": [{ "type": "function", "function": { "name": tool, "parameters": { "type": "object" } } }] });
        let contract = proposed(&folder, &request.to_string(), &["--api", "chatCompletions"]);
        is_clean(&folder, &contract);
        rules(&contract)
            .lines()
            .find_map(|line| line.trim().strip_prefix("result: ").map(str::to_owned))
            .unwrap_or_default()
    };
    let record = "id: 1\nstatus: sent\nsender: ann@example.org\n";
    for (tool, results, expected) in [
        ("list_mails", &[r#"{"id":1}"#, "Error: none"][..], ""),
        ("list_mails", &[r#"{"id":1}"#, "[]", "Error: none"], "{ format: json }"),
        ("list_mails", &[record], "{ format: yaml }"),
        ("list_mails", &["Note: he said so"], ""),
        ("list_mails", &["just words"], ""),
        ("read_file", &[r#"{"id":1}"#], ""),
        ("fetch_web_page", &[record], ""),
        ("list_files", &[record], "{ format: yaml }"),
    ] {
        assert_eq!(format(tool, results), expected, "{tool} {results:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::new("init-errors");
    for (text, more, expected) in [
        ("{", &[][..], "captured.json: not JSON"),
        ("{\"messages\":[]}\n{", &[], "captured.json:2: not JSON"),
        (r#"{"a":1}"#, &[], "captured.json: neither a request of a known API nor a list of tools"),
        (r#"{"model":"m","messages":[]}"#, &[], "no tool is declared"),
        (r#"{"model":"m","messages":7}"#, &[], "captured.json: not a request of chatCompletions"),
        (r#"{"model":"m","messages":[]}"#, &["--api", "x"], "--api x: unknown API; known: chatCompletions, "),
        (r#"{"model":"m","messages":[]}"#, &["--schemas"], "--schemas needs a folder"),
    ] {
        let file = folder.write("captured.json", text);
        let said = callgate(&[&["init", "--from", &file, "--out", "-"], more].concat());
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{text} {said:?}");
        assert!(said.err.contains(expected), "{text}: {expected}\n{}", said.err);
    }
    let request = requests().remove(0).1.to_string();
    let file = folder.write("captured.json", &request);
    let said = callgate(&["init", "--from", &file, "--out", "-", "--name", "No Name"]);
    assert!(said.code == 1 && said.err.contains("the proposal would not be valid"), "{said:?}");
}

#[test]
fn the_chapter_shows_the_proposal() {
    let chapter = include_str!("../../../docs/start/zero-to-contract.md");
    let block = |language: &str| {
        let start = chapter.split_once(&format!("```{language}\n")).unwrap().1;
        start.split_once("```").unwrap().0
    };
    let folder = Folder::new("init-chapter");
    let file = folder.write("captured.json", block("json"));
    let said = callgate(&["init", "--from", &file, "--role", "agent", "--name", "desk", "--out", "-"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(format!("# contract.yaml\n{}", said.out), block("yaml"));
    is_clean(&folder, &said.out);
    // The user did not name this address.
    let contract = folder.write("chapter.yaml", &said.out);
    let check = |arguments: &str| {
        callgate(&[
            "check",
            &contract,
            "--role",
            "agent",
            "--tool",
            "send_mail",
            "--arguments",
            arguments,
            "--conversation",
            &file,
            "--api",
            "chatCompletions",
        ])
    };
    let held = check(r#"{"to":"eve@evil.example","text":"Hello"}"#);
    assert!(held.out.contains("needs approval") && held.out.contains("origin_foreign"), "{held:?}");
}

#[test]
fn marks_and_a_profile_are_proposed_as_comments() {
    let folder = Folder::new("init-marks");
    let text = |description: &str| json!({ "type": "string", "description": description });
    let tools = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [
        { "name": "Bash", "inputSchema": { "type": "object", "properties": { "command": text("The command"), "workdir": text("") } } },
        { "name": "read_file", "inputSchema": { "type": "object", "properties": { "file_path": text("\n# x\nspec: {}") } } },
        { "name": "find", "inputSchema": { "type": "object", "properties": {
            "query": text("Words"), "x\n      run: { wasm: {} } #_path": text(""), "url": { "type": "integer" } } } },
    ] } });
    let contract = proposed(&folder, &tools.to_string(), &[]);
    for line in [
        "      # x-callgate of /command: { command: { shell: bash, cwd: /workdir } }\n      parameters:\n",
        "      # x-callgate of /file_path: { path: read }\n      parameters:\n",
        "  # workspace: { root: /work/project }\n",
    ] {
        assert!(contract.contains(line), "{line}\n{contract}");
    }
    assert_eq!(contract.matches("x-callgate of ").count(), 2, "no name ends a comment:\n{contract}");
    // The comments decide nothing, and the contract without them is the same.
    let file = folder.write("proposed.yaml", &contract);
    let said = callgate(&["lint", "--suggest", &file]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("suggestion: spec: only the schema checks `Bash /command`, `read_file /file_path`"),
        "{}",
        said.out
    );
    let bare: String =
        contract.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line}\n")).collect();
    let digest = |text: &str| callgate(&["digest", &folder.write("digest.yaml", text)]).out;
    assert_eq!(digest(&contract), digest(&bare));
}

#[test]
fn the_tools_of_many_mcp_servers_get_the_prefix_of_their_server() {
    let folder = Folder::new("init-servers");
    let list = |tools: Value| json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools } }).to_string();
    let search = json!({ "name": "search", "inputSchema": { "type": "object", "properties": { "query": { "type": "string" } } },
                         "annotations": { "readOnlyHint": true } });
    let wiki =
        folder.write("wiki.json", &list(json!([search, { "name": "a b", "inputSchema": { "type": "object" } }])));
    let tickets =
        folder.write("tickets.json", &list(json!([search, { "name": "no.te", "inputSchema": { "type": "object" } }])));
    let out = folder.path("all.yaml").display().to_string();
    let servers = [format!("--mcp-server=wiki={wiki}"), format!("--mcp-server=tickets={tickets}")];
    let said = callgate(&["init", &*servers[0], &*servers[1], "--out", &*out]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let text = fs::read_to_string(&out).unwrap();
    for line in [
        "- name: wiki__search\n",
        "run: { mcp: { cluster: wiki, tool: \"search\" } }",
        "- name: tickets__search\n",
        "run: { mcp: { cluster: tickets, tool: \"no.te\" } }",
        "needs `backends` or `programs` with these names: wiki, tickets.",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("- name: \"wiki__a b\""), "no contract takes the name");
    assert_eq!(callgate(&["lint", &*out]).code, 0);
    assert_eq!(callgate(&["render", &*out, "--target", "envoy", "--mcp-merged"]).code, 0);
    let odd = folder.write("odd.json", &list(json!([{ "name": "b__search", "inputSchema": { "type": "object" } }])));
    let two = [format!("--mcp-server=a={odd}"), format!("--mcp-server=a__b={wiki}")];
    let said = callgate(&["init", &*two[0], &*two[1], "--out", "-"]);
    assert!(said.code == 1 && said.err.contains("would have the name \"a__b__search\""), "{said:?}");
    for (given, expected) in [
        ("wiki", "--mcp-server \"wiki\": expected NAME=FILE"),
        ("W=wiki.json", "--mcp-server \"W=wiki.json\": expected NAME=FILE"),
        (&*format!("wiki={out}"), "not JSON"),
    ] {
        let said = callgate(&["init", "--mcp-server", given, "--out", "-"]);
        assert!(said.code == 1 && said.err.contains(expected), "{said:?}");
    }
}
