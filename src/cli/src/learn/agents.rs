//! The ready contracts: `callgate learn --agent NAME`, and `contracts/agents`.
//!
//! Each comes from a short description of the agent's tools in `templates/agents`. In it, a text stands for a schema ([`schema_of`]), and
//! `!` ends the name of an argument that a call needs. Descriptions are the project's own words: the model reads them.

use callgate_contract::Effects;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::write::{AgentContract, RoleText, ToolText};
use crate::proposal::sketch::ToolSketch;

/// The names of the agents, and their descriptions.
const AGENTS: [(&str, &str); 7] = [
    ("claude-code", include_str!("../../templates/agents/claude-code.json")),
    ("cline", include_str!("../../templates/agents/cline.json")),
    ("codex", include_str!("../../templates/agents/codex.json")),
    ("gemini-cli", include_str!("../../templates/agents/gemini-cli.json")),
    ("opencode", include_str!("../../templates/agents/opencode.json")),
    ("pi", include_str!("../../templates/agents/pi.json")),
    ("qwen-code", include_str!("../../templates/agents/qwen-code.json")),
];
/// Turns of an agent make many calls, and take long.
pub(super) const LIMITS: &str = "limits: { maxToolCallsPerTurn: 16, turnTimeout: 20m }";

/// The description of an agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentTools {
    title: String,
    /// The version that was tried.
    version: String,
    /// The heading of the page that says how to point the agent at the gate.
    page: String,
    models: Vec<String>,
    /// The address of the agent's provider, if that is not the one of `render` and the agent has only one.
    upstream: Option<String>,
    notes: Vec<String>,
    tools: Map<String, Value>,
    /// Names, and the reason why they are left out.
    left_out: Map<String, Value>,
}

/// The description of a tool.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneTool {
    says: String,
    effects: String,
    r#for: ToolFor,
    /// `None` for a glob, whose arguments nothing describes.
    arguments: Option<Map<String, Value>>,
}

/// The roles that have a tool.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum ToolFor {
    /// All roles.
    Look,
    /// All roles that change files.
    Edit,
    /// Only the roles with hosts.
    Web,
    /// Only `full`.
    Full,
}

/// Reasons why no ready contract is written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("--agent {0}: no ready contract; known: {known}", known = AGENTS.map(|(name, _)| name).join(", "))]
    Unknown(String),
    /// A fault of this program.
    #[error("the description of {0} cannot be read: {1}")]
    Description(String, serde_json::Error),
}

/// A tool, with its schema.
struct Described {
    name: String,
    tool: OneTool,
    parameters: Value,
}

/// Returns the address of an agent's provider for `callgate render`; `None` for the default.
pub(super) fn upstream(agent: &str) -> Option<String> {
    read(agent).ok()?.upstream
}

/// Returns the text of a ready contract.
pub(super) fn contract(agent: &str, workspace: &str) -> Result<String, AgentError> {
    let AgentTools { title, version, page, models, upstream: _, notes, tools, left_out } = read(agent)?;
    let described = described(agent, tools)?;
    let named = |most: ToolFor| -> Vec<String> {
        described.iter().filter(|one| one.tool.r#for <= most).map(|one| one.name.clone()).collect()
    };
    let only_full: Vec<&str> =
        described.iter().filter(|one| one.tool.r#for == ToolFor::Full).map(|one| one.name.as_str()).collect();
    let has_web = described.iter().any(|one| one.tool.r#for == ToolFor::Web);
    let role = |name, profile, tools, because: &str| RoleText { name, profile, tools, because: because.to_owned() };
    let mut roles = vec![
        role("read-only", "look", named(ToolFor::Look), "reads the project"),
        role(
            "edit",
            "edit",
            named(ToolFor::Web),
            if has_web {
                "changes the project, runs its tests, reads pages of some hosts"
            } else {
                "changes the project and runs its tests"
            },
        ),
        role("offline", "offline", named(ToolFor::Edit), "the same without any host"),
    ];
    if !only_full.is_empty() {
        let because = format!(
            "`edit`, and {}. The profile judges their files and commands only when their own requests pass the gate.",
            only_full.join(", ")
        );
        roles.push(role("full", "edit", vec!["*".to_owned()], &because));
    }
    let mut head = vec![
        format!(
            "{title} ({version} was tried). Made by `callgate learn --agent {agent}`; `make agents-contracts` writes it again."
        ),
        format!(
            "How to point {title} at the gate, and what such a contract cannot hold: docs/guides/coding-agents.md#{page}"
        ),
        String::new(),
        "The agent runs each tool. A role takes tools and a profile, and the profile judges paths, commands and hosts."
            .to_owned(),
        "Set `workspace.root` to the project: a directory, `header:x-workspace`, or `/home/*/src/*`.".to_owned(),
    ];
    head.extend(notes);
    for (names, because) in &left_out {
        head.push(format!("Left out: {names}: {}.", because.as_str().unwrap_or_default()));
    }
    let tools = described.iter().map(|one| ToolText {
        name: &one.name,
        description: Some(&one.tool.says),
        effects: effects(&one.tool.effects),
        because: None,
        notes: Vec::new(),
        parameters: &one.parameters,
        is_dense: true,
    });
    let contract = AgentContract {
        head,
        name: agent,
        models: models.into_iter().map(Value::from).collect(),
        settings: vec![LIMITS.to_owned()],
        workspace: Some(workspace),
        roles,
        tools: tools.collect(),
    };
    Ok(contract.text())
}

/// Returns tools of an agent, as if a request had declared them.
pub(super) fn tools_of(agent: &str, names: &[&str]) -> Vec<ToolSketch> {
    let described = read(agent).and_then(|read| described(agent, read.tools)).unwrap_or_default();
    let wanted = described.into_iter().filter(|one| names.contains(&one.name.as_str()));
    wanted
        .map(|one| ToolSketch {
            name: one.name,
            description: Some(one.tool.says),
            parameters: unmarked(one.parameters),
            ..ToolSketch::default()
        })
        .collect()
}

/// Takes the marks out of a schema.
pub(super) fn unmarked(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            members.shift_remove("x-callgate");
            for (key, value) in members {
                match value {
                    // Here the members are names.
                    Value::Object(named) if matches!(key.as_str(), "properties" | "$defs" | "definitions") => {
                        named.values_mut().for_each(|one| *one = unmarked(std::mem::take(one)));
                    }
                    value => *value = unmarked(std::mem::take(value)),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = unmarked(std::mem::take(item))),
        _ => {}
    }
    schema
}

fn read(agent: &str) -> Result<AgentTools, AgentError> {
    let text = AGENTS.iter().find(|(name, _)| *name == agent).map(|(_, text)| *text);
    let text = text.ok_or_else(|| AgentError::Unknown(agent.to_owned()))?;
    serde_json::from_str(text).map_err(|error| AgentError::Description(agent.to_owned(), error))
}

fn described(agent: &str, tools: Map<String, Value>) -> Result<Vec<Described>, AgentError> {
    let one = |(name, value): (String, Value)| {
        let tool: OneTool =
            serde_json::from_value(value).map_err(|error| AgentError::Description(agent.to_owned(), error))?;
        let parameters = match &tool.arguments {
            Some(arguments) => parameters(arguments),
            None => json!({ "type": "object" }),
        };
        Ok(Described { name, tool, parameters })
    };
    tools.into_iter().map(one).collect()
}

fn effects(word: &str) -> Effects {
    match word {
        "read" => Effects::Read,
        "write" => Effects::Write,
        _ => Effects::Destructive,
    }
}

/// Returns the schema of arguments.
fn parameters(arguments: &Map<String, Value>) -> Value {
    let needed: Vec<&str> = arguments.keys().filter_map(|name| name.strip_suffix('!')).collect();
    let properties: Map<String, Value> =
        arguments.iter().map(|(name, value)| (name.trim_end_matches('!').to_owned(), schema_of(value))).collect();
    let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
    if !needed.is_empty() {
        schema.insert("required".to_owned(), json!(needed));
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.insert("properties".to_owned(), properties.into());
    schema.into()
}

/// Returns the schema that a description stands for: a word, or a schema with words below `properties` and `items`.
fn schema_of(value: &Value) -> Value {
    let marked = |mark: Value| json!({ "type": "string", "x-callgate": mark });
    match value {
        Value::String(text) => match text.split_once(" in ").unwrap_or((text, "")) {
            ("text", _) => json!({ "type": "string" }),
            ("texts", _) => json!({ "type": "array", "items": { "type": "string" } }),
            ("read", _) => marked(json!({ "path": "read" })),
            ("write", _) => marked(json!({ "path": "write" })),
            ("line", "") => marked(json!({ "command": { "shell": "bash" } })),
            ("line", place) => marked(json!({ "command": { "shell": "bash", "cwd": place } })),
            ("glob", place) => marked(json!({ "glob": "read", "base": place })),
            ("patch", _) => marked(json!({ "patch": "codex" })),
            ("url" | "script", _) => marked(text.as_str().into()),
            (kind, _) => json!({ "type": kind }),
        },
        Value::Object(members) => {
            let inside = |(key, value): (&String, &Value)| {
                let value = match (key.as_str(), value) {
                    ("items", item) => schema_of(item),
                    ("properties", Value::Object(named)) => {
                        named.iter().map(|(name, value)| (name.clone(), schema_of(value))).collect::<Map<_, _>>().into()
                    }
                    _ => value.clone(),
                };
                (key.clone(), value)
            };
            members.iter().map(inside).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
