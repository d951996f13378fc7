//! Policies held elsewhere: Rego and Cedar files as a further decision on each call.
//!
//! A policy can only deny: the contract has allowed the call already. Everything but a clear answer denies: an undefined rule, an error, a
//! timeout, exhausted memory or stack, arguments that the language cannot express.
//!
//! Policies are read and checked once, at start and at a reload. They are evaluated in processes of their own ([`run_worker`]), because
//! only a process can be bounded whole: both languages can loop, allocate and recurse inside of one step, and a call's arguments choose
//! how far. A policy sees the [`PolicyInput`] and nothing else: no network, no clock, no file, no random numbers.
//!
//! ```no_run
//! use callgate_policies::{Policies, PolicyFiles, PolicyInput, PolicySettings, WorkerProgram};
//!
//! let settings = PolicySettings::rego("amounts", "amounts.rego", "data.amounts.allow");
//! let file = "package amounts\nallow if input.arguments.amount <= 100";
//! let files = PolicyFiles::new(|_| Ok(file.to_owned()));
//! let policies = Policies::load(&[settings], &files, WorkerProgram::this())?;
//!
//! let input = |amount: u32| PolicyInput { tool: "pay".into(), arguments: format!("{{\"amount\":{amount}}}"), ..PolicyInput::default() };
//! assert!(policies.check(&input(7)).is_ok());
//! let denial = policies.check(&input(700)).unwrap_err();
//! assert_eq!(denial.to_string(), "expected policy `amounts` to allow the call");
//! # Ok::<_, callgate_policies::PolicyError>(())
//! ```

mod error;
mod files;
mod input;
mod message;
mod place;
mod pool;
mod settings;
#[cfg(feature = "worker")]
mod worker;

use std::fmt;
use std::time::Duration;

pub use self::error::{Cause, Denial, PolicyError};
pub use self::files::{FILE_BYTES, PolicyFiles};
pub use self::input::{PolicyContract, PolicyInput};
use self::message::{PolicyAnswer, Question};
use self::pool::Pool;
pub use self::pool::{WORKER_ARGUMENT, WorkerProgram};
pub use self::settings::{Language, PolicyFact, PolicySection, PolicySettings};
#[cfg(feature = "worker")]
pub use self::worker::run_worker;

/// The loaded policies, in the order of the configuration.
#[derive(Default)]
pub struct Policies {
    policies: Vec<Policy>,
    /// `None` without a policy.
    pool: Option<Pool>,
}

#[derive(Debug)]
struct Policy {
    name: String,
    timeout: Duration,
    facts: Vec<PolicyFact>,
}

// === impl Policies ===

impl Policies {
    /// Reads and checks every policy, in a process of `program`. Blocks.
    ///
    /// # Errors
    /// The first fault, with the policy and the file, line and column.
    pub fn load(
        settings: &[PolicySettings],
        files: &PolicyFiles<'_>,
        program: WorkerProgram,
    ) -> Result<Self, PolicyError> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let sources = settings.iter().map(|settings| files.source(settings)).collect::<Result<_, _>>()?;
        let pool = Pool::start(program, &sources)?;
        let policies = settings.iter().map(|PolicySettings { name, timeout, facts, .. }| Policy {
            name: name.clone(),
            timeout: *timeout,
            facts: facts.clone(),
        });
        Ok(Self { policies: policies.collect(), pool: Some(pool) })
    }

    /// Returns true without a policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Returns each policy's name with the facts that it reads.
    pub fn facts(&self) -> impl Iterator<Item = (&str, &[PolicyFact])> {
        self.policies.iter().map(|policy| (policy.name.as_str(), policy.facts.as_slice()))
    }

    /// Asks every policy, until one does not allow the call. Blocks.
    ///
    /// # Errors
    /// The first policy that does not allow the call.
    pub fn check(&self, input: &PolicyInput) -> Result<(), Denial> {
        let (Some(first), Some(pool)) = (self.policies.first(), &self.pool) else { return Ok(()) };
        let mut lease = pool.lease().map_err(|why| first.failed(why))?;
        for (index, policy) in self.policies.iter().enumerate() {
            let document = input.document(&policy.facts).map_err(|fact| policy.failed(Cause::Fact(fact)))?;
            let question = Question { policy: index, document: &document };
            let answer = lease.ask(&question, policy.timeout).map_err(|why| policy.failed(why))?;
            match answer {
                PolicyAnswer::Allow => {}
                PolicyAnswer::Deny => return Err(Denial::Denied { policy: policy.name.clone() }),
                PolicyAnswer::Error => return Err(policy.failed(Cause::Error)),
                PolicyAnswer::Timeout => return Err(policy.failed(Cause::Timeout)),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("policies", &self.policies).finish_non_exhaustive()
    }
}

// === impl Policy ===

impl Policy {
    fn failed(&self, why: Cause) -> Denial {
        Denial::Failed { policy: self.name.clone(), why }
    }
}
