//! The process that evaluates policies.
//!
//! 1. It reads the policies from its first line, checks them and answers.
//! 2. For each further line it evaluates one policy, and answers with one word.
//! 3. It ends with its input.
//!
//! It opens no file and no connection, and has no environment. An evaluation that uses too much memory or stack ends the process; one
//! that takes too long ends by itself, or is ended by the executor.

mod cedar;
mod memory;
mod rego;
mod rules;

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, Rlimit, setrlimit};

use self::memory::Watch;
use self::rules::Rules;
use crate::message::{Loaded, PolicyAnswer, PolicyTexts, Question};

/// The stack of evaluations. Pages that are not used take no memory.
const STACK: usize = 256 << 20;

/// Evaluates policies for the executor that started this process, until it closes the input.
#[must_use]
pub fn run_worker() -> ExitCode {
    // An image of this process would have arguments of calls.
    let no_image = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let served = no_image.map_err(io::Error::from).and_then(|()| {
        let thread = thread::Builder::new().stack_size(STACK).spawn(serve)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the evaluation panicked")))
    });
    // Nobody reads a reason. The executor sees the end of the output.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    let mut answer = |answer: String| {
        output.write_all(answer.as_bytes())?;
        output.write_all(b"\n")?;
        output.flush()
    };
    if input.read_line(&mut line)? == 0 {
        return Ok(());
    }
    let watch = match Watch::start() {
        Ok(watch) => watch,
        Err(error) => return answer(serde_json::to_string(&Loaded::Unbounded { reason: error.to_string() })?),
    };
    let sources: PolicyTexts = serde_json::from_str(&line)?;
    let loaded = watch.during(|| sources.into_iter().map(Rules::load).collect::<Result<Vec<_>, _>>());
    let mut policies = match loaded {
        Ok(policies) => policies,
        Err(fault) => return answer(serde_json::to_string(&Loaded::Fault(fault))?),
    };
    answer(serde_json::to_string(&Loaded::Ready)?)?;
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let question = Question::read(&line).ok_or(io::ErrorKind::InvalidData)?;
        let rules = policies.get_mut(question.policy).ok_or(io::ErrorKind::InvalidData)?;
        let ruling: PolicyAnswer = watch.during(|| rules.evaluate(question.document));
        answer(serde_json::to_string(&ruling)?)?;
    }
}
