//! `spec.mcp`: the rules for an MCP server beyond its tools.

use std::sync::Arc;
use std::time::Duration;

use callgate_json::Value;
use callgate_kinds::url::{HostRules, ResourcePattern};

use super::fields::{Fields, Located, Report};
use super::units;
use crate::compiler;
use crate::kinds::locate::is_marked;
use crate::mcp_rules::{ElicitationRule, McpRules, OfferRule, PromptRule, ResourceRule, SamplingRule};
use crate::model::{NameTable, Role};
use crate::nearest::nearest;
use crate::pool::Parts;
use crate::schema::Schema;

/// The maximum resources, and the maximum prompts. Each URI of a list is compared with all patterns.
const MOST: usize = 64;
const ELICITATION_BYTES: u64 = 16 << 10;
const SAMPLING_BYTES: u64 = 64 << 10;
const TASK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_TASK: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const URI: &str = "a URI, or a pattern such as `file:///docs/**`";
const WORDS: [(&str, bool); 2] = [("refuse", false), ("allow", true)];

type Roles = NameTable<Role>;

/// Reads the rules. Without the roles, which may be faulty, their names are not checked.
pub(super) fn rules(
    item: &Located<'_>,
    roles: Option<&Roles>,
    parts: &mut Parts,
    report: &mut Report<'_>,
) -> Option<McpRules> {
    let known = ["resources", "prompts", "elicitation", "sampling", "roots", "logging", "tasks"];
    let fields = Fields::open(item, &known, &[], report)?;
    let mut rules = McpRules::default();
    for item in listed(fields.get("resources"), report) {
        rules.resources.extend(resource(&item, roles, report));
    }
    for item in listed(fields.get("prompts"), report) {
        let prompt = prompt(&item, roles, &rules.prompts, parts, report);
        rules.prompts.extend(prompt);
    }
    rules.elicitation = fields.get("elicitation").and_then(|item| elicitation(&item, report));
    rules.sampling = fields.get("sampling").and_then(|item| sampling(&item, report));
    rules.roots = fields.get("roots").and_then(|item| item.word(&WORDS, report)).unwrap_or(false);
    rules.drops_logs = !fields.get("logging").and_then(|item| item.word(&WORDS, report)).unwrap_or(true);
    rules.task_lifetime = fields.get("tasks").and_then(|item| tasks(&item, report));
    Some(rules)
}

/// Reads the rule for results that come later.
fn tasks(item: &Located<'_>, report: &mut Report<'_>) -> Option<Duration> {
    let fields = Fields::open(item, &["lifetime"], &[], report)?;
    report
        .note(item, "needs `sealing.keys` in the gate's configuration, because a client carries the handles of tasks");
    let Some(lifetime) = fields.get("lifetime") else { return Some(TASK_LIFETIME) };
    match units::duration(&lifetime, report)? {
        long if long > LONGEST_TASK => report.fault(&lifetime, "expected at most `720h`, which is 30 days"),
        lifetime => Some(lifetime),
    }
}

fn listed<'n>(item: Option<Located<'n>>, report: &mut Report<'_>) -> Vec<Located<'n>> {
    let Some(item) = item else { return Vec::new() };
    match item.list(report) {
        Some(list) if list.len() > MOST => {
            report.fault::<()>(&item, format!("expected at most {MOST} items"));
            Vec::new()
        }
        list => list.unwrap_or_default(),
    }
}

fn resource(item: &Located<'_>, roles: Option<&Roles>, report: &mut Report<'_>) -> Option<ResourceRule> {
    let fields = Fields::open(item, &["uri", "description", "maxBytes", "roles"], &[], report)?;
    let offer = offer(&fields, roles, report);
    let uri = fields.need("uri", URI, report)?;
    let text = uri.text(report)?;
    if text.contains(['{', '}']) {
        return report.fault(&uri, format!("expected {URI}; write `*` for a variable of a template"));
    }
    let pattern = match ResourcePattern::read(text) {
        Ok(pattern) => pattern,
        Err(problem) => return report.fault(&uri, format!("expected {URI}; it {problem}")),
    };
    if matches!(text.split_once("://"), Some((_, "**" | "/**"))) {
        report.note(
            &uri,
            "allows every resource of this scheme that the server has, also those that nobody has reviewed",
        );
    }
    Some(ResourceRule { pattern, offer: offer? })
}

fn prompt(
    item: &Located<'_>,
    roles: Option<&Roles>,
    earlier: &[PromptRule],
    parts: &mut Parts,
    report: &mut Report<'_>,
) -> Option<PromptRule> {
    let fields = Fields::open(item, &["name", "description", "arguments", "maxBytes", "roles"], &[], report)?;
    let offer = offer(&fields, roles, report);
    let arguments = match fields.get("arguments") {
        Some(item) => schema(&item, parts, report),
        None => none(parts),
    };
    let name = fields.need("name", "the server's name of the prompt", report)?;
    let text = name.text(report)?;
    if text.len() > 128 {
        return report.fault(&name, "expected a name of at most 128 bytes");
    }
    if earlier.iter().any(|prompt| prompt.name == text) {
        return report.fault(&name, format!("expected each name once; `{text}` is there twice, remove one"));
    }
    Some(PromptRule { name: text.to_owned(), arguments: arguments?, offer: offer? })
}

fn schema(item: &Located<'_>, parts: &mut Parts, report: &mut Report<'_>) -> Option<Arc<Schema>> {
    item.entries(report)?;
    let value = item.node.to_value();
    if is_marked(&value) {
        return report.fault(item, "expected no mark `x-callgate`; only arguments of tools are judged by kinds");
    }
    match compiler::compile(vec![value], &mut parts.schemas).pop()? {
        Ok(schema) if schema.is_object_at_the_top() => Some(schema),
        Ok(_) => {
            report.fault(item, "expected a schema with `type: object` at its top; arguments of prompts are an object")
        }
        Err(faults) => {
            for fault in faults {
                let at = item.node.nearest(&fault.pointer);
                report.fault_at::<()>(at, format!("{}{}", item.path, fault.pointer), fault.message);
            }
            None
        }
    }
}

/// Returns the schema of a prompt without arguments.
fn none(parts: &mut Parts) -> Option<Arc<Schema>> {
    let closed = [("type", Value::from("object")), ("additionalProperties", Value::from(false))];
    let value = Value::Object(closed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    compiler::compile(vec![value], &mut parts.schemas).pop()?.ok()
}

fn offer(fields: &Fields<'_>, roles: Option<&Roles>, report: &mut Report<'_>) -> Option<OfferRule> {
    let mut offer = OfferRule::default();
    if let Some(item) = fields.get("description") {
        offer.description = Some(item.any_text(report)?.to_owned());
    }
    if let Some(item) = fields.get("maxBytes") {
        offer.max_bytes = Some(units::size(&item, report)?);
    }
    if let Some(item) = fields.get("roles") {
        let names = item.texts(report)?;
        if names.is_empty() {
            return report.fault(&item, "expected at least one role; without `roles` every role has it");
        }
        for (item, name) in names {
            if let Some(roles) = roles.filter(|roles| roles.get(name).is_none()) {
                let message = match nearest(name, roles.keys().map(String::as_str)) {
                    Some(near) => format!("expected the name of a role in `spec.roles`; did you mean `{near}`?"),
                    None => "expected the name of a role in `spec.roles`".to_owned(),
                };
                report.fault::<()>(&item, message);
            }
            offer.roles.push(name.to_owned());
        }
    }
    Some(offer)
}

fn elicitation(item: &Located<'_>, report: &mut Report<'_>) -> Option<ElicitationRule> {
    let fields = Fields::open(item, &["maxPerCall", "maxBytes", "hosts"], &[], report)?;
    let (max_per_call, max_bytes) = bounds(&fields, ELICITATION_BYTES, report)?;
    let mut hosts = HostRules::default();
    if let Some(item) = fields.get("hosts") {
        let texts = item.texts(report)?;
        let names: Vec<String> = texts.iter().map(|(_, text)| (*text).to_owned()).collect();
        hosts = match HostRules::compile(&names) {
            Ok(hosts) => hosts,
            Err(error) => {
                let place = texts.get(error.entry).map_or(&item, |(place, _)| place);
                return report
                    .fault(place, format!("expected a host, such as `login.example.com`; it {}", error.problem));
            }
        };
    }
    Some(ElicitationRule { max_per_call, max_bytes, hosts })
}

fn sampling(item: &Located<'_>, report: &mut Report<'_>) -> Option<SamplingRule> {
    let fields = Fields::open(item, &["maxTokens", "maxPerCall", "maxBytes"], &[], report)?;
    let (max_per_call, max_bytes) = bounds(&fields, SAMPLING_BYTES, report)?;
    let max_tokens = fields.need("maxTokens", "the most tokens that a server may ask for", report)?.count(report)?;
    Some(SamplingRule { max_tokens, max_per_call, max_bytes })
}

/// Reads how often and how much a server may ask.
fn bounds(fields: &Fields<'_>, bytes: u64, report: &mut Report<'_>) -> Option<(u32, u64)> {
    let max_per_call = match fields.get("maxPerCall") {
        Some(item) => item.count(report)?,
        None => 1,
    };
    let max_bytes = match fields.get("maxBytes") {
        Some(item) => units::size(&item, report)?,
        None => bytes,
    };
    Some((max_per_call, max_bytes))
}
