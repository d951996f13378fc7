//! The tools of a learned contract: marks in their schemas, and the narrowest role that needs each.

use std::collections::HashMap;

use callgate_contract::{Effects, Guess, MarkGuess, from_value, guess};
use serde_json::{Value, json};

use super::{agents, marks};
use crate::proposal::schema;
use crate::proposal::sketch::{Sketch, ToolSketch};

/// The maximum nesting in which `anyOf` with `null` is rewritten.
const DEPTH: usize = 8;

/// The maximum nesting of a schema whose strings are all looked at.
const SCHEMA: usize = 64;

/// Names of arguments with the task of another agent.
const TASKS: [&str; 7] = ["prompt", "message", "task", "instructions", "instruction", "goal", "body"];
/// Words of tools that start or steer another agent.
const AGENTS: [&str; 9] = ["agent", "agents", "subagent", "task", "teammate", "delegate", "spawn", "team", "workflow"];
/// Words of tools that ask the web.
const WEB: [&str; 9] = ["web", "internet", "online", "google", "browser", "browse", "crawl", "scrape", "download"];
/// Words of tools whose work outlasts the session.
const LATER: [&str; 5] = ["cron", "schedule", "wakeup", "trigger", "webhook"];

/// The narrowest role that has a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NarrowestRole {
    /// `read-only`: it reads, or the profile judges what it runs.
    Look,
    /// `edit`: the profile judges what it changes, or whom it asks.
    Edit,
    /// `full` alone, with the reason.
    Full(&'static str),
    /// No role, with the reason.
    Nobody(&'static str),
}

/// A tool of the contract.
pub(super) struct LearnedTool<'s> {
    pub(super) sketch: &'s ToolSketch,
    pub(super) guess: Guess,
    pub(super) parameters: Value,
    pub(super) marks: Vec<MarkGuess>,
    pub(super) reach: NarrowestRole,
    /// The changes to the declared schema, for a person.
    pub(super) changes: Vec<String>,
}

/// Makes the tools of sketches that a contract can have.
pub(super) fn learned<'s>(tools: &[&'s ToolSketch], sketch: &Sketch) -> Vec<LearnedTool<'s>> {
    let mut calls: HashMap<&str, Vec<&Value>> = HashMap::new();
    sketch.calls.iter().for_each(|(tool, arguments)| calls.entry(tool).or_default().push(arguments));
    let mut folded: HashMap<String, usize> = HashMap::new();
    tools.iter().for_each(|tool| *folded.entry(tool.name.to_lowercase()).or_default() += 1);
    let none = Vec::new();
    tools
        .iter()
        .map(|tool| {
            let calls = calls.get(tool.name.as_str()).unwrap_or(&none);
            let mut learned = LearnedTool::new(tool, calls);
            if folded.get(&tool.name.to_lowercase()).is_some_and(|count| *count > 1) {
                learned.reach = NarrowestRole::Full("another tool's name differs in case only");
            }
            learned
        })
        .collect()
}

// === impl LearnedTool ===

impl<'s> LearnedTool<'s> {
    fn new(sketch: &'s ToolSketch, calls: &[&Value]) -> Self {
        // A mark in a declaration is a stranger's.
        let fitted = schema::parameters(&agents::unmarked(sketch.parameters.clone()));
        let mut changes = fitted.changes;
        let mut parameters = fitted.schema;
        marks::nullable(&mut parameters, DEPTH);
        let mut guess = guess(&sketch.name, &parameters, sketch.hints);
        let found = marks::marks(&sketch.name, guess.effects, &parameters, calls);
        let (parameters, kept, lost) = marked(parameters, found);
        changes
            .extend(lost.iter().map(|place| format!("`{place}` seems to have a meaning, and no mark can stand there")));
        if kept.iter().any(|mark| is(mark, "command") || is(mark, "script")) {
            guess.effects = if guess.effects == Effects::Read { Effects::Read } else { Effects::Write };
            guess.because = "the profile judges what it runs";
            guess.is_doubtful = false;
        }
        let reach = match reach(sketch, &guess, &parameters, &kept) {
            NarrowestRole::Look | NarrowestRole::Edit
                if !lost.is_empty() || marks::has_unjudged(&parameters, &kept, SCHEMA) =>
            {
                NarrowestRole::Full("an argument seems to have a meaning, and no mark judges it")
            }
            reach => reach,
        };
        Self { sketch, guess, parameters, marks: kept, reach, changes }
    }

    /// Returns true if the profile of the role judges a string.
    pub(super) fn is_marked(&self, word: &str) -> bool {
        self.marks.iter().any(|mark| is(mark, word))
    }
}

/// Returns the schema with the marks that can stand in it, these marks, and the places of the others.
fn marked(bare: Value, found: Vec<MarkGuess>) -> (Value, Vec<MarkGuess>, Vec<String>) {
    let closed = |mut schema: Value, marks: &[MarkGuess]| {
        let places: Vec<String> = marks.iter().map(|mark| mark.place.clone()).collect();
        marks::close(&mut schema, &places);
        Some(schema).filter(is_valid)
    };
    let mut all = bare.clone();
    if found.iter().all(|mark| marks::insert(&mut all, mark))
        && let Some(all) = closed(all, &found)
    {
        return (all, found, Vec::new());
    }
    let (mut schema, mut kept, mut lost) = (bare, Vec::new(), Vec::new());
    for mark in found {
        let before = schema.clone();
        if marks::insert(&mut schema, &mark) && is_valid(&schema) {
            kept.push(mark);
        } else {
            schema = before;
            lost.push(mark.place);
        }
    }
    (closed(schema.clone(), &kept).unwrap_or(schema), kept, lost)
}

/// Returns true for a mark of a kind.
fn is(mark: &MarkGuess, kind: &str) -> bool {
    mark.value.as_str() == Some(kind) || mark.value.get(kind).is_some()
}

/// Returns the narrowest role whose rules say what the tool may do.
fn reach(sketch: &ToolSketch, guess: &Guess, parameters: &Value, marks: &[MarkGuess]) -> NarrowestRole {
    let words = words(&sketch.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let properties = parameters.get("properties").and_then(Value::as_object);
    let argument = |names: &[&str], kind: &str| {
        let fits = |(name, schema): (&'_ String, &Value)| {
            names.contains(&name.to_lowercase().as_str())
                && schema.get("type").is_some_and(|one| one == kind)
                && schema.get("enum").is_none()
        };
        properties.into_iter().flatten().any(fits)
    };
    let has_mark = |kind: &str| marks.iter().any(|mark| is(mark, kind));
    if argument(&["name", "tool", "tool_name", "toolname"], "string")
        && argument(&["arguments", "args", "input", "params", "parameters"], "object")
    {
        return NarrowestRole::Nobody("it calls another tool by name, and no rule would see which");
    }
    if sketch.name.starts_with("mcp__") {
        return NarrowestRole::Full("an MCP server runs it");
    }
    if has(&AGENTS) && (guess.effects != Effects::Read || argument(&TASKS, "string")) {
        return NarrowestRole::Full("it starts or steers another agent");
    }
    if has(&LATER) {
        return NarrowestRole::Full("its work may outlast the session");
    }
    if has(&["skill", "skills", "plugin", "extension"]) {
        return NarrowestRole::Full("it loads instructions or programs");
    }
    if has_mark("command") || has_mark("script") {
        return NarrowestRole::Look;
    }
    if has_mark("patch") && marks.len() == 1 && properties.is_some_and(|named| named.len() == 1) {
        return NarrowestRole::Edit;
    }
    if guess.is_doubtful {
        return NarrowestRole::Full("its name says nothing about its effects");
    }
    match (guess.effects, guess.egress) {
        (Effects::Read, None) if has(&WEB) && !has_mark("url") => {
            NarrowestRole::Full("it asks the web, and no mark says whom")
        }
        (Effects::Read, None) => NarrowestRole::Look,
        (Effects::Read, Some(_)) if has_mark("url") => NarrowestRole::Edit,
        (_, Some(_)) => NarrowestRole::Full("its arguments leave the organisation"),
        _ if has_mark("path") || has_mark("patch") => NarrowestRole::Edit,
        _ => NarrowestRole::Full("it changes something that no mark describes"),
    }
}

/// Returns true if a contract takes this schema with its marks.
fn is_valid(parameters: &Value) -> bool {
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "t", "version": "1" },
        "spec": {
            "models": ["*"], "workspace": { "root": "/w" }, "profiles": { "p": { "read": ["."] } },
            "roles": { "r": { "tools": ["*"], "profile": "p" } },
            "tools": [{ "name": "t", "effects": "write", "parameters": parameters, "run": { "client": {} } }],
        },
    });
    from_value(&contract).is_ok()
}

/// Returns the words of a name in lower case.
fn words(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let is_new = !letter.is_alphanumeric() || letter.is_uppercase() && was_small;
        was_small = letter.is_lowercase() || letter.is_numeric();
        if is_new {
            out.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(last) = out.last_mut()
        {
            last.extend(letter.to_lowercase());
        }
    }
    out.retain(|word| !word.is_empty());
    out
}
