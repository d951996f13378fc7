//! `callgate-executor call`: decides one call and runs its tool in this process, as the executor would. Nothing is kept: no state, no
//! audit log, no approval.
//!
//! Only the result goes to standard output; usage and everything else go to standard error. So `callgate call … | jq` works, and a test
//! compares one line.

mod args;
mod local;
mod report;

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use callgate_contract::{Verdict, Violation, denial_text, verdict_json};
use tokio::runtime::Builder;

pub use self::args::CallArguments;
use self::local::{EndedCall, LocalAnswer, LocalCall, LocalError};
use crate::admission::read_contract;

/// The exit code of a command that did nothing because of an error.
const FAILED: u8 = 1;
/// The exit code of a call the contract denies.
const DENIED: u8 = 2;
/// The exit code of a call whose tool gave no result.
const NO_RESULT: u8 = 4;

/// Why a call was neither denied nor run.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("--arguments -: standard input cannot be read: {0}")]
    Stdin(io::Error),
    #[error("--arguments -: standard input is not UTF-8 text")]
    StdinNotText,
    #[error("the system does not let this program wait for answers: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("standard output cannot be written: {0}")]
    Print(io::Error),
}

/// Decides and runs the call, prints how it ended, and returns the exit code of the process.
pub fn call(arguments: &CallArguments) -> ExitCode {
    match answer(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            FAILED.into()
        }
    }
}

fn answer(arguments: &CallArguments) -> Result<ExitCode, CallError> {
    let text = text(&arguments.arguments)?;
    let call = LocalCall {
        contract: &arguments.file,
        config: arguments.config.as_deref(),
        tenant: &arguments.tenant,
        role: arguments.role.as_deref(),
        workspace: arguments.workspace.as_deref(),
        tool: &arguments.tool,
        arguments: &text,
    };
    if call.config.is_none() && !arguments.json {
        note_grants(&arguments.file);
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime.map_err(CallError::Runtime)?.block_on(call.run())? {
        LocalAnswer::Denied(violation) => denied(arguments, violation),
        LocalAnswer::Ended(ended) => ended_call(arguments, &ended),
    }
}

/// The arguments as the model wrote them: the text of the option, or standard input.
fn text(given: &str) -> Result<String, CallError> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).map_err(CallError::Stdin)?;
    String::from_utf8(bytes).map_err(|_| CallError::StdinNotText)
}

fn note_grants(contract: &Path) {
    let folder = contract.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.display();
    eprintln!(
        "note: without --config, the tool may be granted folders below {folder} and nothing else of this machine"
    );
}

fn denied(arguments: &CallArguments, violation: Violation) -> Result<ExitCode, CallError> {
    let contract = read_contract(&arguments.file).map_err(LocalError::Admission)?;
    if arguments.json {
        print(&format!("{}\n", verdict_json(&Verdict::Deny(violation), &contract)))?;
    } else {
        let role = arguments.role.clone().unwrap_or_else(|| local::roles(&contract).join(", "));
        eprint!("{}", denial_text(&violation, &contract, &arguments.tool, &role));
    }
    Ok(DENIED.into())
}

fn ended_call(arguments: &CallArguments, ended: &EndedCall) -> Result<ExitCode, CallError> {
    if arguments.json {
        print(&format!("{}\n", report::json(ended)))?;
    } else {
        eprint!("{}", report::text(&arguments.tool, ended));
        if let Ok(result) = &ended.result {
            print(&format!("{result}\n"))?;
        }
    }
    Ok(if ended.result.is_ok() { ExitCode::SUCCESS } else { NO_RESULT.into() })
}

fn print(text: &str) -> Result<(), CallError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A closed pipe, as in `callgate call … | head`, is not an error.
        Err(reason) if reason.kind() != ErrorKind::BrokenPipe => Err(CallError::Print(reason)),
        Ok(()) | Err(_) => Ok(()),
    }
}
