//! Resources and prompts: requests by the contract's lists, lists cut to it in its words, contents within its bounds.

use callgate_contract::{Caller, Code as CallCode, McpDenial};
use callgate_json::{Map, Value};
use callgate_wire::mcp::{Era, McpAnswer, McpRequest, OfferList};

use super::answer::misshapen;
use super::asking;
use super::methods::Answered;
use crate::{Code, Gate, Refusal, Tally};

/// The maximum bytes of a value that a client asks to complete.
const COMPLETED_BYTES: usize = 4096;

/// Decides a request for a resource or a prompt. Returns the most bytes of its answer, if the contract has a limit.
pub(super) fn request(
    gate: &Gate,
    caller: &Caller,
    answered: Answered,
    request: &McpRequest,
    tally: &mut Tally,
) -> Result<Option<u64>, Refusal> {
    let decided = match answered {
        Answered::Resource | Answered::Watched => {
            let uri = request.parameter("uri").unwrap_or_default();
            gate.contract.mcp().resource(&caller.role, uri).map(|rule| rule.offer().max_bytes).map_err(asking::refusal)
        }
        Answered::Prompt => prompt(gate, caller, request),
        Answered::Completion => completion(gate, caller, request).map(|()| None),
        _ => return Ok(None),
    };
    match decided {
        Err(refusal) if !gate.contract.enforces() => {
            tally.shadowed_errors.push(refusal.code);
            Ok(None)
        }
        decided => decided,
    }
}

fn prompt(gate: &Gate, caller: &Caller, request: &McpRequest) -> Result<Option<u64>, Refusal> {
    let name = request.parameter("name").unwrap_or_default();
    let rule = gate.contract.mcp().prompt(&caller.role, name).map_err(asking::refusal)?;
    let none = Value::Object(Map::new());
    let arguments = match request.arguments() {
        Value::Null => &none,
        arguments => arguments,
    };
    rule.check(arguments).map_err(|violation| {
        let message = format!("Callgate refused the prompt (arguments_invalid): {}", violation.message);
        Refusal::at(Code::Call(CallCode::ArgumentsInvalid), format!("params.arguments{}", violation.pointer), message)
    })?;
    Ok(rule.offer().max_bytes)
}

fn completion(gate: &Gate, caller: &Caller, request: &McpRequest) -> Result<(), Refusal> {
    let text = |name: &str| request.object("argument").and_then(|argument| argument.get(name)).and_then(Value::as_str);
    let reference = request.object("ref").cloned().map_or(Value::Null, Value::Object);
    gate.contract
        .mcp()
        .completes(&caller.role, &reference, text("name").unwrap_or_default())
        .map_err(asking::refusal)?;
    if text("value").is_some_and(|value| value.len() > COMPLETED_BYTES) {
        return Err(Refusal::at(
            Code::RequestInvalid,
            "params.argument",
            "The value to complete is longer than 4,096 bytes.",
        ));
    }
    Ok(())
}

/// Checks the resources that a subscription names.
pub(super) fn subscribed(gate: &Gate, caller: &Caller, uris: &[Value], tally: &mut Tally) -> Result<(), Refusal> {
    for uri in uris.iter().filter_map(Value::as_str) {
        if let Err(denial) = gate.contract.mcp().resource(&caller.role, uri) {
            if gate.contract.enforces() {
                return Err(asking::refusal(denial));
            }
            tally.shadowed_errors.push(Code::McpResourceForbidden);
        }
    }
    Ok(())
}

/// Cuts a list to the contract and the role. In shadow mode the client sees everything.
pub(super) fn list(
    gate: &Gate,
    (caller, era): (&Caller, Era),
    list: OfferList,
    answer: &mut McpAnswer,
) -> Result<(), Refusal> {
    if !gate.contract.enforces() {
        return Ok(());
    }
    let rules = gate.contract.mcp();
    let items = answer.offers(list).map_err(misshapen)?;
    let kept: Vec<String> = items
        .iter()
        .filter_map(|item| match list {
            OfferList::Prompts => {
                let rule = rules.prompt(&caller.role, item.key).ok()?;
                Some(item.prompt(rule.offer().description.as_deref(), rule.arguments()))
            }
            OfferList::Resources => {
                let rule = rules.resource(&caller.role, item.key).ok()?;
                Some(item.resource(list, last_name(item.key), rule.offer().description.as_deref()))
            }
            OfferList::Templates => {
                let rule = rules.template(&caller.role, item.key)?;
                Some(item.resource(list, item.key, rule.offer().description.as_deref()))
            }
        })
        .collect();
    answer.set_offers(list, &kept, era);
    Ok(())
}

/// Checks that every part of a resource is one that the caller may read: a server may answer with other resources.
pub(super) fn contents(gate: &Gate, caller: &Caller, answer: &McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let uris = answer.resource_uris().map_err(misshapen)?;
    let denied = |uri: &&str| gate.contract.mcp().resource(&caller.role, uri).is_err();
    if !uris.iter().any(denied) {
        return Ok(());
    }
    if !gate.contract.enforces() {
        tally.shadowed_errors.push(Code::McpResourceForbidden);
        return Ok(());
    }
    let message = "The MCP server answered with a resource that the contract does not allow.";
    Err(Refusal::new(Code::McpResourceForbidden, message))
}

/// Checks the size of an answer against the contract's limit for it.
pub(super) fn sized(gate: &Gate, most: Option<u64>, answer: &McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let bytes = u64::try_from(answer.result_text().len()).unwrap_or(u64::MAX);
    let Some(most) = most.filter(|most| bytes > *most) else { return Ok(()) };
    if !gate.contract.enforces() {
        tally.shadowed_errors.push(Code::ResultTooLarge);
        return Ok(());
    }
    let message = format!("The MCP server's answer is larger than the contract's `maxBytes` for it, {most} bytes.");
    Err(Refusal::new(Code::ResultTooLarge, message))
}

/// Returns the server's capabilities that no client can use.
pub(super) fn withheld(gate: &Gate) -> Vec<&'static str> {
    let rules = gate.contract.mcp();
    if !gate.contract.enforces() {
        return Vec::new();
    }
    let (resources, prompts) = (rules.has_resources(), rules.has_prompts());
    let table = [
        ("resources", resources),
        ("prompts", prompts),
        ("completions", resources || prompts),
        ("logging", !rules.drops_logs()),
    ];
    table.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
}

/// Returns true if a notification about a resource may be forwarded.
pub(super) fn tells_of(gate: &Gate, caller: Option<&Caller>, answer: &McpAnswer) -> bool {
    let uri = answer.parameters().and_then(|params| params.get("uri")).and_then(Value::as_str).unwrap_or_default();
    let rules = gate.contract.mcp();
    let allowed: Result<(), McpDenial> = match caller {
        Some(caller) => rules.resource(&caller.role, uri).map(drop),
        None => return !gate.contract.enforces() || rules.is_resource_of_any_role(uri),
    };
    allowed.is_ok() || !gate.contract.enforces()
}

/// Returns the last name of a URI that is not empty.
fn last_name(uri: &str) -> &str {
    uri.rsplit('/').find(|name| !name.is_empty()).unwrap_or(uri)
}
