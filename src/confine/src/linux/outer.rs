//! The first process: it leaves the executor's namespaces, starts the second, and ends with it or with the executor.

use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::process::{Child, Command, ExitCode};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    DumpableBehavior, Gid, Pid, PidfdFlags, Uid, getgid, getppid, getuid, pidfd_open, set_dumpable_behavior, setsid,
};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use rustix::thread::{
    CapabilitySet, UnshareFlags, capabilities, configure_capability_in_ambient_set, set_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::{USER, step};
use crate::{CONFINE_ARGUMENT, ConfineError, Confinement};

/// Starts the second process in namespaces of its own with an argument that says its purpose, and waits for its end.
pub(super) fn run(text: &str, confinement: &Confinement, second: &str) -> Result<ExitCode, ConfineError> {
    let starter = step("watch the executor", starter())?;
    step("close the executor's files", close_inherited())?;
    step("give up new privileges", set_no_new_privs(true))?;
    step("leave the terminal", setsid())?;
    leave_root()?;
    enter(confinement)?;
    // Before the second process changes the root, which both have.
    let null = step("open /dev/null", fs::File::options().read(true).write(true).open("/dev/null"))?;
    let again = Command::new("/proc/self/exe").args([CONFINE_ARGUMENT, second, text]).spawn();
    let mut program = step("start the program's first process", again)?;
    // The program sees the end of its input only if nobody else holds it.
    step("let go of the input", dup2_stdin(&null))?;
    step("let go of the output", dup2_stdout(&null))?;
    step("wait for the program", wait(&mut program, &starter))
}

/// Opens the process that started this one.
fn starter() -> rustix::io::Result<OwnedFd> {
    // A parent outside of the process namespace has no number here.
    pidfd_open(getppid().ok_or(Errno::SRCH)?, PidfdFlags::empty())
}

/// Marks all files but input, output and error to be closed before the next program: some code of the executor may have left one open.
fn close_inherited() -> std::io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        if number > 2 {
            #[allow(unsafe_code, reason = "files that others opened have a number only")]
            // SAFETY: the process has one thread, and the file is open: nobody closes one within the loop.
            let file = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl_setfd(file, FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// Takes a user without rights, if this is root. Another user stays: its files are those that the program is given.
fn leave_root() -> Result<(), ConfineError> {
    if !getuid().is_root() {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    step("leave root's groups", set_thread_groups(&[]))?;
    step("leave root's group", set_thread_res_gid(group, group, group))?;
    step("leave root", set_thread_res_uid(user, user, user))?;
    // Another user's process otherwise owns none of its own files below /proc.
    step("own its process", set_dumpable_behavior(DumpableBehavior::Dumpable))
}

/// Enters new namespaces, in which the user is `nobody`.
fn enter(confinement: &Confinement) -> Result<(), ConfineError> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let mut spaces = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWCGROUP;
    if !confinement.network {
        spaces |= UnshareFlags::NEWNET;
    }
    #[allow(unsafe_code, reason = "another flag, which is not among these, would share file descriptors")]
    // SAFETY: the process has one thread, and keeps its table of files.
    let entered = unsafe { rustix::thread::unshare_unsafe(spaces) };
    step("enter namespaces", entered)?;
    step("deny groups", fs::write("/proc/self/setgroups", "deny"))?;
    step("map its user", fs::write("/proc/self/uid_map", format!("{USER} {user} 1")))?;
    step("map its group", fs::write("/proc/self/gid_map", format!("{USER} {group} 1")))?;
    step("keep rights for the next process", keep_rights())
}

/// Hands the rights over these namespaces that the second process needs to it. It gives them up before it becomes the program.
fn keep_rights() -> rustix::io::Result<()> {
    let needed = [CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP, CapabilitySet::SYS_RESOURCE];
    let mut sets = capabilities(None)?;
    sets.inheritable = needed.into_iter().collect();
    set_capabilities(None, sets)?;
    needed.into_iter().try_for_each(|capability| configure_capability_in_ambient_set(capability, true))
}

/// Waits for the end of the program, or ends it with the executor.
fn wait(program: &mut Child, starter: &OwnedFd) -> std::io::Result<ExitCode> {
    let pid = i32::try_from(program.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let mut watched = [PollFd::new(&ended, PollFlags::IN), PollFd::new(starter, PollFlags::IN)];
    while let Err(error) = poll(&mut watched, None) {
        if error != Errno::INTR {
            return Err(error.into());
        }
    }
    let [ended, _] = &watched;
    if ended.revents().is_empty() {
        program.kill()?;
    }
    let code = program.wait()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
