//! Figures of a process from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Returns the time on a processor so far, of all threads. Sources: the first field of `/proc/PID/task/TID/schedstat`, in
/// nanoseconds; without it proc_pid_stat(5), fields 14 and 15, in ticks of 1/100 s on Linux.
fn cpu_time(process: u32) -> io::Result<Duration> {
    let mut total = 0_u64;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += text.split_whitespace().next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default();
    }
    if total > 0 {
        return Ok(Duration::from_nanos(total));
    }
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name, may contain blanks and ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// A reading of the CPU time of a server and of this process.
#[derive(Debug)]
pub(super) struct CpuTimes {
    server: u32,
    before: [Duration; 2],
}

impl CpuTimes {
    pub(super) fn start(server: u32) -> io::Result<Self> {
        Ok(Self { server, before: [cpu_time(server)?, cpu_time(std::process::id())?] })
    }

    /// Returns what both have used since.
    pub(super) fn used(&self) -> io::Result<[Duration; 2]> {
        let [server, this] = self.before;
        Ok([cpu_time(self.server)?.saturating_sub(server), cpu_time(std::process::id())?.saturating_sub(this)])
    }
}

/// Returns the resident memory, in bytes. Source: proc_pid_status(5), `VmRSS`.
pub fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_has_used_time() {
        let this = std::process::id();
        assert!(resident(this).unwrap() > 1 << 20);
        assert!(cpu_time(this).unwrap() > Duration::ZERO);
    }
}
