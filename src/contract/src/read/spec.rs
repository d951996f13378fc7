//! The document and everything in `spec` but roles and tools.

use super::conditions::Names;
use super::fields::{Fields, Located, Report};
use super::{claims, conversation, mcp_rules, prices, profiles, provider_tools, results, roles, sources, tools, units};
use crate::claims::ClaimTypes;
use crate::conditions::{Reads, unread_claim};
use crate::glob::Glob;
use crate::mcp_rules::McpRules;
use crate::model::is_model_name;
use crate::model::{
    Contract, CountStore, Limits, NameTable, OnViolation, RequestMembers, ServerState, StoreUnavailable, Tool,
    UndeclaredTools, UnknownMembers,
};
use crate::pool::Parts;
use crate::prices::Prices;
use crate::tool_names::ToolNames;
use callgate_limits::Unit;

const API_VERSION: &str = "callgate.dev/v1";
const KIND: &str = "Contract";
const MEMBER: &str = "expected the exact name of a member, such as `store_hint` or `extra_body.store_hint`, of letters, digits, `_`, \
                      `$` and `-`; globs are not allowed here";

pub(super) fn contract(document: &Located<'_>, parts: &mut Parts, report: &mut Report<'_>) -> Option<Contract> {
    let fields = Fields::open(document, &["apiVersion", "kind", "metadata", "spec"], &[], report)?;
    if let Some(version) = fields.need("apiVersion", &format!("`{API_VERSION}`"), report) {
        version.word(&[(API_VERSION, ())], report);
    }
    if let Some(kind) = fields.need("kind", &format!("`{KIND}`"), report) {
        kind.word(&[(KIND, ())], report);
    }
    let metadata = fields.need("metadata", "a mapping with `name` and `version`", report);
    let identity = metadata.and_then(|item| metadata_of(&item, report));
    let spec = fields.need("spec", "a mapping with `models`, `roles` and `tools`", report);
    let spec = spec.and_then(|item| spec_of(&item, parts, report));
    let ((name, version), spec) = (identity?, spec?);
    Some(Contract { name, version, ..spec })
}

fn metadata_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<(String, String)> {
    let fields = Fields::open(item, &["name", "version"], &[], report)?;
    let name = fields.need("name", "a name such as `order-desk`", report).and_then(|item| {
        let text = item.text(report)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let ends_plain = text.starts_with(plain) && text.ends_with(plain);
        if text.len() > 63 || !ends_plain || !text.chars().all(|c| plain(c) || c == '-') {
            let expected = "expected 1 to 63 of `a-z`, `0-9` and `-`, with no `-` at either end";
            return report.fault(&item, expected);
        }
        Some(text.to_owned())
    });
    let version = fields.need("version", "a version such as `1.0.0`", report).and_then(|item| {
        let text = item.text(report)?;
        if text.len() > 64 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return report.fault(&item, "expected 1 to 64 printable ASCII characters without spaces");
        }
        Some(text.to_owned())
    });
    Some((name?, version?))
}

fn spec_of(item: &Located<'_>, parts: &mut Parts, report: &mut Report<'_>) -> Option<Contract> {
    let known = [
        "models",
        "providerTools",
        "serverState",
        "undeclaredTools",
        "requestMembers",
        "limits",
        "conversation",
        "prices",
        "onViolation",
        "enforce",
        "authorize",
        "results",
        "users",
        "mcp",
        "claims",
        "workspace",
        "profiles",
        "roles",
        "tools",
    ];
    let fields = Fields::open(item, &known, &[], report)?;

    let models = fields.need("models", "a list of model names, globs with `*` allowed", report);
    let priced = models.clone();
    let models = models.and_then(|item| models_of(&item, report));
    let prices = match fields.get("prices") {
        Some(item) => prices::prices(&item, priced.as_ref(), report).map(Some),
        None => Some(None),
    };
    let provider_tools = match fields.get("providerTools") {
        Some(item) => provider_tools::names(&item, report),
        None => Some(Vec::new()),
    };
    let states = [("refused", ServerState::Refused), ("allowed", ServerState::Allowed)];
    let server_state = match fields.get("serverState") {
        Some(item) => item.word(&states, report),
        None => Some(ServerState::Refused),
    };
    let undeclared = [("refuse", UndeclaredTools::Refuse), ("drop", UndeclaredTools::Drop)];
    let undeclared_tools = match fields.get("undeclaredTools") {
        Some(item) => item.word(&undeclared, report),
        None => Some(UndeclaredTools::default()),
    };
    let request_members = match fields.get("requestMembers") {
        Some(item) => request_members_of(&item, report),
        None => Some(RequestMembers::default()),
    };
    let limits = match fields.get("limits") {
        Some(item) => limits_of(&item, report),
        None => Some(Limits::default()),
    };
    let conversation = match fields.get("conversation") {
        Some(item) => conversation::policy(&item, report).map(Some),
        None => Some(None),
    };
    let ways = [("refuse", OnViolation::Refuse), ("error", OnViolation::Error), ("feedback", OnViolation::Feedback)];
    let on_violation = match fields.get("onViolation") {
        Some(item) => item.word(&ways, report),
        None => Some(OnViolation::Refuse),
    };
    let authorize = match fields.get("authorize") {
        Some(item) => item.switch(report),
        None => Some(false),
    };
    let trusts_users = match fields.get("users") {
        Some(item) => sources::users(&item, report),
        None => Some(true),
    };
    let enforce = match fields.get("enforce") {
        Some(item) => item.switch(report).inspect(|enforce| {
            if !enforce {
                report.note(&item, "shadow mode: calls that the client runs are decided and reported, and not refused");
            }
        }),
        None => Some(true),
    };
    let claims = match fields.get("claims") {
        Some(item) => claims::claims(&item, report),
        None => Some(ClaimTypes::default()),
    };
    let workspace = match fields.get("workspace") {
        Some(item) => profiles::workspace(&item, report).map(Some),
        None => Some(None),
    };
    let profiles = match fields.get("profiles") {
        // A faulty workspace is reported once.
        Some(_) if workspace.is_none() => None,
        Some(item) => profiles::profiles(&item, workspace.as_ref().and_then(Option::as_ref), report),
        None => Some(NameTable::default()),
    };
    let tools_item = fields.need("tools", "a list of at least one tool", report);
    let names = tools_item.as_ref().map(tools::names).unwrap_or_default();
    let roles = fields.need("roles", "a mapping of at least one role", report);
    let of_conditions = workspace.as_ref().and_then(Option::as_ref).map(|rule| rule.rules().clone());
    let known = Names::new(&names, claims.unwrap_or_default(), of_conditions, &parts.patterns);
    let currency = prices.as_ref().and_then(Option::as_ref).map(Prices::currency);
    let roles_item = roles.clone();
    let roles = roles.and_then(|item| {
        // Without profiles, each role's would be a second fault.
        roles::roles(&item, &names, &known, profiles.as_ref(), currency, report)
    });
    let mut tools = tools_item.and_then(|item| tools::tools(&item, &known, parts, report));
    if let (Some(item), Some(roles), Some(tools), Some(_)) = (&roles_item, &roles, &mut tools, &profiles) {
        profiles::join_roles(item, roles, tools, report);
    }

    let mcp = match fields.get("mcp") {
        Some(item) => mcp_rules::rules(&item, roles.as_ref(), parts, report),
        None => Some(McpRules::default()),
    };
    let results = match fields.get("results") {
        Some(item) => results::policy(&item, &names, &mut parts.redactions, report).map(Some),
        None => Some(None),
    };

    let (roles, tools) = (roles?, tools?);
    let is_limited =
        roles.values().any(|role| !role.limits.is_empty()) || tools.iter().any(|tool| !tool.limits.is_empty());
    let of_roles = roles.values().flat_map(|role| &role.limits);
    let charges_usage = of_roles.into_iter().any(|limit| matches!(limit.unit, Unit::Tokens | Unit::Cost));
    let claims = known.claims().clone();
    let reads = Reads::of(&claims, roles.values(), &tools);
    if let (Some(item), Some(name)) = (fields.get("claims"), unread_claim(&claims, roles.values(), &tools)) {
        report.note(&item, format!("no condition reads `caller.claims.{name}`; remove it"));
    }
    let tool_names = ToolNames::new(tools.iter().map(Tool::name));
    Some(Contract {
        notes: Vec::new(),
        digest: String::new(),
        canonical: String::new(),
        name: String::new(),
        version: String::new(),
        models: models?,
        provider_tools: provider_tools?,
        server_state: server_state?,
        undeclared_tools: undeclared_tools?,
        request_members: request_members?,
        limits: limits?,
        conversation: conversation?,
        prices: prices?,
        on_violation: on_violation?,
        enforce: enforce?,
        authorize: authorize?,
        results: results?,
        trusts_users: trusts_users?,
        mcp: mcp?,
        claims,
        workspace: workspace?.or_else(profiles::rootless),
        profiles: profiles?,
        roles,
        tools,
        names: tool_names,
        reads,
        is_limited,
        charges_usage,
    })
}

fn models_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<Vec<Glob>> {
    let texts = item.texts(report)?;
    if texts.is_empty() {
        return report.fault(item, "expected at least one model; `\"*\"` allows every model");
    }
    let mut globs = Vec::new();
    for (item, text) in texts {
        if text.contains(['?', '[', ']', '{', '}']) {
            report.fault::<()>(&item, "expected a model name in which only `*` is special");
        } else if !is_model_name(text) {
            report
                .fault::<()>(&item, "expected printable ASCII characters without spaces; no other model name matches");
        } else {
            globs.push(Glob::new(text));
        }
    }
    Some(globs)
}

fn request_members_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<RequestMembers> {
    let fields = Fields::open(item, &["unknown", "allow"], &[], report)?;
    let mut members = RequestMembers::default();
    if let Some(item) = fields.get("unknown") {
        members.unknown = item.word(&[("drop", UnknownMembers::Drop), ("refuse", UnknownMembers::Refuse)], report)?;
    }
    if let Some(item) = fields.get("allow") {
        for (item, text) in item.texts(report)? {
            if is_member_path(text) {
                members.allow.push(text.to_owned());
            } else {
                report.fault::<()>(&item, MEMBER);
            }
        }
    }
    Some(members)
}

/// Returns true for member names joined with `.`, without characters special in any path syntax.
fn is_member_path(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_$-".contains(&b);
    text.split('.').all(|name| !name.is_empty() && name.bytes().all(is_plain))
}

fn limits_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<Limits> {
    let known = [
        "maxOutputTokens",
        "maxToolCallsPerTurn",
        "maxRounds",
        "requestBytes",
        "responseBytes",
        "turnTimeout",
        "turnIdleTimeout",
        "store",
        "storeUnavailable",
    ];
    let fields = Fields::open(item, &known, &[], report)?;
    let mut limits = Limits::default();
    if let Some(item) = fields.get("maxOutputTokens") {
        limits.max_output_tokens = item.count(report);
    }
    if let Some(count) = fields.get("maxToolCallsPerTurn").and_then(|item| item.count(report)) {
        limits.max_tool_calls_per_turn = count;
    }
    if let Some(count) = fields.get("maxRounds").and_then(|item| item.count(report)) {
        limits.max_rounds = count;
    }
    if let Some(bytes) = fields.get("requestBytes").and_then(|item| units::size(&item, report)) {
        limits.request_bytes = bytes;
    }
    if let Some(bytes) = fields.get("responseBytes").and_then(|item| units::size(&item, report)) {
        limits.response_bytes = bytes;
    }
    if let Some(time) = fields.get("turnTimeout").and_then(|item| units::duration(&item, report)) {
        limits.turn_timeout = time;
    }
    limits.turn_idle_timeout = limits.turn_idle_timeout.min(limits.turn_timeout);
    if let Some(item) = fields.get("turnIdleTimeout")
        && let Some(time) = units::duration(&item, report)
    {
        if time > limits.turn_timeout {
            report.fault::<()>(&item, "expected at most `turnTimeout`; a longer silence never ends a turn");
        }
        limits.turn_idle_timeout = time;
    }
    let stores = [("envoy", CountStore::Envoy), ("executor", CountStore::Executor)];
    if let Some(store) = fields.get("store").and_then(|item| item.word(&stores, report)) {
        limits.store = store;
    }
    if let Some(item) = fields.get("storeUnavailable") {
        let rules = [("refuse", StoreUnavailable::Refuse), ("allow", StoreUnavailable::Allow)];
        limits.store_unavailable = item.word(&rules, report).unwrap_or_default();
        if limits.store == CountStore::Envoy {
            report.fault::<()>(&item, "expected `store: executor` beside it; Envoy's own store is never unreachable");
        }
    }
    Some(limits)
}
