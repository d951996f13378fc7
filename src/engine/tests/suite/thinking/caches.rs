//! Prompt caches: the same request gives the same bytes, and what joins at the end changes nothing before it.

use std::rc::Rc;

use callgate_engine::{Effect, Gate, Offer};
use serde_json::{Value, json};

use crate::at_path::send_text;
use crate::common::gate_over;

fn gate(offer: Offer) -> Rc<Gate> {
    let sha256 = "0".repeat(64);
    let tools: String = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| format!("    - {{ name: {name}, description: Ours of {name}., effects: read, parameters: {{ type: object, properties: {{ z: {{ type: string }}, y: {{ type: integer }} }} }}, run: {{ client: {{}} }} }}\n"))
        .collect();
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["*"]
  undeclaredTools: drop
  providerTools: [web_search_20250305, web_search, googleSearch, nova_grounding]
  limits: {{ maxOutputTokens: 500 }}
  results: {{ redact: [{{ kind: credit_card }}], users: true }}
  roles: {{ clerk: {{ tools: ["*"] }} }}
  tools:
{tools}    - {{ name: glob_*, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
    - {{ name: server, effects: read, parameters: {{ type: object }}, run: {{ wasm: {{ module: server.wasm, sha256: "{sha256}" }} }} }}
"#
    );
    gate_over(&contract, offer)
}

fn forwarded(gate: &Rc<Gate>, path: &str, body: &str) -> String {
    match send_text(gate, "clerk", path, body).1 {
        Effect::Forward(forward) => String::from_utf8(forward.body).unwrap(),
        effect => panic!("{path}: {effect:?}"),
    }
}

/// One API: its path, the member of its turns, a declared tool, and a tool of the provider.
struct Api {
    path: &'static str,
    turns: &'static str,
    tools: fn(&[Value]) -> Value,
    function: fn(&str) -> Value,
    provided: fn() -> Option<Value>,
    message: fn(&str, &str) -> Value,
    /// The list of tools in a forwarded request.
    list: fn(&Value) -> Value,
}

const APIS: [Api; 6] = [
    Api {
        path: "/v1/messages",
        turns: "messages",
        tools: |tools| json!({ "model": "m", "max_tokens": 9, "tools": tools, "system": [{ "type": "text", "text": "S", "cache_control": { "type": "ephemeral" } }] }),
        function: |name| json!({ "name": name, "input_schema": {}, "cache_control": { "type": "ephemeral" } }),
        provided: || Some(json!({ "type": "web_search_20250305", "name": "web_search" })),
        message: |role, text| json!({ "role": role, "content": [{ "type": "text", "text": text, "cache_control": { "type": "ephemeral" } }] }),
        list: |body| body["tools"].clone(),
    },
    Api {
        path: "/v1/chat/completions",
        turns: "messages",
        tools: |tools| json!({ "model": "m", "prompt_cache_key": "k", "tools": tools }),
        function: |name| json!({ "type": "function", "function": { "name": name, "description": "poisoned" } }),
        provided: || Some(json!({ "type": "web_search", "user_location": null })),
        message: |role, text| json!({ "role": role, "content": text }),
        list: |body| body["tools"].clone(),
    },
    Api {
        path: "/v1/responses",
        turns: "input",
        tools: |tools| json!({ "model": "m", "store": false, "prompt_cache_key": "k", "include": ["reasoning.encrypted_content"], "tools": tools }),
        function: |name| json!({ "type": "function", "name": name, "description": "poisoned" }),
        provided: || Some(json!({ "type": "web_search" })),
        message: |role, text| json!({ "role": role, "content": text }),
        list: |body| body["tools"].clone(),
    },
    Api {
        path: "/v1beta/models/m:generateContent",
        turns: "contents",
        tools: |tools| {
            let is_provided = |tool: &&Value| tool["googleSearch"].is_object();
            let functions: Vec<&Value> = tools.iter().filter(|tool| !is_provided(tool)).collect();
            json!({ "tools": [{ "functionDeclarations": functions }, { "googleSearch": {} }] })
        },
        function: |name| json!({ "name": name, "description": "poisoned" }),
        provided: || None,
        message: |role, text| json!({ "role": if role == "user" { "user" } else { "model" }, "parts": [{ "text": text }] }),
        list: |body| body["tools"][0]["functionDeclarations"].clone(),
    },
    Api {
        path: "/api/chat",
        turns: "messages",
        tools: |tools| json!({ "model": "m", "stream": false, "tools": tools }),
        function: |name| json!({ "type": "function", "function": { "name": name } }),
        provided: || Some(json!({ "type": "web_search" })),
        message: |role, text| json!({ "role": role, "content": text }),
        list: |body| body["tools"].clone(),
    },
    Api {
        path: "/model/m/converse",
        turns: "messages",
        tools: |tools| json!({ "toolConfig": { "tools": tools } }),
        function: |name| json!({ "toolSpec": { "name": name, "inputSchema": { "json": {} } } }),
        provided: || Some(json!({ "systemTool": { "name": "nova_grounding" } })),
        message: |role, text| json!({ "role": role, "content": [{ "text": text }, { "cachePoint": { "type": "default" } }] }),
        list: |body| body["toolConfig"]["tools"].clone(),
    },
];

// === impl Api ===

impl Api {
    /// A request with its turns last.
    fn body(&self, names: &[&str], turns: usize) -> String {
        let tool = |name: &&str| if *name == "*" { (self.provided)() } else { Some((self.function)(name)) };
        let tools: Vec<Value> = names.iter().filter_map(tool).collect();
        let mut body = (self.tools)(&tools);
        let turn = |n: usize| {
            (self.message)(
                if n.is_multiple_of(2) { "user" } else { "assistant" },
                &format!("Card 4111 1111 1111 1111, turn {n}."),
            )
        };
        body[self.turns] = (0..turns).map(turn).collect();
        body.to_string()
    }
}

const TOOLS: [&str; 7] = ["d", "*", "b", "glob_x", "not_ours", "a", "glob_a"];

#[test]
fn the_same_request_gives_the_same_bytes_whatever_came_before() {
    for api in &APIS {
        for offer in [Offer::Declared, Offer::Inject] {
            let body = api.body(&TOOLS, 3);
            let first = forwarded(&gate(offer), api.path, &body);
            let busy = gate(offer);
            for (names, turns) in [(&TOOLS[..2], 1), (&["e", "c"][..], 5), (&TOOLS[..], 3)] {
                forwarded(&busy, api.path, &api.body(names, turns));
            }
            assert_eq!(forwarded(&busy, api.path, &body), first, "{}", api.path);
            assert!(first.contains("redacted") && !first.contains("poisoned"), "{first}");
        }
    }
}

#[test]
fn a_message_that_joins_at_the_end_leaves_the_bytes_before_it() {
    for api in &APIS {
        for offer in [Offer::Declared, Offer::Inject] {
            let gate = gate(offer);
            let mut before = String::new();
            for turns in [1, 3, 5, 7] {
                let body: Value = serde_json::from_str(&forwarded(&gate, api.path, &api.body(&TOOLS, turns))).unwrap();
                let mut rest = body.clone();
                let list = rest.as_object_mut().unwrap().remove(api.turns).unwrap().to_string();
                // Providers read tools and instructions first, whatever the order of members.
                let seen = format!("{rest}{}", list.trim_end_matches(']'));
                assert!(seen.starts_with(&before), "{}: {before}\n{seen}", api.path);
                before = seen;
            }
        }
    }
}

#[test]
fn a_tool_that_joins_at_the_end_leaves_those_before_it() {
    for api in &APIS {
        let gate = gate(Offer::Declared);
        let mut before = String::new();
        for count in 1..=TOOLS.len() {
            let body: Value = serde_json::from_str(&forwarded(&gate, api.path, &api.body(&TOOLS[..count], 1))).unwrap();
            let list = (api.list)(&body).to_string();
            let seen = list.trim_end_matches(']').to_owned();
            assert!(seen.starts_with(&before), "{}: {before}\n{seen}", api.path);
            before = seen;
        }
    }
}
