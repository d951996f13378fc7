//! The second process: it becomes the program.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, set_parent_process_death_signal};

use super::{rights, root, step};
use crate::{ConfineError, Confinement};

/// Becomes the program.
pub(super) fn run(confinement: &Confinement) -> Result<Infallible, ConfineError> {
    confine(confinement)?;
    step("end with its starter", set_parent_process_death_signal(Some(Signal::KILL)))?;
    let mut program = Command::new(&confinement.program);
    let reason = program.args(&confinement.arguments).current_dir(&confinement.directory).exec();
    Err(ConfineError::Program { program: confinement.program.clone(), reason })
}

/// Builds the program's files, and gives up all rights.
pub(super) fn confine(confinement: &Confinement) -> Result<(), ConfineError> {
    // Anywhere else the next step would change the machine's own mounts.
    if getpid() != Pid::INIT {
        return Err(ConfineError::Arguments);
    }
    root::build(confinement)?;
    rights::give_up(confinement)
}
