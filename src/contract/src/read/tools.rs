//! Tools, without their `run`.

use std::collections::HashSet;
use std::sync::Arc;

use callgate_condition::{Condition, Environment};
use callgate_json::Value;
use callgate_kinds::Workspace;

use super::conditions::{self, Names, condition};
use super::fields::{Fields, Located, Report};
use super::{limits, run, sources};
use crate::compiler::{self, Compiled};
use crate::conditions::reads_kinds;
use crate::kinds::locate::{self, is_marked};
use crate::kinds::mark::Mark;
use crate::mcp::{self, ArgumentHeader};
use crate::model::{Approval, Audit, Effects, Tool};
use crate::pool::Parts;
use crate::problem::SchemaFault;
use crate::run::Run;
use crate::schema::Schema;
use crate::source::node::{Data, Node};
use crate::tool_names::{beginning, is_tool_name};

const KNOWN: [&str; 10] =
    ["name", "description", "parameters", "result", "effects", "when", "approval", "audit", "definition", "run"];
const EFFECTS: [(&str, Effects); 3] =
    [("read", Effects::Read), ("write", Effects::Write), ("destructive", Effects::Destructive)];
/// More persons never agree in time.
const APPROVERS_MAX: u8 = 3;
const PARAMETERS: &str = "a JSON Schema of the arguments, such as `{ type: object }` for a tool without arguments";

/// The names of the tools, whatever else may be wrong with them.
pub(super) fn names<'n>(item: &Located<'n>) -> Vec<&'n str> {
    match &item.node.data {
        Data::List(tools) => tools.iter().filter_map(|tool| tool.get("name")?.text()).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn tools(
    item: &Located<'_>,
    names: &Names,
    parts: &mut Parts,
    report: &mut Report<'_>,
) -> Option<Vec<Tool>> {
    let items = item.list(report)?;
    if items.is_empty() {
        return report.fault(item, "expected at least one tool");
    }
    let mut seen = HashSet::new();
    let mut tools = Vec::new();
    for (item, schemas) in items.iter().zip(schemas(&items, parts)) {
        tools.extend(tool(item, &mut seen, schemas, names, report));
    }
    Some(tools)
}

/// The compiled schemas of a tool. `None` for a field that is missing, or not a mapping.
struct Schemas {
    parameters: Option<Compiled>,
    result: Option<Compiled>,
}

/// Compiles the schemas of all tools.
fn schemas(tools: &[Located<'_>], parts: &mut Parts) -> Vec<Schemas> {
    let field = |tool: &Located<'_>, name| {
        let node = tool.node.get(name).filter(|node| matches!(node.data, Data::Map(_)));
        let node = node.and_then(|node| if name == "result" { sources::schema_in_result(node) } else { Some(node) });
        node.filter(|node| matches!(node.data, Data::Map(_))).map(Node::to_value)
    };
    let values: Vec<[Option<Value>; 2]> =
        tools.iter().map(|tool| ["parameters", "result"].map(|name| field(tool, name))).collect();
    let present: Vec<[bool; 2]> = values.iter().map(|pair| pair.each_ref().map(Option::is_some)).collect();
    let mut compiled =
        compiler::compile(values.into_iter().flatten().flatten().collect(), &mut parts.schemas).into_iter();
    let mut next = |is_present: bool| if is_present { compiled.next() } else { None };
    present
        .into_iter()
        .map(|[parameters, result]| Schemas { parameters: next(parameters), result: next(result) })
        .collect()
}

fn tool<'n>(
    item: &Located<'n>,
    seen: &mut HashSet<&'n str>,
    schemas: Schemas,
    names: &Names,
    report: &mut Report<'_>,
) -> Option<Tool> {
    let known = [&KNOWN[..], &sources::KNOWN[..], &limits::OF_A_TOOL[..]].concat();
    let fields = Fields::open(item, &known, &[], report)?;
    let name = fields.need("name", "the name the model calls it by", report);
    let name = name.and_then(|item| name_of(&item, seen, report));
    let description = match fields.get("description") {
        Some(item) => item.any_text(report).map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    let parameters = fields.need("parameters", PARAMETERS, report);
    let parameters = parameters.and_then(|item| schema(&item, Top::Object, schemas.parameters, report));
    let (format, result) = match fields.get("result").map(|item| sources::result(&item, report)) {
        Some(Some(sources::ResultField { format, schema: Some(item) })) => {
            (format, schema(&item, Top::Any, schemas.result, report).map(Some))
        }
        Some(Some(sources::ResultField { format, schema: None })) => (format, Some(None)),
        Some(None) => (None, None),
        None => (None, Some(None)),
    };
    let marks = parameters.as_ref().and_then(|_| marks(&fields, report));
    let argument_headers = parameters.as_ref().and_then(|_| argument_headers(&fields, report));
    let effects = fields.need("effects", "`read`, `write` or `destructive`", report);
    let effects = effects.and_then(|item| item.word(&EFFECTS, report));
    let when = fields.get("when");
    // The types of the arguments are for conditions only.
    let environment = match (&when, fields.get("approval")) {
        (None, None) => Environment::default(),
        _ => names.of_a_tool(parameters.as_deref(), marks.as_deref().unwrap_or_default()),
    };
    let when = when.map(|item| conditions::when(&item, &environment, names.workspace(), report));
    let approval = match fields.get("approval") {
        Some(item) => approval(&item, &environment, names.workspace(), report),
        None => Some((Approval::Never, None)),
    };
    let audit = match fields.get("audit") {
        Some(item) => item.word(&[("digest", Audit::Digest), ("full", Audit::Full)], report),
        None => Some(Audit::Digest),
    };
    let limits = limits::limits(&fields, &limits::OF_A_TOOL, None, report);
    let definition = match fields.get("definition") {
        Some(item) => definition(&item, report).map(Some),
        None => Some(None),
    };
    let run = fields.need("run", "what runs it: `client`, `wasm`, `grpc`, `http` or `mcp`", report);
    let run = run.and_then(|item| {
        let run = run::run(&item, report)?;
        if name.as_deref().and_then(beginning).is_some() && !matches!(run, Run::Client) {
            let message = "expected `client` for a glob; what the executor runs is named by its exact name";
            return report.fault(&item, message);
        }
        Some(run)
    });
    if let (Some(item), Some(false)) = (fields.get("definition"), run.as_ref().map(|run| matches!(run, Run::Client))) {
        report.fault::<()>(
            &item,
            "expected `run: { client: {} }` beside it; only an MCP server behind the gate lists its definitions",
        );
    }
    let runs_here = !matches!(run, Some(Run::Client) | None);
    let rules = sources::rules(&fields, parameters.as_deref(), (format, runs_here), names, report);
    let asks = approval.as_ref().is_some_and(|(approval, _)| *approval != Approval::Never);
    if let (true, Some(Run::Client), Some(item)) = (asks, &run, fields.get("approval")) {
        let message = "the calling application runs this tool, so the gate asks the executor before it releases a call; configure `executor`";
        report.note(&item, message);
    }
    let (approval, approval_when) = approval?;
    let when = when.flatten();
    let own = when.iter().map(|when| &when.condition).chain(&approval_when);
    let asks_kinds = own.into_iter().any(reads_kinds);
    Some(Tool {
        name: name?.into(),
        description: description?,
        parameters: parameters?,
        argument_headers: argument_headers?,
        result: result?,
        effects: effects?,
        marks: marks?,
        may_ask: false,
        asks_kinds,
        sources: rules?,
        when,
        approval,
        approval_when,
        audit: audit?,
        limits: limits?,
        definition: definition?,
        run: run?,
    })
}

/// Reads the digest of a definition.
fn definition(item: &Located<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Some(text.to_owned());
    }
    report.fault(
        item,
        "expected `sha256:` and 64 hexadecimal digits in small letters; `callgate pin --definitions` writes them",
    )
}

fn name_of<'n>(item: &Located<'n>, seen: &mut HashSet<&'n str>, report: &mut Report<'_>) -> Option<String> {
    let text = item.text(report)?;
    let beginning = beginning(text);
    if !is_tool_name(beginning.unwrap_or(text)) {
        let message = if text.contains('*') {
            "expected a glob of a beginning and one `*` at its end, such as `mcp__github__*`"
        } else {
            "expected 1 to 128 of `a-z`, `A-Z`, `0-9`, `_`, `-`, `.`, `:` and `/`"
        };
        return report.fault(item, message);
    }
    if let Some(beginning) = beginning {
        let message = format!(
            "allows every name that begins with `{beginning}`, so also tools that nobody has reviewed; list the tools by name if you know them"
        );
        report.note(item, message);
    }
    if !seen.insert(text) {
        return report.fault(item, format!("expected each tool name once; `{text}` is there twice, rename one"));
    }
    Some(text.to_owned())
}

/// Reads a word, or a mapping with a condition and the number of approvers.
fn approval(
    item: &Located<'_>,
    environment: &Environment,
    workspace: Option<&Workspace>,
    report: &mut Report<'_>,
) -> Option<(Approval, Option<Condition>)> {
    if !matches!(item.node.data, Data::Map(_)) {
        let word = item.word(&[("never", Approval::Never), ("always", Approval::Always { approvers: 1 })], report);
        return word.map(|approval| (approval, None));
    }
    let fields = Fields::open(item, &["when", "approvers"], &[], report)?;
    let when = fields.get("when").map(|item| condition(&item, environment, workspace, report));
    let approvers = match fields.get("approvers") {
        Some(approvers) => match approvers.count::<u8>(report)? {
            count if count <= APPROVERS_MAX => count,
            _ => return report.fault(&approvers, format!("expected at most {APPROVERS_MAX} approvers")),
        },
        None if when.is_some() => 1,
        None => return report.fault(item, "missing field `approvers`; expected how many persons must agree, 1 to 3"),
    };
    match when {
        Some(when) => Some((Approval::When { approvers }, Some(when?))),
        None => Some((Approval::Always { approvers }, None)),
    }
}

/// Reads the marks of argument kinds. Results have none.
fn marks(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<Mark>> {
    if let Some(result) = fields.get("result")
        && let Some(schema) = sources::schema_in_result(result.node)
        && is_marked(&schema.to_value())
    {
        return report.fault(&result, "expected no mark `x-callgate` in a result; only arguments are judged");
    }
    let item = fields.get("parameters")?;
    locate::marks(&item.node.to_value()).map_err(|faults| tell(&item, faults, report)).ok()
}

/// Reads the arguments that clients of MCP repeat in headers.
fn argument_headers(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Vec<ArgumentHeader>> {
    let item = fields.get("parameters")?;
    mcp::argument_headers(&item.node.to_value()).map_err(|faults| tell(&item, faults, report)).ok()
}

/// Reports the faults of a schema.
fn tell(item: &Located<'_>, faults: Vec<SchemaFault>, report: &mut Report<'_>) {
    for fault in faults {
        let at = item.node.nearest(&fault.pointer);
        report.fault_at::<()>(at, format!("{}{}", item.path, fault.pointer), fault.message);
    }
}

/// The required type at the top of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Top {
    Object,
    Any,
}

fn schema(item: &Located<'_>, top: Top, compiled: Option<Compiled>, report: &mut Report<'_>) -> Option<Arc<Schema>> {
    let entries = item.entries(report)?;
    let schema = match compiled? {
        Ok(schema) => schema,
        Err(faults) => {
            tell(item, faults, report);
            return None;
        }
    };
    if top == Top::Object && !schema.is_object_at_the_top() {
        let place = entries.iter().find(|entry| entry.key == "type").map_or(&item.node.at, |entry| &entry.value.at);
        let message = "expected a schema with `type: object` at its top; the arguments of a call are always an object";
        return report.fault_at(place, item.path.clone(), message);
    }
    Some(schema)
}
