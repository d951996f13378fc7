//! A process that evaluates policies, as the executor starts them.

use std::process::ExitCode;

fn main() -> ExitCode {
    callgate_policies::run_worker()
}
