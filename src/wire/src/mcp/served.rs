//! Answers of an address without a server: it introduces itself, lists tools, and returns results of calls that ran elsewhere.
//!
//! Source: the `schema.ts` of 2025-11-25 (`InitializeResult`, `ListToolsResult`, `CallToolResult`) and of 2026-07-28 (`DiscoverResult`).

use serde_json::json;

use super::answer::returned_result;
use super::list::listing;
use super::required::{LONGEST_TTL, SERVER};
use super::{Era, Id, Listing, VERSIONS};

/// The answer to an `initialize` that asks for a revision. `name` and `version` are the server's.
#[must_use]
pub fn introduction(id: &Id, asked: &str, (name, version): (&str, &str)) -> Vec<u8> {
    let result = json!({
        "protocolVersion": Era::negotiated(asked),
        "capabilities": { "tools": {} },
        "serverInfo": { "name": name, "version": version },
    });
    response(id, &result.to_string())
}

/// The answer to a `server/discover`.
#[must_use]
pub fn discovery(id: &Id, (name, version): (&str, &str)) -> Vec<u8> {
    let result = json!({
        "resultType": "complete",
        "supportedVersions": VERSIONS,
        "capabilities": { "tools": {} },
        "ttlMs": LONGEST_TTL,
        "cacheScope": "private",
        "_meta": { SERVER: { "name": name, "version": version } },
    });
    response(id, &result.to_string())
}

/// The answer to a `tools/list`: all tools in one page.
#[must_use]
pub fn tools(id: &Id, tools: &[Listing<'_>], era: Era) -> Vec<u8> {
    let tools = tools.iter().map(listing).collect::<Vec<_>>().join(",");
    let kept = match era {
        Era::Stateless => format!(r#","resultType":"complete","ttlMs":{LONGEST_TTL},"cacheScope":"private""#),
        Era::Sessions => String::new(),
    };
    response(id, &format!(r#"{{"tools":[{tools}]{kept}}}"#))
}

/// The answer to a `ping`.
#[must_use]
pub fn empty(id: &Id) -> Vec<u8> {
    response(id, "{}")
}

/// The answer to a `tools/call` whose tool returned this JSON text. A string is shown to the model as its text. With `structured` the
/// result has the value itself too.
#[must_use]
pub fn returned(id: &Id, json: &str, structured: bool, era: Era) -> Vec<u8> {
    let text = json.starts_with('"').then(|| serde_json::from_str::<String>(json).ok()).flatten();
    response(id, &returned_result(text.as_deref().unwrap_or(json), json, structured, era))
}

fn response(id: &Id, result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into_bytes()
}
