//! A contract, the gates over it, and its roles.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use callgate_contract::{Caller, Contract, Conversation, Verdict};
use callgate_engine::{Gate, IdentitySource, Offer, Paths, Reach};

/// A mark in the arguments of every refused call, and nowhere else.
pub const MARK: &str = "S3CR3T";

/// The limits of requests and of responses, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;

/// The most heap an exchange may use in one event: a parsed request and response, several times over, with their JSON as
/// trees.
pub const MOST_HELD: usize = 64 * MOST_BYTES;

const ON_VIOLATION: [&str; 3] = ["refuse", "error", "feedback"];

/// The roles: one with a tool at the executor, one without.
pub const ROLES: [&str; 2] = ["clerk", "viewer"];

fn contract(on_violation: &str) -> Contract {
    let sha256 = "0".repeat(64);
    let text = format!(
        r#"{{"apiVersion":"callgate.dev/v1","kind":"Contract","metadata":{{"name":"desk","version":"1.0.0"}},"spec":{{
            "models":["*"],"providerTools":["nova_grounding","web_search_20250305"],"onViolation":"{on_violation}",
            "limits":{{"maxOutputTokens":500,"maxToolCallsPerTurn":4,"maxRounds":3,"requestBytes":"64KiB","responseBytes":"64KiB","turnTimeout":"30s"}},
            "roles":{{"viewer":{{"tools":["get_*"]}},"clerk":{{"tools":["get_*","order","lookup"]}}}},
            "tools":[
              {{"name":"get_weather","description":"The weather of a city.","effects":"read","run":{{"client":{{}}}},
                "parameters":{{"type":"object","required":["city"],"additionalProperties":false,
                  "properties":{{"city":{{"type":"string","maxLength":20}},"days":{{"type":"integer","maximum":7}}}}}}}},
              {{"name":"order","effects":"write","run":{{"client":{{}}}},
                "parameters":{{"type":"object","required":["sku"],"additionalProperties":false,"properties":{{"sku":{{"type":"string"}}}}}}}},
              {{"name":"lookup","effects":"read","run":{{"wasm":{{"module":"lookup.wasm","sha256":"{sha256}"}}}},
                "parameters":{{"type":"object","required":["key"],"additionalProperties":false,"properties":{{"key":{{"type":"string"}}}}}},
                "result":{{"type":"object","required":["found"]}}}}]}}}}"#
    );
    let value = callgate_json::read(text.as_bytes()).unwrap();
    callgate_contract::from_value(&value).unwrap()
}

thread_local! {
    static GATES: OnceCell<Vec<Rc<Gate>>> = const { OnceCell::new() };
}

/// Returns one of the gates: every `onViolation`, tools declared or injected.
pub fn gate(number: u8) -> Rc<Gate> {
    GATES.with(|gates| {
        let gates = gates.get_or_init(|| {
            let each = ON_VIOLATION.iter().flat_map(|on| [(on, Offer::Declared), (on, Offer::Inject)]);
            each.map(|(on, offer)| {
                let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into() };
                let paths = Paths::new(&HashMap::new(), vec!["/open".into()]);
                let reach = Reach { executor: true, upstream: true };
                Rc::new(Gate::new(contract(on), identity, paths, offer, reach).unwrap())
            })
            .collect()
        });
        Rc::clone(&gates[usize::from(number) % gates.len()])
    })
}

/// Returns true if a call may reach the client: the contract allows it, the client runs it, and it is canonical.
pub fn may_go_on(gate: &Gate, role: &str, name: &str, arguments: &str) -> bool {
    let caller = Caller { tenant: "acme".into(), role: role.into(), ..Default::default() };
    let call = callgate_contract::ProposedCall { name, arguments };
    match callgate_contract::decide(gate.contract(), &caller, &Conversation::default(), &call) {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            matches!(approved.tool.run(), callgate_contract::Run::Client)
        }
        Verdict::Deny(_) => false,
    }
}
