//! The reading of a call's marked strings: for the person who must approve the call, and for the audit log.
//!
//! The log keeps as much of a reading as of the arguments. A reading's lines hold parts of the arguments, so only a tool with
//! `audit: full` has them. The kind, the profile, its rules and the reason of a refusal are words of the contract and of the gate.

use callgate_audit::{self as audit, RecordedReading};
use callgate_contract::{
    Approved, Audit, BoundedReadings, Caller, Contract, StringReading, bounded_readings, reading_at,
};
use callgate_proto::executor::v1 as proto;

/// Returns the marked strings of a call, as the role's profile reads them, in lines of bounded number and length.
pub(super) fn shown(contract: &Contract, caller: &Caller, approved: &Approved<'_>) -> Vec<String> {
    let BoundedReadings { list, is_cut } =
        bounded_readings(contract, caller, approved.tool, &approved.arguments, Audit::Full);
    let lines = list.into_iter().flat_map(|reading| {
        let head = format!("{} is a {}", reading.pointer, reading.kind);
        std::iter::once(head).chain(reading.lines).chain(reading.refused)
    });
    lines.chain(is_cut.then(|| "… and more".to_owned())).collect()
}

/// Adds the reading of an approved call to its record.
pub(super) fn add(call: &mut audit::Call, contract: &Contract, caller: &Caller, approved: &Approved<'_>) {
    let readings = bounded_readings(contract, caller, approved.tool, &approved.arguments, approved.tool.audit());
    keep(call, readings);
}

/// Adds the reading of a refused call to its record, if its arguments are JSON.
pub(super) fn add_refused(call: &mut audit::Call, contract: &Contract, caller: &Caller, given: &proto::Call) {
    add_text(call, contract, caller, &given.tool, &given.arguments);
}

/// Adds the reading of a call that the filter decided under this contract. Without arguments, or without the workspace that the request
/// stated, it is the kind and the profile that decided.
pub(super) fn add_recorded(
    call: &mut audit::Call,
    contract: &Contract,
    caller: &Caller,
    (code, pointer): (&str, &str),
) {
    let Some(tool) = contract.tool(&call.tool) else { return };
    // A request may state no workspace. Without it, every path would seem refused.
    let lacks_workspace = contract.workspace_header().is_some() && caller.workspace.is_none() && tool.needs_workspace();
    match call.arguments.take_if(|_| !lacks_workspace) {
        Some(arguments) => {
            add_text(call, contract, caller, tool.name(), &arguments);
            call.arguments = Some(arguments);
        }
        None => call.readings.extend(reading_at(contract, &caller.role, tool, code, pointer).map(recorded)),
    }
}

fn add_text(call: &mut audit::Call, contract: &Contract, caller: &Caller, tool: &str, arguments: &str) {
    let Some(tool) = contract.tool(tool).filter(|tool| tool.is_marked()) else { return };
    if let Ok(arguments) = callgate_json::read(arguments.as_bytes()) {
        keep(call, bounded_readings(contract, caller, tool, &arguments, tool.audit()));
    }
}

fn keep(call: &mut audit::Call, BoundedReadings { list, is_cut }: BoundedReadings) {
    call.readings = list.into_iter().map(recorded).collect();
    call.readings_cut = is_cut;
}

fn recorded(StringReading { pointer, kind, profile, rules, lines, refused }: StringReading) -> RecordedReading {
    RecordedReading { kind: kind.to_owned(), lines, pointer, profile, refused: refused.unwrap_or_default(), rules }
}
