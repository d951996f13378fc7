//! `callgate check`: decides one call as the gate does.

use std::io::Read as _;
use std::path::PathBuf;

use callgate_contract::{
    Approved, Caller, Contract, Conversation, ProposedCall, Run, StringReading, Texts, Verdict, Violation, decide,
    denial_text, string_readings, verdict_json,
};
use clap::Args;
use serde_json::{Value, json};

use crate::captured::{self, CapturedArguments, CapturedError};
use crate::facts::{FactArguments, FactError};

use crate::contracts::{Contracts, ContractsError};
use crate::disk::FileError;
use crate::output::{Exit, Outcome};
use crate::terminal::plain;

/// Decide one call as the gate would, without running it
#[derive(Args)]
#[command(after_help = "Exit code 0: allowed. 2: denied. 1: no decision, because of an error.\n\n\
                  Examples:\n  \
                  callgate check contract.yaml --role clerk --tool create_order --arguments '{\"sku\": \"A-100\", \"quantity\": 2}'\n  \
                  callgate check contract.yaml --role clerk --tool refund --arguments '{\"amount\": 50}' --called find_order --now 2026-03-01T09:00:00Z\n  \
                  jq -c .arguments call.json | callgate check contract.yaml --role viewer --tool get_order --arguments - --json")]
pub(crate) struct CheckArguments {
    /// File of a contract, or of a contract set: then tenant, role, host and path select the contract
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The caller's role
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// With a contract set: the host of the request
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// With a contract set: the path of the request
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// The name of the called tool
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: String,
    /// The arguments as the model wrote them, or `-` for standard input
    #[arg(long, value_name = "JSON|-", allow_hyphen_values = true)]
    pub(crate) arguments: String,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) facts: FactArguments,
    #[command(flatten)]
    pub(crate) captured: CapturedArguments,
}

/// Reasons why no decision was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Contracts(#[from] ContractsError),
    #[error("--arguments -: standard input cannot be read: {0}")]
    Stdin(std::io::Error),
    #[error("--arguments -: standard input is not UTF-8 text")]
    StdinNotText,
    #[error(transparent)]
    Fact(#[from] FactError),
    #[error(transparent)]
    Captured(#[from] CapturedError),
}

/// Decides the call as the first one of its turn.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Outcome, CheckError> {
    let contracts = Contracts::read(&arguments.file)?;
    let text = self::arguments(&arguments.arguments)?;
    let caller = Caller::new(arguments.facts.tenant.clone(), arguments.role.clone());
    let path = arguments.path.as_deref().unwrap_or_default();
    let entry = contracts.of(&caller, arguments.host.as_deref(), path)?;
    let contract = &*entry.contract;
    let given = arguments.facts.read(contract)?;
    let caller = Caller { claims: given.claims.clone(), workspace: given.workspace.clone(), ..caller };
    let call = ProposedCall { name: &arguments.tool, arguments: &text };
    let captured = arguments.captured.read(contract, arguments.facts.model.as_deref())?;
    let conversation = match &captured {
        None => given.conversation(),
        Some(captured) => Conversation {
            model: captured.model.as_deref().or(given.conversation().model),
            facts: captured.facts.as_ref(),
            texts: captured.history.as_ref().map_or(Texts::Unknown, Texts::Known),
            ..given.conversation()
        },
    };
    let verdict = decide(contract, &caller, &conversation, &call);
    let notes = captured.as_ref().map(|captured| captured.notes(contract, &arguments.tool, &text));
    let out = match (&verdict, arguments.json) {
        (Verdict::Allow(approved), false) => allowed(approved, "allow ", &arguments.role),
        (Verdict::NeedsApproval(approved), false) => allowed(approved, "needs approval:", &arguments.role),
        (Verdict::Deny(violation), false) => denial_text(violation, contract, &arguments.tool, &arguments.role),
        (verdict, true) => {
            let mut shown = verdict_json(verdict, contract);
            if let (Some(notes), Some(members)) = (&notes, shown.as_object_mut()) {
                members.insert("sources".to_owned(), captured::values(notes));
            }
            let readings = readings(contract, &caller, &arguments.tool, &text);
            if let (false, Some(members)) = (readings.is_empty(), shown.as_object_mut()) {
                members.insert("understood".to_owned(), readings.iter().map(shown_reading).collect());
            }
            format!("{shown}\n")
        }
    };
    let out = match notes.filter(|_| !arguments.json) {
        Some(notes) => out + &captured::text(&notes),
        None => out,
    };
    let out = match arguments.json {
        true => out,
        false => out + &understood(&readings(contract, &caller, &arguments.tool, &text), told(&verdict)),
    };
    let out = match contracts.is_set && !arguments.json {
        true => format!("{out}  contract   {}\n", entry.file.display()),
        false => out,
    };
    let exit = match verdict {
        Verdict::Allow(_) | Verdict::NeedsApproval(_) => Exit::Success,
        Verdict::Deny(_) => Exit::Denied,
    };
    Ok(Outcome { out, exit })
}

/// Reads the marked strings of the call. None if the arguments are not JSON.
fn readings(contract: &Contract, caller: &Caller, tool: &str, text: &str) -> Vec<StringReading> {
    match (contract.tool(tool), callgate_json::read(text.as_bytes())) {
        (Some(tool), Ok(arguments)) => string_readings(contract, caller, tool, &arguments),
        _ => Vec::new(),
    }
}

/// Returns a reading for programs, with the members that the audit log has too.
fn shown_reading(reading: &StringReading) -> Value {
    let StringReading { pointer, kind, profile, rules, lines, refused } = reading;
    json!({ "pointer": pointer, "kind": kind, "profile": profile, "rules": rules, "lines": lines, "refused": refused })
}

/// Returns the broken rule that the verdict has in words.
fn told<'v>(verdict: &'v Verdict<'_>) -> Option<&'v Violation> {
    match verdict {
        Verdict::Deny(violation) => Some(violation),
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => approved.shadowed.as_ref(),
    }
}

/// Returns the marked strings of the call, as the profile of the role reads them. The reason that the verdict gives is not repeated.
fn understood(readings: &[StringReading], told: Option<&Violation>) -> String {
    let mut out = String::new();
    for StringReading { pointer, kind, profile, lines, refused, .. } in readings {
        let is_told = |reason: &String| told.is_some_and(|told| told.message == *reason && told.pointer == *pointer);
        if refused.as_ref().is_some_and(is_told) {
            continue;
        }
        out.push_str(&format!("  understood {pointer} as {kind}, by profile {profile}\n"));
        for line in lines.iter().chain(refused) {
            out.push_str(&format!("    {}\n", plain(line)));
        }
    }
    out
}

/// Reads the arguments given on the command line: a text, or `-` for standard input.
fn arguments(given: &str) -> Result<String, CheckError> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(CheckError::Stdin)?;
    String::from_utf8(bytes).map_err(|_| CheckError::StdinNotText)
}

fn allowed(approved: &Approved<'_>, verdict: &str, role: &str) -> String {
    let tool = approved.tool;
    let run = match tool.run() {
        Run::Client => "by the client".to_owned(),
        Run::Wasm(wasm) => format!("in the sandbox, {}", wasm.module),
        Run::Grpc(grpc) => format!("by the worker at {}, {}", grpc.cluster, grpc.method.as_str()),
        Run::Http(http) => format!("by the API at {}, {} {}", http.cluster, http.method.as_str(), http.path),
        Run::Mcp(mcp) => format!("by the MCP server at {}, {}", mcp.cluster, mcp.tool),
    };
    let line = |label, violation: &Option<Violation>| match violation {
        Some(violation) => format!("  {label}  {violation}\n"),
        None => String::new(),
    };
    let reasons = line("because  ", &approved.because) + &line("in shadow", &approved.shadowed);
    format!(
        "{verdict} {name} for {role}\n  run        {run}\n  arguments  {arguments}\n{reasons}",
        name = approved.name,
        arguments = approved.canonical
    )
}
