//! Which processors run what: the measured process has the last one for itself, load and upstream have the others.

use std::fs;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of this run.
#[derive(Debug, Clone)]
pub(super) struct Cores {
    /// `None` on a machine with one processor.
    split: Option<Split>,
}

#[derive(Debug, Clone)]
struct Split {
    server: CpuSet,
    rest: CpuSet,
}

impl Cores {
    /// Reads which processors this process may use.
    pub(super) fn new() -> Self {
        let Ok(mut rest) = sched_getaffinity(None) else { return Self { split: None } };
        let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| rest.is_set(cpu));
        let split = last.filter(|_| rest.count() > 1).map(|last| {
            rest.unset(last);
            let mut server = CpuSet::new();
            server.set(last);
            Split { server, rest }
        });
        Self { split }
    }

    /// A sentence for the report.
    pub(super) fn sentence(&self) -> &'static str {
        if self.split.is_some() {
            "Each measured process has one processor for itself; load generator, upstream and executor share the others."
        } else {
            "One processor runs everything."
        }
    }

    /// Takes this thread off the processor of the measured process.
    pub(super) fn this_thread(&self) {
        if let Some(split) = &self.split {
            let _refused = sched_setaffinity(None, &split.rest);
        }
    }

    /// Gives all threads of a measured process its processor.
    pub(super) fn server(&self, process: u32) {
        self.split.iter().for_each(|split| place(process, &split.server));
    }

    /// Takes all threads of another process off that processor.
    pub(super) fn helper(&self, process: u32) {
        self.split.iter().for_each(|split| place(process, &split.rest));
    }
}

/// A kernel may refuse it; then the process runs anywhere, and the share of its processor in the report says so.
fn place(process: u32, cores: &CpuSet) {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let ids = tasks.filter_map(|task| task.file_name().to_string_lossy().parse::<i32>().ok());
    for id in ids.filter_map(Pid::from_raw) {
        let _refused = sched_setaffinity(Some(id), cores);
    }
}
