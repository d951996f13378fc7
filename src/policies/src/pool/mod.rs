//! The processes that evaluate policies.
//!
//! A process answers one question at a time. As many as the machine has cores run at once, and all have the same policies. A process that
//! gives no answer is ended, and the next question starts another one.

mod process;

use std::io;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use self::process::{Process, Silent};
pub use self::process::{WORKER_ARGUMENT, WorkerProgram};
use crate::error::{Cause, PolicyError};
use crate::message::{Fault, Loaded, PolicyAnswer, PolicyTexts, Question};

/// The fewest and the most processes at once.
const PROCESSES: (usize, usize) = (2, 16);
/// The limit of reading and checking all policies.
const LOAD: Duration = Duration::from_secs(20);
/// The wait for a free process.
const WAIT: Duration = Duration::from_secs(1);
/// The time over a policy's timeout after which its process is ended. Usually, an evaluation ends by itself before.
const GRACE: Duration = Duration::from_secs(1);

/// Processes with the same policies.
pub(crate) struct Pool {
    program: WorkerProgram,
    /// The first line of each process.
    sources: String,
    state: Mutex<State>,
    freed: Condvar,
    most: usize,
}

#[derive(Default)]
struct State {
    idle: Vec<Process>,
    /// Processes that are being started, or that evaluate.
    busy: usize,
}

/// A process for the questions about one call. It goes back to the pool, unless it is broken.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    process: Option<Process>,
}

enum StartError {
    System(io::Error),
    Fault(Fault),
    Worker(String),
}

// === impl Pool ===

impl Pool {
    /// Checks the policies in a process.
    pub(crate) fn start(program: WorkerProgram, sources: &PolicyTexts) -> Result<Self, PolicyError> {
        let worker = |reason: String| PolicyError::Worker { reason };
        let sources = serde_json::to_string(sources).map_err(|error| worker(error.to_string()))?;
        let most = available_parallelism().map_or(1, NonZero::get).clamp(PROCESSES.0, PROCESSES.1);
        let pool = Self { program, sources, state: Mutex::default(), freed: Condvar::new(), most };
        // It only checks: at a reload it would inherit the low priority of this thread.
        pool.process().map(drop).map_err(|error| match error {
            StartError::System(error) => worker(format!("no process can be started to evaluate them: {error}")),
            StartError::Worker(reason) => worker(reason),
            StartError::Fault(Fault { policy, at, reason }) => PolicyError::Invalid { policy, at, reason },
        })?;
        Ok(pool)
    }

    /// Takes a process, or starts one.
    pub(crate) fn lease(&self) -> Result<Lease<'_>, Cause> {
        let until = Instant::now() + WAIT;
        let mut state = self.state();
        while state.busy >= self.most {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Cause::Busy);
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.busy += 1;
        let idle = state.idle.pop();
        drop(state);
        let mut lease = Lease { pool: self, process: idle };
        if !lease.process.as_mut().is_some_and(Process::runs) {
            lease.process = Some(self.process().map_err(|_| Cause::Busy)?);
        }
        Ok(lease)
    }

    /// Starts a process and waits until it has the policies.
    fn process(&self) -> Result<Process, StartError> {
        let mut process = Process::start(&self.program).map_err(StartError::System)?;
        let answer = process.ask(self.sources.clone(), LOAD).map_err(|silent| {
            StartError::Worker(match silent {
                Silent::Late => format!("they were not checked within {} seconds; make them smaller", LOAD.as_secs()),
                Silent::Ended => {
                    "the process that checks them ended: they use up memory or stack; make them smaller".to_owned()
                }
            })
        })?;
        match serde_json::from_str(&answer) {
            Ok(Loaded::Ready) => Ok(process),
            Ok(Loaded::Fault(fault)) => Err(StartError::Fault(fault)),
            Ok(Loaded::Unbounded { reason }) => Err(StartError::Worker(format!(
                "their memory cannot be bounded on this system (/proc/self/status): {reason}"
            ))),
            Err(error) => {
                Err(StartError::Worker(format!("the process that checks them is of another version: {error}")))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lease ===

impl Lease<'_> {
    /// Asks one policy.
    pub(crate) fn ask(&mut self, question: &Question<'_>, timeout: Duration) -> Result<PolicyAnswer, Cause> {
        let mut process = self.process.take().ok_or(Cause::Busy)?;
        let line = process.ask(question.line(), timeout + GRACE).map_err(|silent| match silent {
            Silent::Late => Cause::Timeout,
            Silent::Ended => Cause::Exhausted,
        })?;
        let answer = serde_json::from_str(&line).map_err(|_| Cause::Error)?;
        self.process = Some(process);
        Ok(answer)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.busy -= 1;
        state.idle.extend(self.process.take());
        drop(state);
        self.pool.freed.notify_one();
    }
}
