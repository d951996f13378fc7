//! A process that becomes a confined program, as the executor starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == callgate_confine::CONFINE_ARGUMENT => callgate_confine::run_confined(rest),
        _ => callgate_confine::run_confined(&[]),
    }
}
