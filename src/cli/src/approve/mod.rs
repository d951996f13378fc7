//! `approve`: a person's answer to calls that wait for one, over the executor's HTTP API.
//!
//! A model, or a person who controls it, wrote the shown text. None of it reaches the terminal unescaped.

mod args;
mod client;
mod request;
mod show;

use std::io::{IsTerminal as _, Write as _};

pub(crate) use self::args::ApproveArguments;
use self::client::{Client, ClientError};
use self::request::ApprovalRequest;
use crate::output::PrintError;
use crate::terminal::plain;

/// The most characters of a reason; the executor accepts no more.
const REASON_CHARS: usize = 500;

/// Reasons why a request was neither answered nor shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApproveError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("--reason: expected one line of at most 500 characters")]
    Reason,
    #[error(
        "no answer to request {id}, and standard input is not a terminal; pass --yes or --deny, or --json to only look"
    )]
    NoAnswer { id: String },
    #[error("the answer cannot be read: {0}")]
    Answer(std::io::Error),
    #[error("cannot start an asynchronous runtime: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// The action on one request.
enum Action {
    Approve,
    Deny,
    /// Shows the request and asks a person at the terminal.
    Ask,
}

pub(crate) fn approve(arguments: &ApproveArguments) -> Result<String, ApproveError> {
    let reason = arguments.reason.clone().unwrap_or_default();
    if reason.chars().count() > REASON_CHARS || reason.chars().any(char::is_control) {
        return Err(ApproveError::Reason);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ApproveError::Runtime)?;
    runtime.block_on(async {
        let client = Client::new(&arguments.executor)?;
        match &arguments.id {
            None => list(&client, arguments).await,
            Some(id) => one(&client, arguments, id, &reason).await,
        }
    })
}

async fn list(client: &Client, arguments: &ApproveArguments) -> Result<String, ApproveError> {
    let text = client.list(arguments.all).await?;
    if arguments.json {
        return Ok(text);
    }
    Ok(show::list(&client::read(&text)?, arguments.all))
}

async fn one(client: &Client, arguments: &ApproveArguments, id: &str, reason: &str) -> Result<String, ApproveError> {
    let answer = match (arguments.yes, arguments.deny) {
        (true, _) => Action::Approve,
        (false, true) => Action::Deny,
        (false, false) => Action::Ask,
    };
    let text = match answer {
        Action::Approve => client.answer(id, "approve", reason).await?,
        Action::Deny => client.answer(id, "deny", reason).await?,
        Action::Ask => client.get(id).await?,
    };
    if arguments.json {
        return Ok(text);
    }
    let request: ApprovalRequest = client::read(&text)?;
    let shown = show::request(&request);
    let asked = matches!(answer, Action::Ask) && request.is_pending();
    if !asked {
        return Ok(shown);
    }
    if !std::io::stdin().is_terminal() {
        // A script must not mistake a look for an answer.
        return Err(ApproveError::NoAnswer { id: plain(id) });
    }
    let Some(verb) = ask(&shown)? else { return Ok("Not answered.\n".into()) };
    let request: ApprovalRequest = client::read(&client.answer(id, verb, reason).await?)?;
    Ok(show::answered(&request))
}

/// Shows a request and reads a person's answer; `None` if they give none.
fn ask(shown: &str) -> Result<Option<&'static str>, ApproveError> {
    let mut out = std::io::stdout().lock();
    write!(out, "{shown}\nApprove just this call, once? [y]es, [d]eny, anything else leaves it: ")
        .and_then(|()| out.flush())
        .map_err(PrintError)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(ApproveError::Answer)?;
    Ok(match line.trim() {
        "y" | "yes" => Some("approve"),
        "d" | "deny" => Some("deny"),
        _ => None,
    })
}
