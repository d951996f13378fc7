//! `approve`: a person's answer to calls that wait for one, over the executor's HTTP API.
//!
//! What is shown was written by a model or by whoever speaks through it: nothing of it reaches the terminal as it is.

mod args;
mod client;
mod request;
mod show;

use std::io::{IsTerminal as _, Write as _};

pub(crate) use self::args::ApproveArguments;
use self::client::{Client, ClientError};
use self::request::Request;
use crate::output::PrintError;
use crate::terminal::plain;

/// Characters of a reason; the executor takes no more.
const REASON_CHARS: usize = 500;

/// Why no request was answered or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApproveError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("--reason: expected one line of at most 500 characters")]
    Reason,
    #[error(
        "no answer was given, and nobody is at a terminal to ask (approve {id}); pass --yes or --deny, or --json to only look"
    )]
    NoAnswer { id: String },
    #[error("the answer cannot be read: {0}")]
    Answer(std::io::Error),
    #[error("the system does not let this program wait for answers: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// What to do with one request.
enum Answer {
    Approve,
    Deny,
    /// It is shown, and a person at the terminal is asked.
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
        (true, _) => Answer::Approve,
        (false, true) => Answer::Deny,
        (false, false) => Answer::Ask,
    };
    let text = match answer {
        Answer::Approve => client.answer(id, "approve", reason).await?,
        Answer::Deny => client.answer(id, "deny", reason).await?,
        Answer::Ask => client.get(id).await?,
    };
    if arguments.json {
        return Ok(text);
    }
    let request: Request = client::read(&text)?;
    let shown = show::request(&request);
    let asked = matches!(answer, Answer::Ask) && request.is_pending();
    if !asked {
        return Ok(shown);
    }
    if !std::io::stdin().is_terminal() {
        // A script must not take a look for an answer.
        return Err(ApproveError::NoAnswer { id: plain(id) });
    }
    let Some(verb) = ask(&shown)? else { return Ok("Not answered.\n".into()) };
    let request: Request = client::read(&client.answer(id, verb, reason).await?)?;
    Ok(show::answered(&request))
}

/// Shows a request and reads a person's answer; `None` where they give none.
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
