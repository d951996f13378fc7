//! The command line. The `--help` texts are its documentation.

use clap::{Parser, Subcommand};

use crate::approve::ApproveArguments;
use crate::audit::AuditArguments;
use crate::call::CallArguments;
use crate::check::CheckArguments;
use crate::diff::DiffArguments;
use crate::doctor::DoctorArguments;
use crate::init::InitArguments;
use crate::learn::LearnArguments;
use crate::lint::{DigestArguments, LintArguments};
use crate::monitoring::MonitoringArguments;
use crate::new::NewArguments;
use crate::pin::PinArguments;
use crate::prices::PricesArguments;
use crate::render::RenderArguments;
use crate::replay::ReplayArguments;
use crate::shell::{CompletionsArguments, ManArguments};

/// The command line as a whole.
#[derive(Parser)]
#[command(
    name = "callgate",
    version,
    about = "Validates contracts for LLM tool calls, tries calls against them, and renders the Envoy configuration that enforces them. \
             Also creates tools, answers calls that wait for approval, and reads the audit log.",
    after_help = "The model may ask; only the contract decides.\n\n\
                  Exit codes: 0 success, 1 an error, 2 `callgate check` or `call` denied the call, 3 `callgate audit verify` found a \
                  damaged log, 4 `callgate call` ran the tool and got no result. \
                  `callgate diff` and `replay` exit as diff does: 0 the same, 1 different, 2 an error.",
    disable_help_subcommand = true
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(InitArguments),
    Learn(LearnArguments),
    New(NewArguments),
    Lint(LintArguments),
    Digest(DigestArguments),
    Pin(PinArguments),
    Prices(PricesArguments),
    Check(CheckArguments),
    Diff(DiffArguments),
    Replay(ReplayArguments),
    Call(CallArguments),
    Render(Box<RenderArguments>),
    Monitoring(MonitoringArguments),
    Doctor(DoctorArguments),
    Approve(ApproveArguments),
    Audit(AuditArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}
