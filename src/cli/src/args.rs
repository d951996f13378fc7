//! The command line. What it says in `--help` is its documentation.

use clap::{Parser, Subcommand};

use crate::approve::ApproveArguments;
use crate::audit::AuditArguments;
use crate::call::CallArguments;
use crate::check::CheckArguments;
use crate::lint::{DigestArguments, LintArguments};
use crate::new::NewArguments;
use crate::pin::PinArguments;
use crate::render::RenderArguments;

/// The command line as a whole.
#[derive(Parser)]
#[command(
    name = "callgate",
    version,
    about = "Begins tools; lints, pins and tries contracts, writes the Envoy configuration that enforces them, answers calls that wait for \
             approval, and reads what came of it.",
    after_help = "The model may ask; only the contract decides.\n\n\
                  Exit codes: 0 fine, 1 an error, 2 `callgate check` or `call` denied the call, 3 `callgate audit verify` found the log not \
                  whole, 4 `callgate call` ran the tool and it gave no result.",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    New(NewArguments),
    Lint(LintArguments),
    Digest(DigestArguments),
    Pin(PinArguments),
    Check(CheckArguments),
    Call(CallArguments),
    Render(Box<RenderArguments>),
    Approve(ApproveArguments),
    Audit(AuditArguments),
}
