//! Replay of function calls from the Berkeley Function Calling Leaderboard against the verdicts of a reference validator.
//!
//! Each row has function schemas, one call and the reference's verdict: `allow`, or `deny:` and a keyword. A
//! contract is built from the schemas and the call is decided as the caller's only role.
//!
//! One thing is changed on the way in: a contract's tool names must suit LLM APIs, so a name such as
//! `math.hypot` is written `math_hypot`, in the contract and in the call.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and a replay prints its counts"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use callgate_contract::{Caller, Code, Conversation, ProposedCall, Verdict, decide, from_value};
use callgate_json::{Map, Value};

fn data(file: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    Some(folder.join(file)).filter(|path| path.exists())
}

fn json(text: &str) -> Value {
    callgate_json::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn api_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).take(64).collect()
}

/// A contract with these tools, all run by the client, and one role for all of them.
fn contract(schemas: &Map<String, Value>) -> Value {
    let mut document = json(
        r#"{"apiVersion":"callgate.dev/v1","kind":"Contract","metadata":{"name":"bfcl","version":"1"},
            "spec":{"models":["*"],"roles":{"all":{"tools":["*"]}},"tools":[]}}"#,
    );
    let tools = document["spec"]["tools"].as_array_mut().unwrap();
    for (name, schema) in schemas {
        let mut tool = json(r#"{"effects":"read","run":{"client":{}}}"#);
        tool["name"] = Value::String(api_name(name));
        tool["parameters"] = schema.clone();
        tools.push(tool);
    }
    document
}

#[test]
fn real_function_calls_get_the_verdict_of_the_reference() {
    let Some(path) = data("bfcl.jsonl.gz") else {
        eprintln!("SKIPPED: bfcl.jsonl.gz is not there; set CALLGATE_DATA to the folder that holds it");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();

    let caller = Caller::new("bfcl", "all");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for line in text.lines() {
        let row = json(line);
        let (id, oracle) = (&row["id"], row["oracle"].as_str().unwrap());
        let contract = match from_value(&contract(row["contract"].as_object().unwrap())) {
            Ok(contract) => contract,
            Err(errors) => {
                *counts.entry(format!("{oracle} → contract refused")).or_default() += 1;
                differences.push(format!("{id} {oracle}: {errors}"));
                continue;
            }
        };
        let name = api_name(row["call"]["name"].as_str().unwrap());
        let arguments = row["call"]["arguments"].to_string();
        let call = ProposedCall { name: &name, arguments: &arguments };
        let got = match decide(&contract, &caller, &Conversation::default(), &call) {
            Verdict::Allow(_) | Verdict::NeedsApproval(_) => "allow".to_owned(),
            Verdict::Deny(violation) => {
                assert_eq!(violation.code, Code::ArgumentsInvalid, "{id}: {violation}");
                let same = oracle.starts_with("deny:");
                if !same {
                    differences.push(format!("{id} {oracle}: {violation}"));
                }
                "deny".to_owned()
            }
        };
        if oracle.starts_with("deny:") && got == "allow" {
            differences.push(format!("{id} {oracle}: allowed {arguments}"));
        }
        *counts.entry(format!("{oracle} → {got}")).or_default() += 1;
    }
    for (outcome, count) in &counts {
        eprintln!("bfcl: {outcome}: {count}");
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
