//! `callgate learn`: a contract for a coding agent, from what it declared and did.
//!
//! 1. [`input`] reads requests, HTTP archives and audit logs with the readers of `callgate init`.
//! 2. [`plan`] marks strings by names, descriptions and recorded values, and gives each tool to the narrowest role that explains it.
//! 3. [`write`] writes the contract, with the profiles that the ready contracts have too ([`agents`]).
//! 4. [`questions`] lists what a person must answer, and the recorded calls that no role allows.
//!
//! A captured request is a stranger's text. It may declare a tool, and it never makes a rule of another tool milder.

mod agents;
mod args;
mod infer;
mod input;
mod marks;
mod plan;
mod questions;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use callgate_contract::{Contract, is_tool_name};
use serde_json::Value;

pub(crate) use self::args::LearnArguments;
use self::plan::{LearnedTool, NarrowestRole};
use self::questions::Questions;
use self::write::{AgentContract, RoleText, ToolText};
use crate::disk::{self, FileError};
use crate::new::contract_name;
use crate::output::{self, PrintError};
use crate::proposal::error::ProposalError;
use crate::proposal::read::{EntryReader, known};
use crate::proposal::sketch::{Sketch, ToolSketch};
use crate::replay::ReplayError;

/// The maximum tools of a proposal. No person reviews more.
const TOOLS: usize = 1_000;

/// Reasons why no contract was proposed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LearnError {
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    #[error(transparent)]
    Agent(#[from] agents::AgentError),
    #[error(transparent)]
    Log(#[from] ReplayError),
    #[error("{file}: not an HTTP archive: {reason}")]
    Har { file: String, reason: String },
    #[error("{file}: more than 1 GiB; give fewer requests")]
    Large { file: String },
    #[error(
        "--workspace {0}: not an absolute directory, `header:NAME` or a pattern such as /home/*/src/*; give one of them"
    )]
    Workspace(String),
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// Proposes a contract and writes it.
pub(crate) fn learn(arguments: &LearnArguments) -> Result<String, LearnError> {
    if let Some(root) =
        arguments.workspace.as_deref().filter(|root| !root.starts_with('/') && !root.starts_with("header:"))
    {
        return Err(LearnError::Workspace(root.to_owned()));
    }
    if let Some(agent) = &arguments.agent {
        let text = agents::contract(agent, arguments.workspace.as_deref().unwrap_or(write::ROOT))?;
        return finish(arguments, &text, &compiled(arguments, &text)?);
    }
    let mut reader = EntryReader::lenient(arguments.api.as_deref().map(known).transpose()?);
    arguments.requests.iter().try_for_each(|file| input::requests(&mut reader, file))?;
    arguments.har.iter().try_for_each(|file| input::har(&mut reader, file))?;
    let mut logged = BTreeSet::new();
    let mut refused = 0;
    for log in &arguments.from_audit {
        refused += input::audit(&mut reader, log, &mut logged)?;
    }
    let inferred = input::declare_called(&mut reader, &logged);
    let mut questions = Questions::default();
    if reader.sketch().tools.is_empty() {
        // The reasons why nothing was found.
        questions.of_sketch(reader.sketch(), &[], refused, &inferred);
        output::note(&questions.listed())?;
    }
    let mut sketch = reader.finish()?;
    let inner = questions::inner_tools(&sketch);
    inner.into_iter().for_each(|tool| {
        questions.add(format!("`{}` is not declared, and programs of `exec` call it: is Codex the agent?", tool.name));
        sketch.add(tool);
    });
    let globs = if arguments.mcp_globs { globs(&sketch) } else { Vec::new() };
    let (tools, unfit) = fit(&sketch, &globs);
    let learned: Vec<LearnedTool<'_>> = plan::learned(&tools, &sketch);
    questions.of_sketch(&sketch, &unfit, refused, &inferred);
    questions.of_tools(&learned);
    let kept: Vec<&LearnedTool<'_>> =
        learned.iter().filter(|tool| !matches!(tool.reach, NarrowestRole::Nobody(_))).collect();
    if kept.is_empty() {
        return Err(ProposalError::NoTools.into());
    }
    let has_marks = kept.iter().any(|tool| !tool.marks.is_empty());
    let root = workspace(arguments, &sketch, &kept, &mut questions);
    let name = arguments.name.clone().unwrap_or_else(|| contract_name(&disk::folder(&arguments.out)));
    let mut contract = AgentContract {
        head: Vec::new(),
        name: &name,
        models: models(arguments, &sketch, &mut questions),
        settings: settings(arguments, &sketch),
        workspace: has_marks.then_some(root.as_str()),
        roles: roles(&kept, has_marks),
        tools: kept.iter().map(|tool| text_of(tool)).collect(),
    };
    // The first lines are comments, so the contract with them is the same.
    let compiled = compiled(arguments, &contract.text())?;
    questions.of_calls(&compiled, &sketch);
    contract.head = questions.head(&sketch);
    let text = contract.text();
    output::note(&questions.listed())?;
    finish(arguments, &text, &compiled)
}

fn compiled(arguments: &LearnArguments, text: &str) -> Result<Contract, LearnError> {
    disk::compile(&arguments.out, text).map_err(|error| ProposalError::Invalid(error).into())
}

/// Writes the contract, or returns it for standard output.
fn finish(arguments: &LearnArguments, text: &str, contract: &Contract) -> Result<String, LearnError> {
    let file = &arguments.out;
    if file == Path::new("-") {
        return Ok(text.to_owned());
    }
    if !arguments.force && file.symlink_metadata().is_ok() {
        return Err(ProposalError::Exists { file: file.clone() }.into());
    }
    disk::write_new(file, text, arguments.force).map_err(|error: FileError| ProposalError::File(error))?;
    if is_in_workspace(arguments) {
        let shown = file.display();
        output::note(&format!(
            "{shown} is in the workspace, so the agent may change it; write it outside, with --out ~/.config/callgate/contract.yaml\n"
        ))?;
    }
    let (shown, tools) = (file.display(), contract.tools().len());
    let envoy = file.with_file_name("envoy.yaml");
    let mut options = String::new();
    if contract.workspace_header().is_some() {
        options.push_str(" --workspace /work/project");
    }
    if let Some(upstream) = arguments.agent.as_deref().and_then(agents::upstream) {
        options.push_str(&format!(" --upstream {upstream}"));
    }
    let mut roles: Vec<&str> = contract.roles().map(|role| role.name()).collect();
    roles.sort_unstable();
    Ok(format!(
        "{shown}: proposed, {tools} tools, roles {roles}, digest {digest}\nnext:\n  callgate lint {shown} --explain\n  \
         callgate render --target envoy {shown} --identity fixed --tenant me --role {role}{options} > {envoy}\n",
        roles = roles.join(", "),
        envoy = envoy.display(),
        digest = contract.digest(),
        role = roles.iter().find(|role| **role == "edit").or(roles.first()).copied().unwrap_or_default(),
    ))
}

/// Returns true if the contract is written to a folder of the workspace.
fn is_in_workspace(arguments: &LearnArguments) -> bool {
    let (folder, root) = (disk::folder(&arguments.out), arguments.workspace.as_deref().unwrap_or_default());
    let real = |path: &Path| path.canonicalize().ok();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    real(&folder).zip(real(Path::new(root))).is_some_and(|(folder, root)| folder.starts_with(root))
}

/// Returns the tools that a contract can have, and the names of the others.
fn fit<'s>(sketch: &'s Sketch, globs: &'s [ToolSketch]) -> (Vec<&'s ToolSketch>, Vec<&'s str>) {
    let is_covered = |name: &str| globs.iter().any(|glob| name.starts_with(glob.name.trim_end_matches('*')));
    let (mut fit, mut unfit): (Vec<&ToolSketch>, Vec<&ToolSketch>) =
        sketch.tools.iter().partition(|tool| is_tool_name(&tool.name));
    unfit.extend(fit.iter().skip(TOOLS));
    fit.truncate(TOOLS);
    fit.retain(|tool| !is_covered(&tool.name));
    fit.extend(globs);
    (fit, unfit.into_iter().map(|tool| tool.name.as_str()).collect())
}

/// Returns a glob for each MCP server of which more than one tool is declared.
fn globs(sketch: &Sketch) -> Vec<ToolSketch> {
    let server = |tool: &ToolSketch| {
        let (name, _) = tool.name.strip_prefix("mcp__")?.split_once("__")?;
        (!name.is_empty() && is_tool_name(&tool.name)).then(|| format!("mcp__{name}__*"))
    };
    let names: BTreeSet<String> = sketch.tools.iter().filter_map(server).collect();
    let of =
        |name: String| ToolSketch { description: Some(format!("A tool of {name}")), name, ..ToolSketch::default() };
    names.into_iter().map(of).collect()
}

fn models(arguments: &LearnArguments, sketch: &Sketch, questions: &mut Questions) -> Vec<Value> {
    let named: Vec<Value> = match (arguments.model.as_slice(), sketch.models.as_slice()) {
        ([], seen) => seen.iter().map(|model| model.as_str().into()).collect(),
        (given, _) => given.iter().map(|model| model.as_str().into()).collect(),
    };
    match (named.is_empty(), arguments.model.is_empty()) {
        (true, _) => {
            questions.add("`models`: no request names one, so any is allowed. Which may the agent use?".to_owned())
        }
        (_, true) => questions.add("`models`: those of the requests. Which may the agent use?".to_owned()),
        _ => {}
    }
    if named.is_empty() { vec!["*".into()] } else { named }
}

fn settings(arguments: &LearnArguments, sketch: &Sketch) -> Vec<String> {
    let mut lines = vec![agents::LIMITS.to_owned()];
    let mib = sketch.largest.saturating_mul(2).div_ceil(1 << 20);
    if mib > 8 {
        lines =
            vec![agents::LIMITS.replace(" }", &format!(", requestBytes: {}MiB }}", mib.next_power_of_two().min(64)))];
    }
    if arguments.shadow {
        lines.push("enforce: false # shadow mode: decide and report, refuse nothing".to_owned());
    }
    lines
}

/// Returns the workspace that was given, or the directory of the recorded paths.
fn workspace(
    arguments: &LearnArguments,
    sketch: &Sketch,
    kept: &[&LearnedTool<'_>],
    questions: &mut Questions,
) -> String {
    if let Some(root) = &arguments.workspace {
        return root.clone();
    }
    if !kept.iter().any(|tool| !tool.marks.is_empty()) {
        return write::ROOT.to_owned();
    }
    let (root, from) = match questions::recorded_root(sketch, kept) {
        Some(root) => (root, "the directory of the recorded paths"),
        None => (write::ROOT.to_owned(), "an example, because no recorded path shows one"),
    };
    questions.add(format!("`workspace.root` is {from}: which directory may the agent work in? Give --workspace"));
    root
}

fn roles(kept: &[&LearnedTool<'_>], has_marks: bool) -> Vec<RoleText> {
    let named = |keep: &dyn Fn(&NarrowestRole) -> bool| -> Vec<String> {
        kept.iter().filter(|tool| keep(&tool.reach)).map(|tool| tool.sketch.name.clone()).collect()
    };
    let look = named(&|reach| *reach == NarrowestRole::Look);
    let edit = named(&|reach| matches!(reach, NarrowestRole::Look | NarrowestRole::Edit));
    let mut roles = Vec::new();
    if !look.is_empty() {
        let because = "tools that read, and commands that the profile `look` lists".to_owned();
        roles.push(RoleText { name: "read-only", profile: "look", tools: look.clone(), because });
    }
    if !edit.is_empty() && (has_marks || edit.len() > look.len()) {
        let because = "the same, and tools whose changes the profile judges".to_owned();
        roles.push(RoleText { name: "edit", profile: "edit", tools: edit, because });
    }
    let because = "every tool. Those of no other role say why".to_owned();
    roles.push(RoleText { name: "full", profile: "edit", tools: vec!["*".to_owned()], because });
    roles
}

fn text_of<'a>(tool: &'a LearnedTool<'_>) -> ToolText<'a> {
    let mut notes: Vec<String> =
        tool.marks.iter().map(|mark| format!("{}: a guess from {}", mark.place, mark.because)).collect();
    if let NarrowestRole::Full(because) = &tool.reach {
        notes.push(format!("only `full`: {because}"));
    }
    ToolText {
        name: &tool.sketch.name,
        description: tool.sketch.description.as_deref(),
        effects: tool.guess.effects,
        because: Some(tool.guess.because),
        notes,
        parameters: &tool.parameters,
        is_dense: false,
    }
}
