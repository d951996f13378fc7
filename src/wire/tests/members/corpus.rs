//! Recorded requests of real clients and coding agents: each of their members is in a table.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use callgate_wire::Request;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::read;

/// The lines of a file of the corpus, if it is there.
fn lines(name: &str) -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let Ok(file) = File::open(folder.join(name)) else {
        println!("SKIPPED: {name} is not there; set CALLGATE_DATA to the folder that has it");
        return None;
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    Some(lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect())
}

/// The API and the path of a recorded request.
fn api(line: &Value) -> Option<(&'static str, &str)> {
    let path = line["path"].as_str().unwrap_or_default();
    let dialect = line["dialect"].as_str().unwrap_or_default();
    let bare = path.split('?').next().unwrap_or_default();
    Some(match dialect {
        "openai-chat" => ("chatCompletions", "/v1/chat/completions"),
        "openai-responses" => ("responses", "/v1/responses"),
        "anthropic-messages" => ("messages", "/v1/messages"),
        "" if bare.ends_with("/chat/completions") => ("chatCompletions", path),
        "" if bare.ends_with("/responses") => ("responses", path),
        "" if bare.ends_with("/messages") => ("messages", path),
        "" if bare.contains("/models/") && bare.contains(':') => ("gemini", path),
        _ => return None,
    })
}

#[test]
fn no_member_of_a_recorded_request_is_dropped() {
    let mut dropped: BTreeMap<String, u32> = BTreeMap::new();
    let mut refused: Vec<String> = Vec::new();
    let mut read_count = 0;
    for name in ["recorded.jsonl.gz", "agents.jsonl.gz"] {
        for line in lines(name).unwrap_or_default() {
            let Some((key, path)) = api(&line) else { continue };
            let body = [&line["request_raw"], &line["request"], &line["body"]];
            let body = body.into_iter().find(|body| !body.is_null() && body.as_str() != Some(""));
            let Some(body) = body else { continue };
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            match read(key, path, text.as_bytes()) {
                Ok(mut request) => {
                    read_count += 1;
                    count(&mut *request, &mut dropped);
                }
                Err(error) => refused.push(format!("{name} {key} {}{}: {error}", line["id"], line["case"])),
            }
        }
    }
    if read_count > 0 {
        println!(
            "COVERED members: {read_count} recorded requests read; dropped members: {dropped:?}; not read: {refused:?}"
        );
    }
    assert!(dropped.is_empty(), "{dropped:?}");
    assert!(refused.is_empty(), "{refused:?}");
}

fn count(request: &mut dyn Request, dropped: &mut BTreeMap<String, u32>) {
    for name in request.drop_unknown_members(&[]).names {
        *dropped.entry(name).or_default() += 1;
    }
}
